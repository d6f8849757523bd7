/** Batches that one write to the disk may carry. */
export const MAX_GROUP_BATCHES = 64
/** Bytes after which a group takes no further batch; a single larger batch still goes alone. */
export const MAX_GROUP_BYTES: number = 1024 * 1024

/** One change in LevelDB's own terms. */
export type Operation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

interface Batch {
  readonly operations: readonly Operation[]
  readonly sync: boolean
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * Group commit: a batch is written at once when the disk is idle; what arrives while it is busy goes together in
 * the next write, so that many writers share one fsync.
 *
 * Batches are applied in the order of the calls. A group is one LevelDB batch, so each of its members is applied
 * wholly or not at all, and when it fails, all of them do.
 */
export class WriteQueue {
  readonly #apply: (operations: Operation[], sync: boolean) => Promise<void>
  #waiting: Batch[] = []
  #run: Promise<void> | undefined

  constructor(apply: (operations: Operation[], sync: boolean) => Promise<void>) {
    this.#apply = apply
  }

  write(operations: readonly Operation[], sync: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, sync, resolve, reject })
      this.#run ??= this.#applyAll()
    })
  }

  /** Resolves once nothing waits. */
  async drained(): Promise<void> {
    await this.#run
  }

  async #applyAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        await this.#apply(
          group.flatMap((batch) => batch.operations),
          group.some((batch) => batch.sync)
        )
        for (const batch of group) batch.resolve()
      } catch (reason) {
        for (const batch of group) batch.reject(reason)
      }
    }
    this.#run = undefined
  }

  #takeGroup(): Batch[] {
    let bytes = 0
    let count = 0
    while (count < Math.min(this.#waiting.length, MAX_GROUP_BATCHES) && bytes < MAX_GROUP_BYTES) {
      bytes += sizeOf(this.#waiting[count] as Batch)
      count++
    }
    return this.#waiting.splice(0, count)
  }
}

function sizeOf(batch: Batch): number {
  return batch.operations.reduce(
    (sum, operation) => sum + operation.key.length + (operation.type === 'put' ? operation.value.length : 0),
    0
  )
}
