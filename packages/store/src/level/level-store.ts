/*
 * A store in a directory:
 *
 *   store.json    format, store id, wrapped data key (header.ts)
 *   rows/         LevelDB with sealed values (row-sealer.ts); its lock is the store's lock
 *   lease         the outside half of the lease (lease.ts)
 *   holder.json   who has the store open (holder.ts)
 *
 * Creating takes the lock first and writes store.json last: a directory without it holds no store yet, whatever
 * else a crash left there. Opening checks the key before it takes the lock, so a wrong key touches nothing.
 *
 * The lock is a POSIX record lock on rows/LOCK: it is gone as soon as the process that holds it opens and closes
 * that file in another way. Whatever copies the files of an open store in its own process has to skip it.
 */
import { hkdfSync, randomBytes } from 'node:crypto'
import { access, chmod, readdir, realpath, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { closedError, StoreError, StoreLockedError } from '../errors.ts'
import { SEAL_KEY_BYTES, SealingKey } from '../seal.ts'
import type {
  Continuity,
  PartitionName,
  RowChange,
  RowSnapshot,
  RowStore,
  Store,
  WriteOptions
} from '../store.ts'
import {
  errorCode,
  HOLDER_FILE,
  makeDirectories,
  probeWriting,
  ROWS_DIRECTORY,
  syncDirectory,
  syncLogs,
  toDirectoryError
} from './files.ts'
import { readHeader, type StoreHeader, unwrapDataKey, wrapDataKey, writeHeader } from './header.ts'
import { readHolder, writeHolder } from './holder.ts'
import type { KeySource } from './keystore.ts'
import { judgeLease, type LeaseState, renewLease } from './lease.ts'
import { LevelReader, LevelSnapshot, type RowSource } from './level-reader.ts'
import { META_PARTITION, partitionByte, prefixed, RowSealer } from './row-sealer.ts'
import { SealedLevel } from './sealed-level.ts'
import { type Operation, WriteQueue } from './write-queue.ts'

export interface LevelStoreOptions {
  /** Where the store lives. Nothing else should: it is the unit of backup. */
  readonly directory: string
  readonly key: KeySource
  /**
   * Whether a write is acknowledged once it is on disk, or as soon as the operating system has it. In `os` a stop
   * without `close` makes the next opening answer `unclean-stop`.
   * @default 'disk'
   */
  readonly durability?: 'disk' | 'os'
  /** @default true */
  readonly createIfMissing?: boolean
  /** Where this process listens, told to those who find the store locked. */
  readonly socketPath?: string
}

const STORE_ID_BYTES = 16
const ROWS_LABEL = 'cis/store/rows/1'
const LEASE_LABEL = 'cis/store/lease/1'

/**
 * Opens the encrypted store in a directory, making it when there is none.
 *
 * @throws {StoreError}
 * - `STORE_WRONG_KEY` when `key` does not open the store; nothing was touched.
 * - `STORE_LOCKED` ({@link StoreLockedError}) when it is open already, here or in another process.
 * - `STORE_NOT_FOUND` when there is no store and `createIfMissing` is false.
 * - `STORE_NOT_A_DIRECTORY`, `STORE_NOT_WRITABLE`, `STORE_READ_FAILED` or `STORE_WRITE_FAILED` when the directory
 *   cannot be used.
 * - `STORE_NEWER_FORMAT` when a newer version of cis wrote it.
 * - `STORE_DAMAGED` when the directory lacks a part or a part cannot be understood.
 * - what the key throws, such as `STORE_KEY_FILE_MISSING`.
 */
export async function openLevelStore(options: LevelStoreOptions): Promise<Store> {
  const { createIfMissing = true } = options
  try {
    if (createIfMissing) await makeDirectory(options.directory)
    // LevelDB tells its own openings in one process apart by their path, so a store must have one path only.
    const settled = { ...options, directory: await realpath(options.directory) }
    const header = await readHeader(settled.directory)
    if (header !== undefined) return await openExisting(settled, header)
    if (createIfMissing) return await create(settled)
  } catch (error) {
    throw toDirectoryError(error)
  }
  throw noStore()
}

/**
 * Wraps the data key of a store with another key. Takes the same time at any size, works while the store is open,
 * and after a crash either the old key or the new one opens it. What someone already copied still opens with the
 * old key.
 *
 * @throws {StoreError} `STORE_WRONG_KEY` when `key` does not open the store, `STORE_NOT_FOUND`, and what the keys
 * and the directory throw, as in {@link openLevelStore}.
 */
export async function changeKey(options: {
  readonly directory: string
  readonly key: KeySource
  readonly newKey: KeySource
}): Promise<void> {
  const { key, newKey } = options
  try {
    const directory = await realpath(options.directory)
    const header = await readHeader(directory)
    if (header === undefined) throw noStore()
    const dataKey = await unwrapDataKey(header, key)
    await writeHeader(directory, await wrapDataKey(header.id, dataKey, newKey))
    dataKey.fill(0)
  } catch (error) {
    throw toDirectoryError(error)
  }
}

async function makeDirectory(directory: string): Promise<void> {
  const made = await makeDirectories(resolve(directory))
  if (made !== undefined) await syncDirectory(resolve(made, '..'))
}

async function create(options: LevelStoreOptions): Promise<Store> {
  const { directory } = options
  await probeWriting(directory)
  if ((await readdir(directory)).length === 0) await chmod(directory, 0o700)

  const id = randomBytes(STORE_ID_BYTES)
  const dataKey = randomBytes(SEAL_KEY_BYTES)
  const header = await wrapDataKey(id, dataKey, options.key)
  const parts = partsOf(options, id, dataKey)
  dataKey.fill(0)
  await makeDirectories(parts.rowsDirectory)
  const level = await openRows(parts, true)
  try {
    // Whoever held the lock before us may have finished creating the store.
    const earlier = await readHeader(directory)
    if (earlier !== undefined) {
      await level.close()
      return await openExisting(options, earlier)
    }
    await discardUnfinished(level)
    const store = await take(parts, level, 'first-open')
    await writeHeader(directory, header)
    return store
  } catch (error) {
    await level.close()
    throw error
  }
}

async function openExisting(options: LevelStoreOptions, header: StoreHeader): Promise<Store> {
  const { directory } = options
  const dataKey = await unwrapDataKey(header, options.key)
  const parts = partsOf(options, header.id, dataKey)
  dataKey.fill(0)
  await probeWriting(directory)
  await access(parts.rowsDirectory).catch((cause) => {
    throw damagedRows('its directory rows is missing', cause)
  })
  const level = await openRows(parts, false)
  try {
    if (!(await level.has(parts.leaseRow))) throw damagedRows('its rows belong to another store')
    const row = await level.get(parts.leaseRow).catch((error: unknown) => {
      if (errorCode(error) === 'STORE_CORRUPT_ROW') return undefined
      throw error
    })
    return await take(parts, level, await judgeLease(directory, parts.leaseKey, row))
  } catch (error) {
    await level.close()
    throw error
  }
}

/** What a store consists of beside its rows. */
interface Parts {
  readonly directory: string
  readonly rowsDirectory: string
  readonly id: Uint8Array
  readonly durability: 'disk' | 'os'
  readonly socketPath: string | undefined
  readonly sealingKey: SealingKey
  readonly leaseKey: Uint8Array
  /** LevelDB key of the lease. It names the store, so that rows of another one are recognised. */
  readonly leaseRow: Uint8Array
}

function partsOf(options: LevelStoreOptions, id: Uint8Array, dataKey: Uint8Array): Parts {
  const { directory, durability = 'disk', socketPath } = options
  const rowsDirectory = join(directory, ROWS_DIRECTORY)
  const rowsKey = derive(dataKey, ROWS_LABEL)
  const sealingKey = new SealingKey(rowsKey)
  rowsKey.fill(0)
  return {
    directory,
    rowsDirectory,
    id: Uint8Array.from(id),
    durability,
    socketPath,
    sealingKey,
    leaseKey: derive(dataKey, LEASE_LABEL),
    leaseRow: prefixed(META_PARTITION, Buffer.concat([Buffer.from('lease'), id]))
  }
}

function derive(dataKey: Uint8Array, label: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', dataKey, '', label, SEAL_KEY_BYTES))
}

async function openRows(parts: Parts, createIfMissing: boolean): Promise<SealedLevel> {
  const options = { keyEncoding: 'view', valueEncoding: 'view', createIfMissing }
  const level = new SealedLevel(parts.rowsDirectory, new RowSealer(parts.id, parts.sealingKey), options)
  try {
    await level.open()
    return level
  } catch (error) {
    const cause = (error as Error).cause
    if (errorCode(cause) === 'LEVEL_LOCKED') {
      throw new StoreLockedError((await readHolder(parts.directory)) ?? {}, { cause })
    }
    if (errorCode(cause) === 'LEVEL_IO_ERROR') {
      throw new StoreError(
        'STORE_READ_FAILED',
        'the disk did not give the rows; nothing was changed; check the disk and the owner of the files, then open again',
        { cause }
      )
    }
    throw damagedRows('LevelDB cannot open its rows', cause)
  }
}

/** Clears the store's own rows of a creation that a crash ended; other rows would mean that store.json is lost. */
async function discardUnfinished(level: SealedLevel): Promise<void> {
  const partitions = Uint8Array.of(META_PARTITION + 1)
  const first = await level.keys({ gte: partitions, limit: 1 }).all()
  if (first.length > 0) throw damagedRows('its store.json is missing')
  await level.clear({ lt: partitions })
}

/** Makes the store ours: nobody gets it before the new lease is durable. */
async function take(parts: Parts, level: SealedLevel, continuity: Continuity): Promise<Store> {
  await writeLease(parts, level, `open-${parts.durability}`, continuity)
  await writeHolder(parts.directory, parts.socketPath)
  return new LevelStore(parts, level, continuity, await inodeAt(parts.rowsDirectory))
}

/** Which directory is at a path; `undefined` when none is. */
async function inodeAt(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path, { bigint: true })
    return `${dev} ${ino}`
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined
    throw error
  }
}

