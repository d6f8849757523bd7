import type { AbortOptions } from '@cis-memory/core'
import { type ConflictGuard, type GuardInsides, takeGuardOpener } from './conflict-guard.ts'
import type { ContextLifetime } from './context-lifetime.ts'
import { GuardError } from './errors.ts'
import type { Refused } from './guard-audit.ts'
import {
  type Admission,
  admit,
  type SafeMemoryContext,
  uncheckedContextError
} from './safe-memory-context.ts'
import { untilAborted } from './until-aborted.ts'

/** What an agent does. `signal` aborts with the context's and with the caller's. */
export type AgentFunction<Result> = (
  context: SafeMemoryContext,
  options: { readonly signal: AbortSignal }
) => Result | Promise<Result>

/** An agent as an object. A name, when it has one, is the one the context was made for. */
export interface NamedAgent<Result> {
  readonly name?: string
  readonly run: AgentFunction<Result>
}

export type Agent<Result> = AgentFunction<Result> | NamedAgent<Result>

const openGuard = takeGuardOpener()

/** Runs agents on checked memory and on nothing else. */
export class AgentExecutor {
  readonly #guard: ConflictGuard
  readonly #insides: GuardInsides

  static {
    Object.freeze(AgentExecutor.prototype)
    Object.freeze(AgentExecutor)
  }

  constructor(guard: ConflictGuard) {
    const insides = openGuard(guard)
    if (insides === undefined) throw new TypeError('guard: expected a ConflictGuard')
    this.#guard = guard
    this.#insides = insides
  }

  /**
   * Runs an agent on a context that this executor's guard has made, after asking the scope once more, and answers
   * what the agent does. Unless the context was made with `onConflict: 'finish'`, the answer counts only when no
   * conflict is in the scope by then.
   *
   * When `options.signal` or the context's signal aborts, the promise rejects with its reason at once. That does not
   * stop an agent which ignores the signal; but a context that has ended gives it nothing more.
   *
   * @throws {GuardError} `GUARD_UNCHECKED_CONTEXT` for whatever is not a genuine context of this guard,
   * `GUARD_WRONG_AGENT` when it was made for an agent with another name, `GUARD_CONTEXT_EXPIRED`,
   * `GUARD_CONTEXT_CLOSED`, and `GUARD_CONFLICT_PENDING` when a conflict has reached the scope since the check. Only the
   * last two can still come after the agent was started.
   */
  async execute<Result>(
    agent: Agent<Result>,
    context: SafeMemoryContext,
    options: AbortOptions = {}
  ): Promise<Result> {
    const { audit, scope } = this.#insides
    let refused: Refused = { agent: undefined, scope, signal: options.signal }
    let start: () => Promise<Result>
    let lifetime: ContextLifetime
    try {
      const admission = this.#admit(context)
      lifetime = admission.lifetime
      refused = { agent: admission.agent, scope: admission.scope, signal: options.signal }
      start = await this.#prepare(agent, context, admission, options)
    } catch (error) {
      return audit.refuse(error, refused)
    }
    try {
      const answer = await start()
      await lifetime.checkUndisturbed(options.signal)
      return answer
    } catch (error) {
      // What an agent fails with by itself is no refusal.
      if (!lifetime.hasEndedWith(error)) throw error
      return audit.refuse(error, refused)
    }
  }

  #admit(context: SafeMemoryContext): Admission {
    const admission = admit(context)
    if (admission.guard !== this.#guard) throw uncheckedContextError()
    return admission
  }

  /** Everything that has to be right before an agent starts. */
  async #prepare<Result>(
    agent: Agent<Result>,
    context: SafeMemoryContext,
    { lifetime, agent: madeFor }: Admission,
    options: AbortOptions
  ): Promise<() => Promise<Result>> {
    const run = runOf(agent, madeFor)
    const signal =
      options.signal === undefined ? lifetime.signal : AbortSignal.any([lifetime.signal, options.signal])
    options.signal?.throwIfAborted()
    await lifetime.checkStartable(options.signal)
    return () => {
      // No await from here to the start: nothing can reach the scope unheard.
      lifetime.assertStartable()
      signal.throwIfAborted()
      return untilAborted(run(context, { signal }), signal)
    }
  }
}

function runOf<Result>(
  agent: Agent<Result>,
  madeFor: string
): (...call: Parameters<AgentFunction<Result>>) => Promise<Result> {
  if (typeof agent === 'function') return async (...call) => agent(...call)
  const { name } = agent
  if (name !== undefined && name !== madeFor) {
    throw new GuardError(
      'GUARD_WRONG_AGENT',
      'this context was made for an agent of another name; no agent was started. Check again under its own name'
    )
  }
  return async (...call) => agent.run(...call)
}
