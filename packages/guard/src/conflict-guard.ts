import type { Memory } from '@cis-memory/core'
import { ContextBuilder } from './context-builder.ts'
import { ContextLifetime } from './context-lifetime.ts'
import { ConflictPendingError, GuardError } from './errors.ts'
import { type ConflictNotification, notificationsIn } from './notifications.ts'
import { type CheckRequest, checkRequest, type DeliveryRequest, type DetectRequest } from './request.ts'
import { type SafeMemoryContext, takeContextMaker } from './safe-memory-context.ts'
import { select } from './selection.ts'

export interface GuardConfig {
  /** There is no guard without enforcement: leave it out or say `true`. @default true */
  readonly enforceCheck?: true
  /** Wall-clock milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

const makeContext = takeContextMaker()

let isGenuineGuard: (value: object) => boolean

/**
 * Stands between memory and agents: checks a scope for conflicts and, only when there is none, makes a
 * {@link SafeMemoryContext} of it.
 *
 * @example
 * ```ts
 * const guard = new ConflictGuard(memory)
 * await using context = await guard.checkAndCreateContext({ agent: 'reviewer', scope: '/acme/web' })
 * const answer = await new AgentExecutor(guard).execute(agent, context)
 * ```
 */
export class ConflictGuard implements AsyncDisposable {
  readonly #memory: Memory
  readonly #now: () => number
  readonly #open = new Set<ContextLifetime>()
  #isClosed = false

  static {
    isGenuineGuard = (value) => #memory in value
    Object.freeze(ConflictGuard.prototype)
    Object.freeze(ConflictGuard)
  }

  /**
   * The guard reads what `memory` sees, so a narrower handle makes a narrower guard. The memory stays the caller's to
   * close.
   *
   * @throws {GuardError} `GUARD_ENFORCEMENT_REQUIRED` when `enforceCheck` is given and is not `true`.
   */
  constructor(memory: Memory, config: GuardConfig = {}) {
    if ('enforceCheck' in config && config.enforceCheck !== true) {
      throw new GuardError(
        'GUARD_ENFORCEMENT_REQUIRED',
        'enforce_check can only be true: a guard that does not check is none. Set it to true or leave it out'
      )
    }
    this.#memory = memory
    this.#now = config.now ?? Date.now
  }

  /**
   * Checks a scope and makes a context of what the same snapshot holds. Memory of both domains is withheld while
   * anything in the scope is contested, selected or not. To be affected less, ask for a narrower scope.
   *
   * @throws {ConflictPendingError} `GUARD_CONFLICT_PENDING`, also for a conflict that arrives during the check.
   * @throws {GuardError} `GUARD_CLOSED`
   * @throws {CoreError} `CORE_BAD_PATH` for a scope or path that lies outside the guard's memory.
   */
  async checkAndCreateContext(request: DeliveryRequest): Promise<SafeMemoryContext> {
    return this.#deliver(request)
  }

  /** What would keep agents from the scope now. Nothing is created. */
  async checkConflictsBeforeDelivery(request: CheckRequest = {}): Promise<readonly ConflictNotification[]> {
    const { scope, signal } = request
    const view = this.#viewOf(scope, signal)
    await using snapshot = view.snapshot()
    return await notificationsIn(snapshot, signal)
  }

  /** Those conflicts of a scope that this device has noticed since a moment, it included. */
  async detectNewConflicts(request: DetectRequest): Promise<readonly ConflictNotification[]> {
    const { since } = request
    if (typeof since !== 'number' || Number.isNaN(since)) throw new TypeError('since: expected milliseconds')
    const notifications = await this.checkConflictsBeforeDelivery(request)
    return Object.freeze(notifications.filter(({ detectedAt }) => detectedAt >= since))
  }

  /**
   * Says step by step what an agent is to be given. Only what `checkConflicts` resolves to can be built.
   *
   * @example
   * ```ts
   * const checked = await guard.context().agent('reviewer').scope('/acme/web').checkConflicts()
   * const context = checked.build()
   * ```
   */
  context(): ContextBuilder<Partial<DeliveryRequest>> {
    return new ContextBuilder({}, (request) => this.#deliver(request))
  }

  /** Ends every context this guard has made, and makes no more. May be called twice. */
  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.all([...this.#open].map((lifetime) => lifetime.close()))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Private, so that a subclass cannot put something else in its place. */
  async #deliver(given: DeliveryRequest): Promise<SafeMemoryContext> {
    const request = checkRequest(given)
    const { agent, domains, onConflict, maxAgeMs, signal } = request
    const view = this.#viewOf(request.scope, signal)
    const lifetime = new ContextLifetime(view, {
      onConflict,
      maxAgeMs,
      now: this.#now,
      onClosed: (closed) => this.#open.delete(closed)
    })
    this.#open.add(lifetime)
    try {
      lifetime.listen()
      await using snapshot = view.snapshot()
      const notifications = await notificationsIn(snapshot, signal)
      if (notifications.length > 0) throw new ConflictPendingError(view.scope, notifications)
      const selected = await select(snapshot, view, request)
      const pending = await snapshot.pendingCount()
      lifetime.assertStartable()
      return makeContext({ guard: this, view, lifetime, agent, domains, selected, pending })
    } catch (error) {
      await lifetime.close()
      throw error
    }
  }

  /** A handle of its own, so that it can be let go of alone and shares no bases with the owner's. */
  #viewOf(scope: string | undefined, signal: AbortSignal | undefined): Memory {
    if (this.#isClosed) throw new GuardError('GUARD_CLOSED', 'this guard is closed; make another to go on')
    signal?.throwIfAborted()
    return this.#memory.within(scope ?? this.#memory.scope)
  }
}

/** Whether a value is a guard of this copy of the package. */
export function isConflictGuard(value: unknown): value is ConflictGuard {
  return typeof value === 'object' && value !== null && isGenuineGuard(value)
}
