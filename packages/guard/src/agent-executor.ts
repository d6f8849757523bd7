import type { AbortOptions } from '@cis-memory/core'
import { type ConflictGuard, isConflictGuard } from './conflict-guard.ts'
import { GuardError } from './errors.ts'
import { admit, type SafeMemoryContext, uncheckedContextError } from './safe-memory-context.ts'

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

/** Runs agents on checked memory and on nothing else. */
export class AgentExecutor {
  readonly #guard: ConflictGuard

  static {
    Object.freeze(AgentExecutor.prototype)
    Object.freeze(AgentExecutor)
  }

  constructor(guard: ConflictGuard) {
    if (!isConflictGuard(guard)) throw new TypeError('guard: expected a ConflictGuard')
    this.#guard = guard
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
    const { guard, lifetime, agent: madeFor } = admit(context)
    if (guard !== this.#guard) throw uncheckedContextError()
    const run = runOf(agent, madeFor)
    const signal =
      options.signal === undefined ? lifetime.signal : AbortSignal.any([lifetime.signal, options.signal])

    options.signal?.throwIfAborted()
    await lifetime.checkStartable(options.signal)
    signal.throwIfAborted()
    // No await between the last check and the start: nothing can reach the scope unheard.
    const answer = await untilAborted(run(context, { signal }), signal)
    await lifetime.checkUndisturbed(options.signal)
    return answer
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

async function untilAborted<Result>(running: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    const result = await Promise.race([running, aborted])
    // What an agent still computed after the abort is not what was asked for.
    signal.throwIfAborted()
    return result
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop)
  }
}
