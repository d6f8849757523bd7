/*
 * How cis goes under an agent: lines 1, 2 and 3. The rest waits, when they refuse, until the owner has settled it.
 */
import {
  AgentExecutor,
  type AgentFunction,
  ConflictGuard,
  ConflictPendingError,
  type Memory
} from 'cis-memory'

/**
 * Runs an agent to its end on checked memory. Whenever its scope is contested, before it starts or while it runs, the
 * owner is told what settles that, and the agent begins anew once it is settled.
 */
export async function runGuarded<Result>(
  memory: Memory,
  agent: AgentFunction<Result>,
  tellOwner: (message: string) => void | Promise<void>
): Promise<Result> {
  await using guard = new ConflictGuard(memory) // 1
  while (true) {
    const listening = new AbortController()
    // Listens before it checks: nothing can be settled unheard.
    const settled = nextSettled(memory, listening.signal)
    try {
      await using context = await guard.checkAndCreateContext({ agent: 'planner' }) // 2
      return await new AgentExecutor(guard).execute(agent, context) // 3
    } catch (error) {
      if (!(error instanceof ConflictPendingError)) throw error
      await tellOwner(error.message)
      await settled
    } finally {
      listening.abort()
    }
  }
}

function nextSettled(memory: Memory, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => memory.addEventListener('conflict:settled', () => resolve(), { signal }))
}
