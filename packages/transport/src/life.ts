import type { Runtime } from '@cis-memory/core'
import { notRunning } from './errors.ts'
import { DIAL_TIMEOUT_MS } from './limits.ts'
import { withDeadline } from './waiting.ts'

type State = 'created' | 'running' | 'stopped'

/** A network's one life: it starts once and stops once, and nothing that waits outlives it. */
export class Life {
  readonly #runtime: Runtime
  readonly #stopping = new AbortController()
  #state: State = 'created'

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  get isOver(): boolean {
    return this.#state === 'stopped'
  }

  begin(): void {
    this.#state = 'running'
  }

  /** Ends it, and all that waits within {@link bounded}. */
  end(): void {
    this.#state = 'stopped'
    this.#stopping.abort(notRunning())
  }

  /** Work that has to be through in the time of one dial, or by the end of this life. */
  bounded<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signals = [this.#stopping.signal, signal]
    return withDeadline({ runtime: this.#runtime, ms: DIAL_TIMEOUT_MS, signals }, work)
  }
}
