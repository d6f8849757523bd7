import { isDeepStrictEqual } from 'node:util'
import type { AbortOptions, Authorship, Conflict, EntryId, Memory, Version } from '@cis-memory/core'

/**
 * Who wrote each version of a conflict at first. An undo writes several versions back as one entry of its own author;
 * what it brought back was replaced by the resolution it took back, so it is looked for two steps before it.
 */
export async function originsOf(
  memory: Memory,
  conflict: Conflict,
  options: AbortOptions
): Promise<readonly (Authorship | undefined)[]> {
  const entries = new Map<EntryId, Version[]>()
  const add = (version: Version): void => {
    entries.set(version.entryId, [...(entries.get(version.entryId) ?? []), version])
  }
  conflict.versions.forEach(add)
  if (entries.size === conflict.versions.length) return conflict.versions.map(() => undefined)
  for await (const { version, isLive } of memory.public.history(conflict.path, options)) {
    if (!isLive) add(version)
  }
  return conflict.versions.map((version) => {
    if ((entries.get(version.entryId)?.length ?? 0) < 2) return undefined
    return firstWritten(entries, version.entryId).find((first) => isSame(first, version))
  })
}

/** The versions that an undo brought back, as they were before any undo. */
function firstWritten(entries: ReadonlyMap<EntryId, readonly Version[]>, undo: EntryId): readonly Version[] {
  const parentsOf = (id: EntryId): readonly EntryId[] => entries.get(id)?.[0]?.parents ?? []
  return parentsOf(undo)
    .flatMap(parentsOf)
    .flatMap((id) => {
      const versions = entries.get(id) ?? []
      return versions.length > 1 ? firstWritten(entries, id) : versions
    })
}

function isSame(a: Version, b: Version): boolean {
  return isDeepStrictEqual(contentOf(a), contentOf(b))
}

function contentOf({ kind, value, contentType, category, tags, expiresAt }: Version): unknown {
  return { kind, value, contentType, category, tags, expiresAt }
}
