import type { AbortOptions, Conflict, EntryId, Memory, Version } from '@cis-memory/core'
import { given } from '../given.ts'
import { type CallHandlers, publicOf, type SessionMemory, type StreamHandlers } from './handlers.ts'

type Calls = Pick<CallHandlers, 'conflicts.show' | 'conflicts.resolve' | 'conflicts.undo'>
type Streams = Pick<StreamHandlers, 'conflicts.list'>

export function conflictCalls(session: SessionMemory): Calls {
  const { memory } = session
  return {
    'conflicts.show': async ({ conflict: idOrPath }, signal) => {
      publicOf(session)
      const conflict = await memory.getConflict(idOrPath, { signal })
      return { conflict, ancestor: await commonAncestor(memory, conflict, { signal }) }
    },

    'conflicts.resolve': async ({ id, path, choice, agent }, signal) => {
      publicOf(session)
      const resolution = await memory.resolveConflict(id, choice, { ...given({ agent, path }), signal })
      return { resolution, remaining: await countConflicts(memory, { signal }) }
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

/**
 * The latest version that all versions of a conflict come from. A conflict that an undo brought back is looked at as
 * it was before it was settled.
 */
async function commonAncestor(
  memory: Memory,
  conflict: Conflict,
  options: AbortOptions
): Promise<Version | undefined> {
  const parentsOf = new Map<EntryId, readonly EntryId[]>()
  for (const { entryId, parents } of conflict.versions) parentsOf.set(entryId, parents)
  for await (const { version } of memory.public.history(conflict.path, options)) {
    parentsOf.set(version.entryId, version.parents)
  }
  const parentsOfAll = (ids: Iterable<EntryId>): Set<EntryId> =>
    new Set([...ids].flatMap((id) => parentsOf.get(id) ?? []))
  let sides = new Set(conflict.versions.map(({ entryId }) => entryId))
  if (conflict.kind === 'reopened') sides = parentsOfAll(parentsOfAll(sides))
  const ancestorsOfEach = [...sides].map((side) => {
    const ancestors = new Set<EntryId>()
    let generation = parentsOfAll([side])
    while (generation.size > 0) {
      for (const id of generation) ancestors.add(id)
      generation = new Set([...parentsOfAll(generation)].filter((id) => !ancestors.has(id)))
    }
    return ancestors
  })
  const [first, ...others] = ancestorsOfEach
  const common = new Set([...(first ?? [])].filter((id) => others.every((ancestors) => ancestors.has(id))))
  if (common.size === 0) return undefined
  // Latest first: the first of them has no other of them among its descendants.
  for await (const { version } of memory.public.history(conflict.path, options)) {
    if (common.has(version.entryId)) return version
  }
  return undefined
}