async function writeLease(
  { directory, leaseKey, leaseRow }: Parts,
  level: SealedLevel,
  state: LeaseState,
  doubt: Continuity
): Promise<void> {
  const row = await renewLease(directory, leaseKey, state, doubt)
  await level.batch([{ type: 'put', key: leaseRow, value: row }], { sync: true } as object)
}

class LevelStore implements Store {
  readonly id: Uint8Array
  readonly continuity: Continuity
  readonly durability: 'disk' | 'os'
  readonly #parts: Parts
  readonly #level: SealedLevel
  readonly #queue: WriteQueue
  readonly #rowsInode: string | undefined
  /** Whether a batch was written since the disk last had everything. */
  #isBehind = false
  /**
   * A batch that failed. It may have left half of itself in LevelDB's log, and whatever is written behind that is lost
   * when the log is read, so nothing is.
   */
  #failure: { readonly cause: unknown } | undefined
  /** What the next opening is to be told unless this store's writer accepts it first. */
  #doubt: Continuity
  #closing: Promise<void> | undefined

  constructor(parts: Parts, level: SealedLevel, continuity: Continuity, rowsInode: string | undefined) {
    this.id = parts.id
    this.continuity = continuity
    this.#doubt = continuity
    this.durability = parts.durability
    this.#parts = parts
    this.#level = level
    this.#rowsInode = rowsInode
    this.#queue = new WriteQueue((operations, sync) => this.#apply(operations, sync))
  }

