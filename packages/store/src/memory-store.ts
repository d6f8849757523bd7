import { randomBytes } from 'node:crypto'
import { closedError } from './errors.ts'
import { checkRange } from './range.ts'
import type {
  Continuity,
  PartitionName,
  Row,
  RowChange,
  RowRange,
  RowReader,
  RowSnapshot,
  RowStore,
  Store
} from './store.ts'

/** What a {@link MemoryStore} says of itself. */
export interface MemoryStoreOptions {
  /**
   * 16 bytes.
   * @default random
   */
  readonly id?: Uint8Array
  /** @default 'first-open' */
  readonly continuity?: Continuity
  /** @default 'disk' */
  readonly durability?: 'disk' | 'os'
}

const PARTITIONS: readonly PartitionName[] = ['public', 'private', 'local']

/**
 * The Store interface in the fewest lines, without a disk: the reference for other stores and the double for
 * tests. Every write is durable at once, in that {@link MemoryStore.copy} has it.
 */
export class MemoryStore implements Store {
  readonly id: Uint8Array
  readonly continuity: Continuity
  readonly durability: 'disk' | 'os'
  readonly #state: StoreState = { isClosed: false }
  readonly #partitions: ReadonlyMap<PartitionName, MemoryPartition>

  constructor(options: MemoryStoreOptions = {}) {
    const { id = randomBytes(16), continuity = 'first-open', durability = 'disk' } = options
    if (id.length !== 16) throw new RangeError(`expected a store id of 16 bytes, got ${id.length}`)
    this.id = Uint8Array.from(id)
    this.continuity = continuity
    this.durability = durability
    this.#partitions = new Map(PARTITIONS.map((name) => [name, new MemoryPartition(this.#state)]))
  }

  async acceptContinuity(): Promise<void> {}

  partition(name: PartitionName): RowStore {
    assertOpen(this.#state, 'store')
    const partition = this.#partitions.get(name)
    if (partition === undefined) throw new TypeError(`expected public, private or local, got ${String(name)}`)
    return partition
  }

  /**
   * Another store with the rows of this one as they are now: what opening it again gives, or a backup, or a
   * clone. Works on a closed store too.
   */
  copy(options: MemoryStoreOptions = {}): MemoryStore {
    const { id, durability } = this
    const copy = new MemoryStore({ id, durability, continuity: 'kept', ...options })
    for (const [name, partition] of this.#partitions) copy.#partitions.get(name)?.replaceRows(partition)
    return copy
  }

  async close(): Promise<void> {
    this.#state.isClosed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

interface StoreState {
  isClosed: boolean
}

interface StoredRow {
  /** One character per byte, so that comparing texts compares bytes. */
  readonly name: string
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Sorted rows. A write makes a new array, so whoever holds one has a view that stays. */
type View = readonly StoredRow[]

class MemoryReader implements RowReader {
  readonly #view: () => View

  /** @param view the rows to read now; throws once they may not be read any more. */
  constructor(view: () => View) {
    this.#view = view
  }

  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return find(this.#view(), key)
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    const view = this.#view()
    return keys.map((key) => find(view, key))
  }

  async *range(range: RowRange): AsyncIterableIterator<Row> {
    for (const { key, value } of this.#within(range)) {
      yield { key: Uint8Array.from(key), value: Uint8Array.from(value) }
    }
  }

  async *keys(range: RowRange): AsyncIterableIterator<Uint8Array> {
    for (const { key } of this.#within(range)) yield Uint8Array.from(key)
  }

  *#within(range: RowRange): Iterable<StoredRow> {
    const { gte, lt, reverse, limit } = checkRange(range)
    const view = this.#view()
    const start = firstAtOrAfter(view, nameOf(gte))
    const end = firstAtOrAfter(view, nameOf(lt))
    const count = Math.min(limit, Math.max(end - start, 0))
    for (let i = 0; i < count; i++) {
      yield view[reverse ? end - 1 - i : start + i] as StoredRow
      this.#view()
    }
  }
}

class MemoryPartition extends MemoryReader implements RowStore {
  readonly #state: StoreState
  #rows: View = []

  constructor(state: StoreState) {
    super(() => {
      assertOpen(state, 'store')
      return this.#rows
    })
    this.#state = state
  }

  replaceRows(origin: MemoryPartition): void {
    this.#rows = origin.#rows
  }

  async write(changes: readonly RowChange[]): Promise<void> {
    assertOpen(this.#state, 'store')
    const rows = this.#rows.slice()
    for (const change of changes) {
      const name = nameOf(change.key)
      const at = firstAtOrAfter(rows, name)
      const replaced = rows[at]?.name === name ? 1 : 0
      if (change.type === 'delete') rows.splice(at, replaced)
      else {
        const row = { name, key: Uint8Array.from(change.key), value: Uint8Array.from(change.value) }
        rows.splice(at, replaced, row)
      }
    }
    this.#rows = rows
  }

  snapshot(): RowSnapshot {
    assertOpen(this.#state, 'store')
    return new MemorySnapshot(this.#state, this.#rows)
  }
}

class MemorySnapshot extends MemoryReader implements RowSnapshot {
  readonly #state: StoreState

  constructor(store: StoreState, view: View) {
    const state = { isClosed: false }
    super(() => {
      assertOpen(store, 'store')
      assertOpen(state, 'snapshot')
      return view
    })
    this.#state = state
  }

  async close(): Promise<void> {
    this.#state.isClosed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

function assertOpen(state: StoreState, what: 'store' | 'snapshot'): void {
  if (state.isClosed) throw closedError(what)
}

function nameOf(key: Uint8Array): string {
  let name = ''
  for (const byte of key) name += String.fromCharCode(byte)
  return name
}

function firstAtOrAfter(view: View, name: string): number {
  let low = 0
  let high = view.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((view[middle] as StoredRow).name < name) low = middle + 1
    else high = middle
  }
  return low
}

function find(view: View, key: Uint8Array): Uint8Array | undefined {
  const name = nameOf(key)
  const row = view[firstAtOrAfter(view, name)]
  return row?.name === name ? Uint8Array.from(row.value) : undefined
}
