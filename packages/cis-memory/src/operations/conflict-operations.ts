import type { AbortOptions, Memory } from '@cis-memory/core'
import { given } from '../given.ts'
import { type CallHandlers, publicOf, type SessionMemory, type StreamHandlers } from './handlers.ts'

type Calls = Pick<CallHandlers, 'conflicts.show' | 'conflicts.resolve' | 'conflicts.count' | 'conflicts.undo'>
type Streams = Pick<StreamHandlers, 'conflicts.list'>

export function conflictCalls(session: SessionMemory): Calls {
  const { memory } = session
  return {
    'conflicts.show': async ({ conflict: idOrPath }, signal) => {
      publicOf(session)
      const conflict = await memory.getConflict(idOrPath, { signal })
      return { conflict, ancestor: await memory.commonAncestor(conflict.id, { signal }) }
    },

    'conflicts.resolve': async ({ id, path, choice, agent }, signal) => {
      publicOf(session)
      return memory.resolveConflict(id, choice, { ...given({ agent, path }), signal })
    },

    'conflicts.count': (_, signal) => {
      publicOf(session)
      return countConflicts(memory, { signal })
    },

    'conflicts.undo': ({ path, agent }, signal) => {
      publicOf(session)
      return memory.undo(path, { ...given({ agent }), signal })
    }
  }
}

export function conflictStreams(session: SessionMemory): Streams {
  return {
    'conflicts.list': (_, signal) => {
      publicOf(session)
      return session.memory.getUnresolvedConflicts({ signal })
    }
  }
}

/** Conflicts that are open in the scope of a handle. */
export async function countConflicts(memory: Memory, options: AbortOptions): Promise<number> {
  let count = 0
  for await (const conflict of memory.getUnresolvedConflicts(options)) if (conflict.id !== '') count++
  return count
}
