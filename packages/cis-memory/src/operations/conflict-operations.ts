import {
  type AbortOptions,
  type Conflict,
  type Memory,
  type Merger,
  type PolicyDecision,
  type SettledConflict,
  StaleBaseError
} from '@cis-memory/core'
import { given } from '../given.ts'
import type { ConflictCalls, ConflictStreams } from './conflict-contract.ts'
import { type CallHandlers, noModel, publicOf, type SessionMemory, type StreamHandlers } from './handlers.ts'
import { originsOf } from './origins.ts'

/** What the operations on conflicts need of the process behind them. */
export interface ConflictHost {
  /** What merges a conflict when its owner asks for it. */
  readonly merger: Merger | undefined
}

export function conflictCalls(
  { merger }: ConflictHost,
  session: SessionMemory
): Pick<CallHandlers, keyof ConflictCalls> {
  const { memory } = session
  return {
    'conflicts.show': async ({ conflict: idOrPath }, signal) => {
      publicOf(session)
      const conflict = await memory.getConflict(idOrPath, { signal })
      const proposal = await memory.getProposal(conflict.id, { signal })
      return {
        conflict,
        ancestor: await memory.commonAncestor(conflict.id, { signal }),
        origins: await originsOf(memory, conflict, { signal }),
        policy: await policyOn(memory, conflict, { signal }),
        proposal: proposal?.refusedAt === undefined ? proposal : undefined,
        canPropose: merger !== undefined
      }
    },

    'conflicts.resolve': async ({ id, path, choice, agent }, signal) => {
      publicOf(session)
      return memory.resolveConflict(id, choice, { ...given({ agent, path }), signal })
    },

    'conflicts.count': (_, signal) => {
      publicOf(session)
      return countConflicts(memory, { signal })
    },

    'conflicts.undo': async ({ conflict: idOrPath, agent }, signal) => {
      publicOf(session)
      const settled = await settledById(memory, idOrPath, { signal })
      if (settled !== undefined) await requireUndoable(memory, settled, { signal })
      return memory.undo(settled?.path ?? idOrPath, { ...given({ agent }), signal })
    },

    'conflicts.stats': ({ since, prefix }, signal) => {
      publicOf(session)
      return memory.conflictStats({ ...given({ since, prefix }), signal })
    },

    'conflicts.propose': async ({ id }, signal) => {
      publicOf(session)
      if (merger !== undefined) return memory.proposeMerge(id, merger, { signal })
      throw noModel()
    },

    'conflicts.refuse': async ({ id }, signal) => {
      publicOf(session)
      await memory.refuseProposal(id, { signal })
    }
  }
}

export function conflictStreams(session: SessionMemory): Pick<StreamHandlers, keyof ConflictStreams> {
  return {
    'conflicts.list': (_, signal) => {
      publicOf(session)
      return session.memory.getUnresolvedConflicts({ signal })
    },

    'conflicts.settled': ({ since }, signal) => {
      publicOf(session)
      return session.memory.getSettledConflicts({ ...given({ since }), signal })
    }
  }
}

/** Conflicts that are open in the scope of a handle. */
export async function countConflicts(memory: Memory, options: AbortOptions): Promise<number> {
  let count = 0
  for await (const conflict of memory.getUnresolvedConflicts(options)) if (conflict.id !== '') count++
  return count
}

async function policyOn(
  memory: Memory,
  { kind, path }: Conflict,
  options: AbortOptions
): Promise<PolicyDecision['mode'] | undefined> {
  // No policy decides these, and their path may be known to nobody.
  if (kind === 'unreadable' || kind === 'fork') return undefined
  const read = await memory.public.get(path, options)
  return read.state === 'conflict' ? undefined : read.settledBy?.mode
}

async function settledById(
  memory: Memory,
  id: string,
  options: AbortOptions
): Promise<SettledConflict | undefined> {
  for await (const settled of memory.getSettledConflicts(options)) if (settled.id === id) return settled
  return undefined
}

/** @throws {StaleBaseError} unless the write that settled a conflict is what is live there */
async function requireUndoable(
  memory: Memory,
  { path, settledBy }: SettledConflict,
  options: AbortOptions
): Promise<void> {
  if (settledBy.by === 'policy') return
  const read = await memory.public.get(path, options)
  if (read.base.length === 1 && read.base[0] === settledBy.entryId) return
  throw new StaleBaseError(path, read.base)
}
