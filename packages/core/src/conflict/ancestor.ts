import type { Path } from '../entry/path.ts'
import type { DomainView } from '../replica/view.ts'
import type { Conflict, EntryId, Version } from '../versions.ts'

/**
 * The latest version that all versions of a conflict come from. A conflict that an undo brought back is looked at as
 * it was before it was settled.
 */
export async function commonAncestor(
  view: DomainView,
  { path: name, kind, versions }: Conflict,
  signal: AbortSignal | undefined
): Promise<Version | undefined> {
  const path = name as Path
  const parentsOf = new Map<EntryId, readonly EntryId[]>()
  for (const { entryId, parents } of versions) parentsOf.set(entryId, parents)
  for await (const { version } of view.history(path)) {
    signal?.throwIfAborted()
    parentsOf.set(version.entryId, version.parents)
  }
  const parentsOfAll = (ids: Iterable<EntryId>): Set<EntryId> =>
    new Set([...ids].flatMap((id) => parentsOf.get(id) ?? []))
  let sides = new Set(versions.map(({ entryId }) => entryId))
  if (kind === 'reopened') sides = parentsOfAll(parentsOfAll(sides))
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
  for await (const { version } of view.history(path)) {
    signal?.throwIfAborted()
    if (common.has(version.entryId)) return version
  }
  return undefined
}
