import type { AbortOptions, Memory } from '@cis-memory/core'
import { ContextBuilder } from './context-builder.ts'
import { ContextLifetime } from './context-lifetime.ts'
import { ConflictPendingError, GuardError } from './errors.ts'
import { GuardAudit, type Refused } from './guard-audit.ts'
import { type ConflictNotification, idsOf, notificationsIn } from './notifications.ts'
import {
  type CheckedRequest,
  type CheckRequest,
  checkRequest,
  type DeliveryRequest,
  type DetectRequest
} from './request.ts'
import { type SafeMemoryContext, takeContextMaker } from './safe-memory-context.ts'
import { select } from './selection.ts'
import { untilAborted } from './until-aborted.ts'

export interface GuardConfig {
  /** There is no guard without enforcement: leave it out or say `true`. @default true */
  readonly enforceCheck?: true
  /** Wall-clock milliseconds since 1970. @default Date.now */
  readonly now?: () => number
  /**
   * Brings in what connected peers have of a scope, or rejects: for requests that ask for `fresh` memory. The guard
   * itself knows no network; `MemoryNode.pull` of `cis-memory` is made for this.
   * @default such requests are refused
   */
  readonly refresh?: (scope: string, options: AbortOptions) => Promise<void>
}

const makeContext = takeContextMaker()

/** What an executor asks of the guard it belongs to. */
export interface GuardInsides {
  /** The scope of the guard's memory. */
  readonly scope: string
  readonly audit: GuardAudit
}

let insidesOfGenuine: ((value: object) => GuardInsides | undefined) | undefined

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
  readonly #refresh: GuardConfig['refresh']
  readonly #audit: GuardAudit
  readonly #open = new Set<ContextLifetime>()
  #isClosed = false

  static {
    insidesOfGenuine = (value) =>
      #memory in value ? { scope: value.#memory.scope, audit: value.#audit } : undefined
    Object.freeze(ConflictGuard.prototype)
    Object.freeze(ConflictGuard)
  }

  /**
   * The guard reads what `memory` sees, so a narrower handle makes a narrower guard. The memory stays the caller's to
   * close.
   *
   * @throws {GuardError} `GUARD_ENFORCEMENT_REQUIRED` when `enforceCheck` is given and is not `true`, `GUARD_NO_AUDIT`
   * when another copy of cis opened the memory.
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
    this.#refresh = config.refresh
    this.#audit = new GuardAudit(memory)
  }

  /**
   * Checks a scope and makes a context of what the same snapshot holds. Memory of both domains is withheld while
   * anything in the scope is contested, selected or not. To be affected less, ask for a narrower scope.
   *
   * @throws {ConflictPendingError} `GUARD_CONFLICT_PENDING`, also for a conflict that arrives during the check.
   * @throws {GuardError} `GUARD_NOT_FRESH` when fresh memory was asked for and could not be had, `GUARD_AUDIT_FAILED`,
   * `GUARD_CLOSED`
   * @throws {CoreError} `CORE_BAD_PATH` for a scope or path that lies outside the guard's memory.
   */
  async checkAndCreateContext(request: DeliveryRequest): Promise<SafeMemoryContext> {
    return this.#deliver(request)
  }

  /**
   * What would keep agents from the scope now. Nothing is created.
   *
   * @throws {GuardError} `GUARD_AUDIT_FAILED`, `GUARD_CLOSED`
   */
  async checkConflictsBeforeDelivery(request: CheckRequest = {}): Promise<readonly ConflictNotification[]> {
    const { scope, signal } = request
    const view = this.#viewOf(scope, signal)
    await using snapshot = view.snapshot()
    const notifications = await notificationsIn(snapshot, signal)
    await this.#audit.record({ kind: 'check', scope: view.scope, conflicts: idsOf(notifications) })
    return notifications
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
    const { agent, signal } = request
    const attempt: Attempt = { agent, scope: this.#memory.scope, signal }
    try {
      return await this.#checkAndDeliver(request, attempt)
    } catch (error) {
      return this.#audit.refuse(error, attempt)
    }
  }

  async #checkAndDeliver(request: CheckedRequest, attempt: Attempt): Promise<SafeMemoryContext> {
    const { agent, domains, onConflict, maxAgeMs, signal } = request
    const view = this.#viewOf(request.scope, signal)
    const { scope } = view
    attempt.scope = scope
    if (request.fresh) await this.#bringIn(scope, signal)
    const audit = this.#audit
    const lifetime = new ContextLifetime(view, {
      agent,
      audit,
      onConflict,
      maxAgeMs,
      now: this.#now,
      onClosed: (closed) => this.#open.delete(closed)
    })
    this.#open.add(lifetime)
    try {
      if (this.#isClosed) throw closedGuard()
      lifetime.listen()
      await using snapshot = view.snapshot()
      const notifications = await notificationsIn(snapshot, signal)
      if (notifications.length > 0) throw new ConflictPendingError(scope, notifications)
      const selected = await select(snapshot, view, request, lifetime.startedAt)
      const pending = await snapshot.pendingCount()
      lifetime.assertStartable()
      const memories = selected.given
      attempt.of = await audit.record({ kind: 'delivery', agent, scope, memories })
      attempt.memories = memories
      lifetime.assertStartable()
      return makeContext({ guard: this, view, lifetime, audit, agent, domains, selected, pending })
    } catch (error) {
      await lifetime.close()
      throw error
    }
  }

  /** Pulls from peers. Whatever keeps it from that, nobody knows whether the memory here is what others have. */
  async #bringIn(scope: string, signal: AbortSignal | undefined): Promise<void> {
    if (this.#refresh === undefined) {
      throw new GuardError(
        'GUARD_NOT_FRESH',
        'fresh memory was asked for and this guard has no way to reach peers, so nothing was delivered. Give it one ' +
          '(`refresh`), or ask without `fresh`'
      )
    }
    try {
      const pulled = this.#refresh(scope, signal === undefined ? {} : { signal })
      await (signal === undefined ? pulled : untilAborted(pulled, signal))
    } catch (cause) {
      signal?.throwIfAborted()
      throw new GuardError(
        'GUARD_NOT_FRESH',
        'fresh memory was asked for and peers could not be asked for theirs, so nothing was delivered. See who is ' +
          'connected with `cis peers list`, then ask again, or ask without `fresh`',
        { cause }
      )
    }
  }

  /** A handle of its own, so that it can be let go of alone and shares no bases with the owner's. */
  #viewOf(scope: string | undefined, signal: AbortSignal | undefined): Memory {
    if (this.#isClosed) throw closedGuard()
    signal?.throwIfAborted()
    return this.#memory.within(scope ?? this.#memory.scope)
  }
}

/** What is known of a request that may yet be refused. */
type Attempt = { -readonly [Field in keyof Refused]: Refused[Field] }

function closedGuard(): GuardError {
  return new GuardError('GUARD_CLOSED', 'this guard is closed; make another to go on')
}

/**
 * The only way to what is inside a guard, handed out once: `agent-executor.ts` takes it as it loads. It answers
 * `undefined` for whatever is no guard of this copy of the package.
 */
export function takeGuardOpener(): (value: unknown) => GuardInsides | undefined {
  const open = insidesOfGenuine
  insidesOfGenuine = undefined
  if (open === undefined) throw new TypeError('what is inside a guard is for its executor alone')
  return (value) => (typeof value === 'object' && value !== null ? open(value) : undefined)
}
