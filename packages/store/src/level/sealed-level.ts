import {
  AbstractIterator,
  type AbstractIteratorOptions,
  AbstractLevel,
  type AbstractSnapshot
} from 'abstract-level'
import { ClassicLevel } from 'classic-level'

/** Seals the value of a row so that it opens under that row's key only. */
export interface ValueSealer {
  seal(key: Uint8Array, value: Uint8Array): Uint8Array
  /** Throws when `sealed` is not what `seal` made for `key`. */
  open(key: Uint8Array, sealed: Uint8Array): Uint8Array
}

/** What the range of an iterator says once abstract-level has checked it. */
type IteratorOptions = AbstractIteratorOptions<Uint8Array, Uint8Array> & {
  highWaterMarkBytes?: number
}
type ReadOptions = { snapshot?: AbstractSnapshot; fillCache?: boolean }
type Operation =
  | { type: 'put'; key: Uint8Array; value: Uint8Array; keyEncoding: 'view'; valueEncoding: 'view' }
  | { type: 'del'; key: Uint8Array; keyEncoding: 'view' }

/** What abstract-level may ask of us. Its types do not know `getSync` yet. */
const MANIFEST = {
  encodings: { view: true },
  has: true,
  createIfMissing: true,
  errorIfExists: true,
  explicitSnapshots: true,
  getSync: true,
  signals: { iterators: true }
}
const ENCODINGS = { keyEncoding: 'view', valueEncoding: 'view' } as const

/**
 * LevelDB whose values are sealed; keys stay as they are. It keeps abstract-level's whole contract, so that
 * abstract-level's own suite can judge it.
 */
export class SealedLevel<K = Uint8Array, V = Uint8Array> extends AbstractLevel<Uint8Array, K, V> {
  readonly #location: string
  readonly #sealer: ValueSealer
  #rows!: ClassicLevel<Uint8Array, Uint8Array>

  constructor(
    location: string,
    sealer: ValueSealer,
    options?: ConstructorParameters<typeof AbstractLevel<Uint8Array, K, V>>[1]
  ) {
    super(MANIFEST, options)
    this.#location = location
    this.#sealer = sealer
  }

  async _open(options: { createIfMissing: boolean; errorIfExists: boolean }): Promise<void> {
    // Made here and not in the constructor: it would open itself, with options that are not ours. Sealed bytes
    // do not compress.
    this.#rows = new ClassicLevel(this.#location, { ...ENCODINGS, ...options, compression: false })
    try {
      await this.#rows.open()
    } catch (error) {
      throw (error as Error).cause ?? error
    }
  }

  async _close(): Promise<void> {
    await this.#rows.close()
  }

  async _put(key: Uint8Array, value: Uint8Array, options: { sync?: boolean }): Promise<void> {
    await this.#rows.put(key, this.#sealer.seal(key, value), { ...options, ...ENCODINGS })
  }

  async _del(key: Uint8Array, options: { sync?: boolean }): Promise<void> {
    await this.#rows.del(key, { ...options, keyEncoding: 'view' })
  }

  async _batch(operations: Operation[], options: { sync?: boolean }): Promise<void> {
    const sealed = operations.map((operation) =>
      operation.type === 'put'
        ? { ...operation, value: this.#sealer.seal(operation.key, operation.value) }
        : operation
    )
    await this.#rows.batch(sealed, options)
  }

  async _get(key: Uint8Array, options: ReadOptions): Promise<Uint8Array | undefined> {
    return this.#opened(key, await this.#rows.get(key, { ...options, ...ENCODINGS }))
  }

  _getSync(key: Uint8Array, options: ReadOptions): Uint8Array | undefined {
    return this.#opened(key, this.#rows.getSync(key, options as ReadOptions & typeof ENCODINGS))
  }

  async _getMany(keys: Uint8Array[], options: ReadOptions): Promise<(Uint8Array | undefined)[]> {
    const sealed = await this.#rows.getMany(keys, { ...options, ...ENCODINGS })
    return sealed.map((value, i) => this.#opened(keys[i] as Uint8Array, value))
  }

  async _has(key: Uint8Array, options: ReadOptions): Promise<boolean> {
    return this.#rows.has(key, { ...options, keyEncoding: 'view' })
  }

  async _hasMany(keys: Uint8Array[], options: ReadOptions): Promise<boolean[]> {
    return this.#rows.hasMany(keys, { ...options, keyEncoding: 'view' })
  }

  async _clear(options: IteratorOptions): Promise<void> {
    await this.#rows.clear(options as Parameters<typeof this.clear>[0] & object)
  }

  _iterator(options: IteratorOptions): SealedIterator<K, V> {
    // A value opens under its key, so whoever reads values reads keys too.
    const rows = this.#rows.iterator<Uint8Array, Uint8Array>({ ...options, keys: true, ...ENCODINGS })
    return new SealedIterator(this, options, rows, this.#sealer)
  }

  _snapshot(options: object): AbstractSnapshot {
    return this.#rows.snapshot(options)
  }

  #opened(key: Uint8Array, sealed: Uint8Array | undefined): Uint8Array | undefined {
    return sealed === undefined ? undefined : this.#sealer.open(key, sealed)
  }
}

type Entry = [key: Uint8Array, value: Uint8Array]
type RowIterator = AbstractIterator<ClassicLevel<Uint8Array, Uint8Array>, Uint8Array, Uint8Array>

class SealedIterator<K, V> extends AbstractIterator<SealedLevel<K, V>, K, V> {
  readonly #rows: RowIterator
  readonly #sealer: ValueSealer
  readonly #hasValues: boolean
  /** Why the row after the last one returned could not be opened. */
  #failure: { readonly reason: unknown } | undefined

  constructor(db: SealedLevel<K, V>, options: IteratorOptions, rows: RowIterator, sealer: ValueSealer) {
    // abstract-level has encoded the bounds by now.
    super(db, options as AbstractIteratorOptions<unknown, unknown> as AbstractIteratorOptions<K, V>)
    this.#rows = rows
    this.#sealer = sealer
    this.#hasValues = options.values !== false
  }

  async _next(): Promise<Entry | undefined> {
    this.#throwFailure()
    const row = await this.#rows.next()
    return row === undefined ? undefined : this.#opened(row)
  }

  /** Rows before a damaged one are returned; the damaged one fails the next call. */
  async _nextv(size: number): Promise<Entry[]> {
    this.#throwFailure()
    const page = await this.#rows.nextv(size)
    const opened: Entry[] = []
    try {
      for (const row of page) opened.push(this.#opened(row))
    } catch (reason) {
      if (opened.length === 0) throw reason
      this.#failure = { reason }
    }
    return opened
  }

  /** One call below, not page after page: a snapshot that is being closed lets no second one begin. */
  async _all(): Promise<Entry[]> {
    this.#throwFailure()
    const rows = await this.#rows.all()
    return rows.map((row) => this.#opened(row))
  }

  _seek(target: Uint8Array): void {
    this.#failure = undefined
    this.#rows.seek(target, { keyEncoding: 'view' })
  }

  async _close(): Promise<void> {
    await this.#rows.close()
  }

  #opened([key, value]: Entry): Entry {
    return [key, this.#hasValues ? this.#sealer.open(key, value) : value]
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.reason
  }
}
