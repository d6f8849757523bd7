import type {
  MemoryStore,
  PartitionName,
  RowChange,
  RowReader,
  RowStore,
  Store,
  WriteOptions
} from '@cis-memory/store'

type Write = (changes: readonly RowChange[], options?: WriteOptions) => Promise<void>
/** What becomes of a write to a partition; `write` does it. */
type OnWrite = (
  partition: PartitionName,
  write: () => Promise<void>,
  options: WriteOptions | undefined,
  changes: readonly RowChange[]
) => Promise<void>

/** A store whose writes go through a function of the test. Everything else is as in the store behind it. */
export function intercepted(store: MemoryStore, onWrite: OnWrite): Store {
  const partition = (name: PartitionName): RowStore => {
    const rows = store.partition(name)
    const write: Write = (changes, options) =>
      onWrite(name, () => rows.write(changes, options), options, changes)
    return new Proxy(rows, {
      get: (target, key) => {
        if (key === 'write') return write
        const value = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      }
    })
  }
  return withPartitions(store, partition)
}

function withPartitions(store: MemoryStore, partition: Store['partition']): Store {
  return {
    id: store.id,
    continuity: store.continuity,
    durability: store.durability,
    partition,
    acceptContinuity: () => store.acceptContinuity(),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close()
  }
}

/** How many public rows were read, by the letter they start with. */
export type ReadCounts = ReadonlyMap<string, number>

/** A store that counts which public rows are read from it, in snapshots too. */
export function counted(store: MemoryStore): { store: Store; reads: ReadCounts; reset(): void } {
  const reads = new Map<string, number>()
  const count = (key: Uint8Array): void => {
    const letter = String.fromCharCode(key[0] as number)
    reads.set(letter, (reads.get(letter) ?? 0) + 1)
  }
  const reader = <T extends RowReader>(rows: T): T =>
    new Proxy(rows, {
      get: (target, name) => {
        if (name === 'get') {
          return (key: Uint8Array) => {
            count(key)
            return target.get(key)
          }
        }
        if (name === 'getMany') {
          return (keys: readonly Uint8Array[]) => {
            keys.forEach(count)
            return target.getMany(keys)
          }
        }
        if (name === 'range') {
          return async function* (range: Parameters<RowReader['range']>[0]) {
            for await (const row of target.range(range)) {
              count(row.key)
              yield row
            }
          }
        }
        if (name === 'keys') {
          return async function* (range: Parameters<RowReader['keys']>[0]) {
            for await (const key of target.keys(range)) {
              count(key)
              yield key
            }
          }
        }
        if (name === 'snapshot') return () => reader((target as unknown as RowStore).snapshot())
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      }
    })
  const partition = (name: PartitionName): RowStore =>
    name === 'public' ? reader(store.partition(name)) : store.partition(name)
  return { store: withPartitions(store, partition), reads, reset: () => reads.clear() }
}

/** A gate that lets writes wait until the test opens it. */
export class Gate {
  #open: (() => void) | undefined
  #passed: Promise<void> = Promise.resolve()
  #arrive: (() => void) | undefined

  /** @returns what resolves when something stands at the gate */
  close(): Promise<void> {
    this.#passed = new Promise((resolve) => {
      this.#open = resolve
    })
    return new Promise((resolve) => {
      this.#arrive = resolve
    })
  }

  open(): void {
    this.#open?.()
  }

  pass(): Promise<void> {
    this.#arrive?.()
    return this.#passed
  }
}
