import type { PartitionName } from './store.ts'

/** What a store can fail with. Branch on it; messages are for people and may change. */
export type StoreErrorCode =
  | 'STORE_CLOSED'
  | 'STORE_CORRUPT_ROW'
  | 'STORE_DAMAGED'
  | 'STORE_KEY_FILE_DAMAGED'
  | 'STORE_KEY_FILE_MISSING'
  | 'STORE_KEY_FILE_OPEN'
  | 'STORE_LOCKED'
  | 'STORE_MOVED'
  | 'STORE_NEWER_FORMAT'
  | 'STORE_NOT_A_DIRECTORY'
  | 'STORE_NOT_FOUND'
  | 'STORE_NOT_WRITABLE'
  | 'STORE_READ_FAILED'
  | 'STORE_WRITE_FAILED'
  | 'STORE_WRONG_KEY'

/** Something a caller of a store can act on; {@link StoreErrorCode} says what. */
export class StoreError extends Error {
  override readonly name: string = 'StoreError'
  readonly code: StoreErrorCode

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A row failed authentication: it was altered on disk, or moved there from another key or another store. */
export class CorruptRowError extends StoreError {
  override readonly name = 'CorruptRowError'
  declare readonly code: 'STORE_CORRUPT_ROW'
  readonly partition: PartitionName
  /** The first byte of the row's key as a character, when it can be printed: which kind of row it is. */
  readonly rowKind: string | undefined
  /** The row's key: reading may go on after it, and whoever has another copy can write it again. */
  readonly key: Uint8Array

  constructor(partition: PartitionName, key: Uint8Array, options?: ErrorOptions) {
    super(
      'STORE_CORRUPT_ROW',
      'a row failed authentication: it was altered on disk; nothing was returned for it, other rows stay readable; write it again or restore a backup',
      options
    )
    this.partition = partition
    const first = key[0]
    this.rowKind =
      first !== undefined && first > 0x20 && first < 0x7f ? String.fromCharCode(first) : undefined
    this.key = key
  }
}

/** Another opener has the store. */
export class StoreLockedError extends StoreError {
  override readonly name = 'StoreLockedError'
  declare readonly code: 'STORE_LOCKED'
  /** The process that has the store open, when it left word and still runs. */
  readonly pid: number | undefined
  /** Where that process listens, when it does. */
  readonly socketPath: string | undefined

  constructor(
    holder: { readonly pid?: number | undefined; readonly socketPath?: string | undefined },
    options?: ErrorOptions
  ) {
    const who = holder.pid === undefined ? 'another process' : `process ${holder.pid}`
    super(
      'STORE_LOCKED',
      `${who} has this store open; nothing was changed; talk to that process, or stop it and open again`,
      options
    )
    this.pid = holder.pid
    this.socketPath = holder.socketPath
  }
}

/** The error of every use of a store, a partition or a snapshot after it was closed. */
export function closedError(what: 'store' | 'snapshot', options?: ErrorOptions): StoreError {
  return new StoreError(
    'STORE_CLOSED',
    `this ${what} is closed; what it had acknowledged is kept; open it again to go on`,
    options
  )
}

/** The error of a key that does not open a store. `what` ends in what happened. */
export function wrongKey(what: string): StoreError {
  return new StoreError('STORE_WRONG_KEY', `${what}; nothing was changed; try again with the right key`)
}
