import type { AbortOptions, Written } from '@cis-memory/core'
import type { AgentFunction, ConflictPendingError } from '@cis-memory/guard'
import { given } from '../given.ts'
import type { CallHandlers, SessionMemory } from './handlers.ts'
import type { NodeHost } from './node-operations.ts'
import { pullFromPeers } from './pull.ts'

export function guardCalls(
  host: NodeHost,
  { memory, domain }: SessionMemory
): Pick<CallHandlers, 'guard.check'> {
  return {
    'guard.check': async ({ agent, scope, fresh, writeTo, ...select }, signal) => {
      const { AgentExecutor, ConflictGuard } = await import('@cis-memory/guard')
      const refresh = (scope: string, options: AbortOptions): Promise<void> =>
        pullFromPeers(host, scope, options)
      await using guard = new ConflictGuard(memory, { refresh })
      try {
        await using context = await guard.checkAndCreateContext({
          agent,
          ...given({ scope, fresh }),
          select: given(select),
          ...(domain !== undefined && { domains: [domain] }),
          signal
        })
        const recite: AgentFunction<{ output: string; written: Written | undefined }> = async (safe) => {
          const output = safe.render()
          if (writeTo === undefined) return { output, written: undefined }
          return { output, written: await safe.put(writeTo, output, { contentType: 'text/plain' }) }
        }
        const answer = await new AgentExecutor(guard).execute(recite, context, { signal })
        return { state: 'delivered', scope: context.scope, memories: context.size, ...answer }
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
