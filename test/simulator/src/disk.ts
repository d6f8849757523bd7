import {
  type Continuity,
  MemoryStore,
  type PartitionName,
  type Row,
  type RowChange,
  type RowReader,
  type RowSnapshot,
  type RowStore,
  type Store,
  StoreError,
  type WriteOptions
} from '@cis-memory/store'
import { closedError } from '../../../packages/store/src/errors.ts'
import { partitionByte, prefixed, unprefixed } from '../../../packages/store/src/level/row-sealer.ts'
import { type Operation, WriteQueue } from '../../../packages/store/src/level/write-queue.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

const PARTITIONS: readonly PartitionName[] = ['public', 'private', 'local']
/** States between which a power cut chooses; an operating system writes back what is older by itself. */
const MAX_UNSYNCED_STATES = 16

export interface DiskOptions {
  readonly time: VirtualTime
  readonly random: Random
  readonly id: Uint8Array
  readonly durability: 'disk' | 'os'
  /** Hears what reached the public partition, batch by batch. */
  readonly onLanded: (changes: readonly RowChange[]) => void
  /** Told of each thing that goes wrong. */
  readonly onFault: (what: string) => void
}

/** What a machine is left with when it stops without a word. */
export interface Crash {
  /** Whether the operating system is lost too, and with it all that was not waited for. */
  readonly isPowerCut: boolean
  /** Whether the batch on its way arrived. A batch that is torn in the middle does not count: LevelDB drops it. */
  readonly isLanded: boolean
  /** How much of what was not waited for is there nevertheless, from 0 to 1. */
  readonly kept: number
}

/** A copy of a store's files. */
export interface Backup {
  readonly rows: MemoryStore
}

/** The disk of one device: its rows, what would be left of them after a power cut, and who may go on from them. */
export class SimulatedDisk {
  isFull = false
  /** How often a read has to wait. */
  slowReads = 0
  readonly options: DiskOptions
  #rows: MemoryStore
  /** What a power cut may leave, earliest first; the first is on disk for certain. */
  #states: MemoryStore[]
  #doubt: Continuity = 'first-open'
  #isInUse = false

  constructor(options: DiskOptions, backup?: Backup) {
    this.options = options
    const { id, durability } = options
    this.#rows = backup?.rows.copy({ durability }) ?? new MemoryStore({ id, durability })
    this.#states = [this.#rows.copy()]
  }

  /** What a process of this device sees. */
  get rows(): MemoryStore {
    return this.#rows
  }

  /** What survives a power cut now. */
  get durable(): MemoryStore {
    return this.#states[0] as MemoryStore
  }

