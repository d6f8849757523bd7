import { type Conflict, type Memory, type Merger, maySettle } from '@cis-memory/core'

export interface MergeByPolicyOptions {
  /** Ends it; so does closing it. */
  readonly signal?: AbortSignal
  /** Told of a conflict that the merger failed on. It stays contested and is not tried again before it changes. */
  readonly onError?: (error: unknown, conflict: Conflict) => void
}

/**
 * Has conflicts merged where the policy is `ai_merge`, one at a time: those that are open and those that come. Without
 * `auto` in the policy, what comes out waits for the owner. What was proposed for a conflict before, refused or not, is
 * left as it is, and so is what an undo has brought back.
 */
export function mergeByPolicy(
  memory: Memory,
  merger: Merger,
  options: MergeByPolicyOptions = {}
): AsyncDisposable & { close(): Promise<void> } {
  const work = new MergeWork(memory, merger, options)
  return { close: () => work.close(), [Symbol.asyncDispose]: () => work.close() }
}

class MergeWork {
  readonly #memory: Memory
  readonly #merger: Merger
  readonly #onError: MergeByPolicyOptions['onError']
  readonly #end = new AbortController()
  readonly #signal: AbortSignal
  /** One a path: an older conflict there is over. */
  readonly #waiting = new Map<string, Conflict>()
  #working: Promise<void> | undefined

  constructor(memory: Memory, merger: Merger, { signal, onError }: MergeByPolicyOptions) {
    this.#memory = memory
    this.#merger = merger
    this.#onError = onError
    this.#signal = signal === undefined ? this.#end.signal : AbortSignal.any([signal, this.#end.signal])
    memory.addEventListener('conflict:found', ({ detail }) => this.#add(detail), { signal: this.#signal })
    this.#start(() => this.#addOpen())
  }

  /** Gives up what it is at. May be called twice. */
  async close(): Promise<void> {
    this.#end.abort()
    await this.#working
  }

  #add(conflict: Conflict): void {
    if (!this.#isWanted(conflict)) return
    this.#waiting.set(conflict.path, conflict)
    this.#start(async () => {})
  }

  async #addOpen(): Promise<void> {
    for await (const conflict of this.#memory.getUnresolvedConflicts({ signal: this.#signal })) {
      if (this.#isWanted(conflict)) this.#waiting.set(conflict.path, conflict)
    }
  }

  #isWanted({ kind, path }: Conflict): boolean {
    // The name of what nobody can open is no path; `maySettle` has refused it by then.
    return (
      kind !== 'reopened' && maySettle('ai_merge', kind) && this.#memory.conflictModeAt(path) === 'ai_merge'
    )
  }

  #start(first: () => Promise<void>): void {
    this.#working ??= first()
      .then(() => this.#drain())
      .catch(() => undefined)
      .finally(() => {
        this.#working = undefined
        // What came after the last look and before this.
        if (this.#waiting.size > 0 && !this.#signal.aborted) this.#start(async () => {})
      })
  }

  async #drain(): Promise<void> {
    for (const [path, conflict] of this.#waiting) {
      this.#waiting.delete(path)
      if (this.#signal.aborted) return
      await this.#merge(conflict)
    }
  }

  async #merge(conflict: Conflict): Promise<void> {
    const options = { signal: this.#signal }
    try {
      if ((await this.#memory.getProposal(conflict.id, options)) !== undefined) return
      await this.#memory.proposeMerge(conflict.id, this.#merger, options)
    } catch (error) {
      // A conflict that has changed meanwhile is announced anew.
      const isStale = (error as { readonly code?: unknown }).code === 'CORE_STALE_CONFLICT'
      if (!isStale && !this.#signal.aborted) this.#onError?.(error, conflict)
    }
  }
}
