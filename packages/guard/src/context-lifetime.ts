import type { Memory } from '@cis-memory/core'
import { ConflictPendingError, GuardError } from './errors.ts'
import type { GuardAudit } from './guard-audit.ts'
import { type ConflictNotification, idsOf, notificationOf, notificationsIn } from './notifications.ts'

export interface LifetimeOptions {
  readonly agent: string
  readonly audit: GuardAudit
  readonly onConflict: 'abort' | 'finish'
  readonly maxAgeMs: number
  readonly now: () => number
  readonly onClosed: (lifetime: ContextLifetime) => void
}

/**
 * How long one context is good for.
 *
 * It listens from before the snapshot is taken, so that there is no moment at which a conflict is neither in the
 * snapshot nor announced. Events only make it end sooner: before an agent starts and before its answer counts, the
 * scope itself is asked again. What has ended does not come back, even when the conflict is settled: the snapshot is
 * from before.
 */
export class ContextLifetime {
  readonly #view: Memory
  readonly #options: LifetimeOptions
  readonly #startedAt: number
  readonly #end = new AbortController()
  readonly #listening = new AbortController()
  #conflict: ConflictPendingError | undefined
  #isClosed = false

  static {
    Object.freeze(ContextLifetime.prototype)
    Object.freeze(ContextLifetime)
  }

  constructor(view: Memory, options: LifetimeOptions) {
    this.#view = view
    this.#options = options
    this.#startedAt = options.now()
  }

  /** When the check began, in milliseconds since 1970. */
  get startedAt(): number {
    return this.#startedAt
  }

  /** Aborts when the context ends by a conflict or by being closed. */
  get signal(): AbortSignal {
    return this.#end.signal
  }

  /** Whether no conflict has been heard of and nothing else has ended the context. */
  get isFresh(): boolean {
    return this.#conflict === undefined && this.#whyEnded() === undefined
  }

  listen(): void {
    const { signal } = this.#listening
    this.#view.addEventListener('conflict:found', (event) => this.#reached([notificationOf(event.detail)]), {
      signal
    })
  }

  /** Throws when the context gives nothing any more. */
  assertUsable(): void {
    const error = this.#whyEnded()
    if (error !== undefined) throw error
  }

  /** Throws when no agent may be started on the context, whatever `onConflict` says. */
  assertStartable(): void {
    this.assertUsable()
    if (this.#conflict !== undefined) throw this.#conflict
  }

  /**
   * Asks the scope again, and throws when no agent may be started on the context. What comes while the record of that
   * is on its way is seen by a last look.
   */
  async checkStartable(signal?: AbortSignal): Promise<void> {
    this.assertStartable()
    await this.#recordCheck(await this.#look(signal))
    this.assertStartable()
    await this.#look(signal)
    this.assertStartable()
  }

  /** Asks the scope again, and throws when a conflict has come that ends the context, heard or not. */
  async checkUndisturbed(signal?: AbortSignal): Promise<void> {
    if (this.#options.onConflict === 'finish') return
    await this.#recordCheck(await this.#look(signal))
    if (this.#conflict !== undefined) throw this.#conflict
  }

  /** Whether an error is why the context ended, or why nothing may start on it. */
  hasEndedWith(error: unknown): boolean {
    const { signal } = this.#end
    return error !== undefined && (error === this.#conflict || (signal.aborted && error === signal.reason))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#listening.abort()
    this.#end.abort(this.#whyEnded())
    this.#options.onClosed(this)
    await this.#view.close()
  }

  async #look(signal: AbortSignal | undefined): Promise<readonly ConflictNotification[]> {
    await using snapshot = this.#view.snapshot()
    const notifications = await notificationsIn(snapshot, signal)
    if (notifications.length > 0) this.#reached(notifications)
    return notifications
  }

  async #recordCheck(found: readonly ConflictNotification[]): Promise<void> {
    const { audit, agent } = this.#options
    await audit.record({ kind: 'check', agent, scope: this.#view.scope, conflicts: idsOf(found) })
  }

  #reached(notifications: readonly ConflictNotification[]): void {
    if (this.#conflict !== undefined) return
    this.#listening.abort()
    this.#conflict = new ConflictPendingError(this.#view.scope, notifications)
    if (this.#options.onConflict === 'abort') this.#end.abort(this.#conflict)
  }

  #whyEnded(): GuardError | undefined {
    if (this.#isClosed) {
      return new GuardError('GUARD_CONTEXT_CLOSED', 'this context is closed; check again to make another')
    }
    if (this.#conflict !== undefined && this.#options.onConflict === 'abort') return this.#conflict
    if (this.#options.now() - this.#startedAt >= this.#options.maxAgeMs) {
      return new GuardError(
        'GUARD_CONTEXT_EXPIRED',
        'this context is older than its request allowed; check again to make another'
      )
    }
    return undefined
  }
}
