import type { MemoryStore, PartitionName, RowChange, RowStore, Store, WriteOptions } from '@cis-memory/store'

type Write = (changes: readonly RowChange[], options?: WriteOptions) => Promise<void>
/** What becomes of a write to a partition; `write` does it. */
type OnWrite = (partition: PartitionName, write: () => Promise<void>, options?: WriteOptions) => Promise<void>

/** A store whose writes go through a function of the test. Everything else is as in the store behind it. */
export function intercepted(store: MemoryStore, onWrite: OnWrite): Store {
  const partition = (name: PartitionName): RowStore => {
    const rows = store.partition(name)
    const write: Write = (changes, options) => onWrite(name, () => rows.write(changes, options), options)
    return new Proxy(rows, {
      get: (target, key) => {
        if (key === 'write') return write
        const value = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      }
    })
  }
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
