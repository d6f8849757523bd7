import type { AbortOptions, Notice, Runtime } from '@cis-memory/core'
import { HOLDER_WAIT_MS } from '../limits.ts'
import type {
  CallArguments,
  CallName,
  CallResult,
  StreamArguments,
  StreamItem,
  StreamName
} from '../operations/contract.ts'
import type { CisSession } from '../operations/session.ts'
import { type Backend, sessionClosed } from './acquire.ts'

export interface SessionParts {
  readonly scope: string
  readonly backend: Backend
  readonly runtime: Runtime
  /** Finds another backend when the one there was is gone. */
  acquire(signal: AbortSignal): Promise<Backend>
}

/**
 * A session over whoever has the store open. When a holder goes away between two operations, the next one finds its
 * successor or opens the store; an operation that was under way fails, because it may have happened.
 */
export class Session implements CisSession {
  readonly scope: string
  readonly #parts: SessionParts
  readonly #closing = new AbortController()
  #backend: Backend
  /** A backend that takes no more requests. What it still has under way ends with it. */
  #retired: Backend | undefined
  #acquiring: Promise<Backend> | undefined
  #closed: Promise<void> | undefined

  constructor(parts: SessionParts) {
    this.scope = parts.scope
    this.#parts = parts
    this.#backend = parts.backend
  }

  get via(): 'store' | 'socket' {
    return this.#backend.via
  }

  get notice(): Notice | undefined {
    return this.#backend.notice
  }

  async call<K extends CallName>(
    name: K,
    args: CallArguments<K>,
    options: AbortOptions = {}
  ): Promise<CallResult<K>> {
    const signal = this.#signal(options)
    const deadline = this.#parts.runtime.now() + HOLDER_WAIT_MS
    for (;;) {
      const backend = await this.#ready(signal)
      try {
        return (await backend.call(name, args, signal)) as CallResult<K>
      } catch (error) {
        signal.throwIfAborted()
        this.#leave(backend, error, deadline)
      }
    }
  }

  async *stream<K extends StreamName>(
    name: K,
    args: StreamArguments<K>,
    options: AbortOptions = {}
  ): AsyncGenerator<StreamItem<K>, void, undefined> {
    const signal = this.#signal(options)
    const deadline = this.#parts.runtime.now() + HOLDER_WAIT_MS
    for (;;) {
      const backend = await this.#ready(signal)
      let hasBegun = false
      try {
        for await (const item of backend.stream(name, args, signal)) {
          hasBegun = true
          yield item as StreamItem<K>
        }
        return
      } catch (error) {
        signal.throwIfAborted()
        if (hasBegun) throw error
        this.#leave(backend, error, deadline)
      }
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#closing.abort(sessionClosed())
    await this.#acquiring?.catch(() => {})
    await this.#backend.close()
  }

  #signal({ signal }: AbortOptions): AbortSignal {
    const { signal: closing } = this.#closing
    return signal === undefined ? closing : AbortSignal.any([closing, signal])
  }

  async #ready(signal: AbortSignal): Promise<Backend> {
    signal.throwIfAborted()
    if (this.#backend.isOpen && this.#backend !== this.#retired) return this.#backend
    this.#acquiring ??= this.#parts
      .acquire(this.#closing.signal)
      .then((backend) => {
        this.#backend = backend
        return backend
      })
      .finally(() => {
        this.#acquiring = undefined
      })
    return this.#acquiring
  }

  /** Makes the next attempt ask somebody else, when the error says that nothing was done here. */
  #leave(backend: Backend, error: unknown, deadline: number): void {
    const { code } = error as { readonly code?: unknown }
    if (code !== 'CIS_HOLDER_CLOSING' || this.#parts.runtime.now() >= deadline) throw error
    this.#retired = backend
  }
}
