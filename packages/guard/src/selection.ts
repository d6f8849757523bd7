import type { AuditMemory, Domain, EntryId, Memory, MemorySnapshot, Read, ValueRead } from '@cis-memory/core'
import { type ContextMemory, contextMemory } from './context-memory.ts'
import { ConflictPendingError } from './errors.ts'
import { MAX_CONTEXT_BYTES } from './limits.ts'
import { notificationOf } from './notifications.ts'
import type { CheckedRequest } from './request.ts'

/** What a snapshot held of a selection. */
export interface Selected {
  readonly memories: ReadonlyMap<string, ContextMemory>
  /** For each of them every version it stands for: the base of a write by whoever is shown it. */
  readonly bases: ReadonlyMap<string, readonly EntryId[]>
  /** The same for the record of what was given. */
  readonly given: readonly AuditMemory[]
  /** False when a limit left something out. */
  readonly isComplete: boolean
}

/** Names a place across both domains. `path` is absolute. */
export function placeOf(domain: Domain, path: string): string {
  return `${domain}:${path}`
}

/**
 * Reads a selection out of one snapshot: keys first, then prefixes, then what the query finds.
 *
 * Only the names of a search come from the present; their values are read from the snapshot, and what it does not
 * have is left out.
 *
 * @param now when the check began: what has expired by then is not given
 */
export async function select(
  snapshot: MemorySnapshot,
  view: Memory,
  request: CheckedRequest,
  now: number
): Promise<Selected> {
  const { selection, domains, signal } = request
  const memories = new Map<string, ContextMemory>()
  const bases = new Map<string, readonly EntryId[]>()
  const given: AuditMemory[] = []
  let bytes = 0

  /** Takes what was read, and answers whether there was room for it. */
  const take = (domain: Domain, read: Read): boolean => {
    signal?.throwIfAborted()
    if (read.state === 'conflict') {
      // Conflicts are indexed for public memory. What does not open in the private domain shows only here.
      throw new ConflictPendingError(view.scope, [notificationOf(read.conflict)])
    }
    const place = placeOf(domain, read.path)
    if (read.state === 'absent' || memories.has(place)) return true
    const memory = contextMemory(domain, read, now)
    bytes += sizeOf(memory)
    if (memories.size === selection.limit || bytes > MAX_CONTEXT_BYTES) return false
    memories.set(place, memory)
    bases.set(place, Object.freeze([...read.base]))
    given.push({ domain, path: read.path, entryIds: versionsGiven(memory, read) })
    return true
  }

  const takeAll = async (): Promise<boolean> => {
    for (const key of selection.keys) {
      for (const domain of domains) {
        if (!take(domain, await snapshot.get(domain, key))) return false
      }
    }
    for (const prefix of selection.prefixes) {
      for (const domain of domains) {
        for await (const item of snapshot.list(domain, prefix === undefined ? {} : { prefix })) {
          if (!take(domain, item.read)) return false
        }
      }
    }
    for await (const { domain, path } of found(view, request)) {
      if (!take(domain, await snapshot.get(domain, path))) return false
    }
    return true
  }

  const isComplete = await takeAll()
  return { memories, bases, given, isComplete }
}

/** The versions whose words an agent is given. A value that nobody contradicts stands for all that equal it. */
function versionsGiven({ decision, origin }: ContextMemory, { base }: ValueRead): readonly EntryId[] {
  // A merge has something of each.
  if (decision === undefined || decision.mode === 'ai_merge') return base
  if (decision.mode === 'auto_lww') return [origin.entryId]
  return [...new Set(decision.kept.map((version) => version.origin.entryId))]
}

/** About how much room values take: exact for bytes, the length of its JSON for the rest. */
function sizeOf({ value, decision }: ContextMemory): number {
  return [value, ...(decision?.kept.map((version) => version.value) ?? [])].reduce<number>(
    (sum, each) => sum + (each instanceof Uint8Array ? each.length : JSON.stringify(each).length),
    0
  )
}

/** Where a search finds something. */
async function* found(
  view: Memory,
  request: CheckedRequest
): AsyncGenerator<{ readonly domain: Domain; readonly path: string }> {
  const { selection, domains, signal } = request
  if (selection.query === undefined) return
  const [only, ...others] = domains
  const hits = view.search(selection.query, {
    limit: selection.queryLimit,
    ...(only !== undefined && others.length === 0 && { domain: only }),
    ...(signal !== undefined && { signal })
  })
  for await (const { item } of hits) yield { domain: item.domain, path: item.read.path }
}