  open(): SimulatedStore {
    const wasUnclean = this.#isInUse && this.options.durability === 'os'
    if (this.#doubt === 'kept' && wasUnclean) this.#doubt = 'unclean-stop'
    this.#isInUse = true
    const continuity = this.#doubt
    // A store that was never written to leaves no doubt behind.
    if (continuity === 'first-open') this.#doubt = 'kept'
    return new SimulatedStore(this, continuity)
  }

  accept(): void {
    this.#doubt = 'kept'
  }

  closed(): void {
    this.#isInUse = false
    this.#states = [this.#rows.copy()]
  }

  land(operations: readonly Operation[], isSynced: boolean): void {
    const landing = byPartition(operations)
    for (const [name, changes] of landing) void this.#rows.partition(name).write(changes)
    const state = this.#rows.copy()
    if (isSynced) this.#states = [state]
    else if (this.#states.push(state) > MAX_UNSYNCED_STATES) this.#states.shift()
    this.options.onLanded(landing.get('public') ?? [])
  }

  crash({ isPowerCut, kept }: Crash): void {
    const { onFault } = this.options
    onFault(isPowerCut ? 'power cut' : 'process killed')
    if (!isPowerCut) return
    if (kept < 1 && this.#states.length > 1) onFault('unsynced writes lost')
    const left = this.#states[Math.round(kept * (this.#states.length - 1))] as MemoryStore
    this.#rows = left.copy()
    this.#states = [left]
  }

  backUp(): Backup {
    return { rows: this.#rows.copy() }
  }

  /** Puts a backup in place of what is here. Only one that left no trace goes unnoticed when the store is opened. */
  restore(backup: Backup, isSilent: boolean): void {
    this.#rows = backup.rows.copy()
    this.#states = [this.#rows.copy()]
    this.#doubt = isSilent ? 'kept' : 'copied-or-restored'
    this.#isInUse = false
  }
}

function byPartition(operations: readonly Operation[]): Map<PartitionName, RowChange[]> {
  const landing = new Map<PartitionName, RowChange[]>()
  for (const operation of operations) {
    const name = PARTITIONS.find((each) => partitionByte(each) === operation.key[0])
    if (name === undefined) continue
    const changes = landing.get(name) ?? []
    const key = unprefixed(operation.key)
    changes.push(
      operation.type === 'put' ? { type: 'put', key, value: operation.value } : { type: 'delete', key }
    )
    landing.set(name, changes)
  }
  return landing
}

/**
 * A disk as one process has it open. Batches go through the group commit of the LevelDB store. Once its process is
 * dead nothing it was asked is ever answered, and nothing reaches the disk any more.
 */
export class SimulatedStore implements Store {
  readonly id: Uint8Array
  readonly durability: 'disk' | 'os'
  readonly continuity: Continuity
  readonly #disk: SimulatedDisk
  readonly #queue: WriteQueue
  /** On its way to the disk. */
  #inFlight: { readonly operations: readonly Operation[]; readonly sync: boolean } | undefined
  #isDead = false
  #isClosed = false
  #crashAfter = Number.POSITIVE_INFINITY
  #onCrash: () => void = () => {}

  constructor(disk: SimulatedDisk, continuity: Continuity) {
    this.#disk = disk
    this.id = disk.options.id
    this.durability = disk.options.durability
    this.continuity = continuity
    this.#queue = new WriteQueue((operations, sync) => this.#apply(operations, sync))
  }

  partition(name: PartitionName): RowStore {
    this.#assertOpen()
    partitionByte(name)
    const write = (changes: readonly RowChange[], options: WriteOptions = {}): Promise<void> =>
      this.#write(name, changes, options)
    const current = (): RowStore => this.#disk.rows.partition(name)
    const read = (reader: () => RowReader): RowReader => this.#reader(reader)
    return {
      ...read(current),
      write,
      snapshot: (): RowSnapshot => {
        this.#assertOpen()
        const snapshot = current().snapshot()
        const close = (): Promise<void> => snapshot.close()
        return { ...read(() => snapshot), close, [Symbol.asyncDispose]: close }
      }
    }
  }

  async acceptContinuity(): Promise<void> {
    this.#assertOpen()
    if (this.continuity === 'kept') return
    await this.#wait(this.#disk.options.random.between(1, 5))
    this.#disk.accept()
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#queue.drained()
    await this.#wait(0)
    this.#disk.closed()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Has `onCrash` called when a batch is on its way for the `count`-th time from now. */
  crashAfter(count: number, onCrash: () => void): void {
    this.#crashAfter = count
    this.#onCrash = onCrash
  }

  /** Ends the process that has this open. */
  die(crash: Crash): void {
    this.#isDead = true
    if (this.#inFlight !== undefined) {
      this.#disk.options.onFault(crash.isLanded ? 'stopped after a write' : 'stopped in a write')
      if (crash.isLanded) this.#disk.land(this.#inFlight.operations, this.#inFlight.sync)
    }
    this.#disk.crash(crash)
  }

  #assertOpen(): void {
    if (this.#isClosed) throw closedError('store')
  }

  async #write(
    name: PartitionName,
    changes: readonly RowChange[],
    { sync = this.durability === 'disk' }: WriteOptions
  ): Promise<void> {
    this.#assertOpen()
    const partition = partitionByte(name)
    const operations = changes.map(
      (change): Operation =>
        change.type === 'put'
          ? { type: 'put', key: prefixed(partition, change.key), value: Uint8Array.from(change.value) }
          : { type: 'del', key: prefixed(partition, change.key) }
    )
    if (operations.length > 0 || sync) await this.#queue.write(operations, sync)
  }

  async #apply(operations: readonly Operation[], sync: boolean): Promise<void> {
    const { random } = this.#disk.options
    this.#inFlight = { operations, sync }
    if (--this.#crashAfter <= 0) this.#onCrash()
    await this.#wait(sync ? (random.chance(0.05) ? random.between(50, 500) : random.between(1, 12)) : 1)
    this.#inFlight = undefined
    if (!this.#disk.isFull) return this.#disk.land(operations, sync)
    this.#disk.options.onFault('write refused by a full disk')
    throw new StoreError('STORE_WRITE_FAILED', 'the simulated disk is full')
  }

  #reader(reader: () => RowReader): RowReader {
    return {
      get: (key) => this.#read(() => reader().get(key)),
      getMany: (keys) => this.#read(() => reader().getMany(keys)),
      range: (range) => this.#range(() => reader().range(range)),
      keys: (range) => this.#range(() => reader().keys(range))
    }
  }

  async *#range<T extends Row | Uint8Array>(rows: () => AsyncIterableIterator<T>): AsyncIterableIterator<T> {
    const iterator = rows()
    for (;;) {
      const next = await this.#read(() => iterator.next())
      if (next.done === true) return
      yield next.value
    }
  }

  async #read<T>(read: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    const { slowReads } = this.#disk
    const { random, onFault } = this.#disk.options
    if (slowReads > 0 && random.chance(slowReads)) {
      onFault('slow read')
      await this.#wait(random.between(1, 20))
    }
    const answer = await read()
    if (this.#isDead) await never()
    return answer
  }

  /** Never comes back once the process is dead. */
  async #wait(ms: number): Promise<void> {
    await this.#disk.options.time.pause(ms)
    if (this.#isDead) await never()
  }
}

/** Each is a promise of its own: one for all would keep hold of whoever waits for it. */
function never(): Promise<never> {
  return new Promise(() => {})
}
