/** One row: a key that is safe to show (tokens and counters, never names) and its value in the clear. */
export interface Row {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** A span of keys in byte order, half open. */
export interface RowRange {
  /** First key of the span. */
  readonly gte: Uint8Array
  /** First key after the span. */
  readonly lt: Uint8Array
  /** Last key first. @default false */
  readonly reverse?: boolean
  /** Rows at most. @default no limit; the caller stops by leaving the loop */
  readonly limit?: number
}

/** One change of a batch. */
export type RowChange =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }

/** Reads rows. Values are the caller's to keep; keys and values given in are only borrowed for the call. */
export interface RowReader {
  /**
   * The value of a key, or `undefined`.
   *
   * @throws {CorruptRowError} `STORE_CORRUPT_ROW` when the row fails authentication; other rows stay readable.
   */
  get(key: Uint8Array): Promise<Uint8Array | undefined>
  /** The values of several keys, in their order. Cheaper than as many single reads. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>
  /**
   * The rows of a range as they are when the first is read, a page at a time; leaving the loop frees what it
   * holds.
   *
   * @throws {CorruptRowError} `STORE_CORRUPT_ROW` at a row that fails authentication, after the rows before it;
   * a new range can start behind its `key`.
   */
  range(range: RowRange): AsyncIterableIterator<Row>
  /** The keys of a range, without opening their values. */
  keys(range: RowRange): AsyncIterableIterator<Uint8Array>
}

/** A view fixed at a moment. Close it: an open one keeps old rows alive. */
export interface RowSnapshot extends RowReader, AsyncDisposable {
  close(): Promise<void>
}

export interface WriteOptions {
  /**
   * Wait until the disk has the batch. Without it a crash of the machine may lose the batch, and a crash of
   * the process may not.
   * @default true in durability `disk`, false in `os`
   */
  readonly sync?: boolean
}

/** Rows that live apart: a reader of one partition cannot name a row of another. */
export interface RowStore extends RowReader {
  /**
   * Applies all changes or none, and calls in their order. Later changes of one key win. With `sync`, an empty
   * list waits until the disk has what was written before.
   *
   * @throws {StoreError} `STORE_WRITE_FAILED` when the disk refuses, and from then on: only opening the store again
   * shows what it has.
   */
  write(changes: readonly RowChange[], options?: WriteOptions): Promise<void>
  /** A view of this moment. It costs nothing until rows change. */
  snapshot(): RowSnapshot
}

/**
 * Which rows a handle reaches. `public` is what sync may read; `private` is opened through a handle that sync
 * is never given; `local` holds what belongs to this store alone: identity, invitations, audit.
 */
export type PartitionName = 'public' | 'private' | 'local'

/**
 * Whether this store goes on where it stopped. `kept` says that no other copy can have written meanwhile, as far
 * as one machine can know; every other answer means that ids of this store's writes may be in use elsewhere.
 */
export type Continuity = 'kept' | 'first-open' | 'copied-or-restored' | 'unclean-stop'

/**
 * Ordered, durable, encrypted rows. Implementations pass `storeSuite` of `@cis-memory/store/compliance`.
 */
export interface Store extends AsyncDisposable {
  /** 16 bytes that name this store for life; copies of its files share it. */
  readonly id: Uint8Array
  readonly continuity: Continuity
  /** Whether an acknowledged write is on disk (`disk`) or may still be lost with the machine (`os`). */
  readonly durability: 'disk' | 'os'
  partition(name: PartitionName): RowStore
  /**
   * Says that whoever writes here goes on in a way that needs no doubt any more: under new ids. Until then every
   * opening repeats its doubt, so that a copy which was only looked into is still known as one.
   */
  acceptContinuity(): Promise<void>
  /** Refuses new work, waits for the writes in flight, and releases the lock. May be called twice. */
  close(): Promise<void>
}