  partition(name: PartitionName): RowStore {
    const byte = partitionByte(name)
    this.#assertOpen()
    const write: PartitionWriter = (operations, sync) => this.#write(operations, sync)
    return new LevelPartition({ level: this.#level, assertOpen: () => this.#assertOpen() }, byte, write)
  }

  async acceptContinuity(): Promise<void> {
    this.#assertOpen()
    if (this.#doubt === 'kept') return
    this.#assertWritable()
    await writeLease(this.#parts, this.#level, `open-${this.durability}`, 'kept')
    this.#doubt = 'kept'
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #assertOpen(): void {
    if (this.#closing !== undefined) throw closedError('store')
  }

  async #write(operations: readonly Operation[], sync = this.durability === 'disk'): Promise<void> {
    if (operations.length > 0) return this.#queue.write(operations, sync)
    // LevelDB skips an empty batch; deleting nothing makes it wait for the disk.
    if (sync) await this.#queue.write([{ type: 'del', key: Uint8Array.of(META_PARTITION) }], true)
  }

  #assertWritable(): void {
    if (this.#failure === undefined) return
    throw new StoreError(
      'STORE_WRITE_FAILED',
      'the disk refused an earlier batch, and what is written behind that could be lost; nothing was written; free some space or check the disk, then open the store again',
      this.#failure
    )
  }

  async #apply(operations: Operation[], sync: boolean): Promise<void> {
    this.#assertWritable()
    try {
      await this.#level.batch(operations, { sync } as object)
      if (!sync) this.#isBehind = true
      else if (this.#isBehind) await this.#catchUp()
    } catch (cause) {
      this.#failure = { cause }
      throw new StoreError(
        'STORE_WRITE_FAILED',
        'the disk refused a batch; everything acknowledged before is kept, whether this batch is kept shows when the store is opened again; free some space or check the disk, then open the store again',
        { cause }
      )
    }
    // Files that are open take what is written to them after their names are gone, and nobody finds it again.
    if (sync && !(await this.#isInPlace())) {
      throw new StoreError(
        'STORE_MOVED',
        'the directory of the store was moved, removed or replaced while it was open; everything acknowledged before is where the directory went, whether this batch is shows when it is opened there; put it back, then open the store again'
      )
    }
  }

  async #isInPlace(): Promise<boolean> {
    return (await inodeAt(this.#parts.rowsDirectory)) === this.#rowsInode
  }

  /** LevelDB's own sync covers its newest log; batches that were not waited for may be in the one before. */
  async #catchUp(): Promise<void> {
    await syncLogs(this.#parts.rowsDirectory)
    this.#isBehind = false
  }

  async #close(): Promise<void> {
    await this.#queue.drained()
    const level = this.#level
    const { directory, leaseKey, sealingKey } = this.#parts
    try {
      if (this.#isBehind) await this.#catchUp()
      // What is in its place belongs to somebody else.
      if (await this.#isInPlace()) {
        if (this.#failure === undefined) await writeLease(this.#parts, level, 'stopped', this.#doubt)
        await rm(join(directory, HOLDER_FILE), { force: true })
      }
    } catch {
      // A full or vanished disk. The next opening then doubts its continuity, which is the safe answer.
    } finally {
      await level.close()
      sealingKey.wipe()
      leaseKey.fill(0)
    }
  }
}

type PartitionWriter = (operations: readonly Operation[], sync: boolean | undefined) => Promise<void>

class LevelPartition extends LevelReader implements RowStore {
  readonly #source: RowSource
  readonly #partition: number
  readonly #write: PartitionWriter

  constructor(source: RowSource, partition: number, write: PartitionWriter) {
    super(source, partition)
    this.#source = source
    this.#partition = partition
    this.#write = write
  }

  async write(changes: readonly RowChange[], options: WriteOptions = {}): Promise<void> {
    this.#source.assertOpen()
    const operations = changes.map((change) => this.#operation(change))
    await this.#write(operations, options.sync)
  }

  snapshot(): RowSnapshot {
    this.#source.assertOpen()
    return new LevelSnapshot(this.#source, this.#partition)
  }

  /** Copies: the caller's bytes are borrowed, and the batch may have to wait for its turn. */
  #operation(change: RowChange): Operation {
    const key = prefixed(this.#partition, change.key)
    return change.type === 'put'
      ? { type: 'put', key, value: Uint8Array.from(change.value) }
      : { type: 'del', key }
  }
}

function noStore(): StoreError {
  return new StoreError(
    'STORE_NOT_FOUND',
    'there is no store in this directory; nothing was changed; check the path, or create the store first'
  )
}

function damagedRows(what: string, cause?: unknown): StoreError {
  return new StoreError(
    'STORE_DAMAGED',
    `the store cannot be opened: ${what}; its files are left as they are; restore the directory from a backup`,
    { cause }
  )
}
