import { AgentExecutor, ConflictGuard, type ConflictPendingError } from '@cis-memory/guard'
import { given } from '../given.ts'
import type { CallHandlers, SessionMemory } from './handlers.ts'

export function guardCalls({ memory, domain }: SessionMemory): Pick<CallHandlers, 'guard.check'> {
  return {
    'guard.check': async ({ agent, scope, ...select }, signal) => {
      await using guard = new ConflictGuard(memory)
      try {
        await using context = await guard.checkAndCreateContext({
          agent,
          ...given({ scope }),
          select: given(select),
          ...(domain !== undefined && { domains: [domain] }),
          signal
        })
        const output = await new AgentExecutor(guard).execute((given) => given.render(), context, { signal })
        return { state: 'delivered', scope: context.scope, memories: context.size, output }
      } catch (error) {
        if (!isPending(error)) throw error
        const { message, notifications } = error
        return { state: 'refused', scope: error.scope, message, notifications }
      }
    }
  }
}

function isPending(error: unknown): error is ConflictPendingError {
  return (error as { code?: unknown } | undefined)?.code === 'GUARD_CONFLICT_PENDING'
}
