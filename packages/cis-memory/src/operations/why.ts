import {
  type AbortOptions,
  type AuditTrail,
  contentDigest,
  type Domain,
  type DomainMemory,
  type EntryId,
  type HistoryItem
} from '@cis-memory/core'
import type { GivenTo, WhyAct, WhyItem } from './audit-contract.ts'

/** Where to look, and for what. */
export interface Asked {
  readonly memory: DomainMemory
  readonly audit: AuditTrail
  readonly domain: Domain
  readonly path: string
}

/**
 * Who wrote a memory after having seen what, latest first, and which agents were given each version. The history is
 * read twice, so that only names of what versions say are kept beside what is told.
 */
export async function* why(
  { memory, audit, domain, path }: Asked,
  options: AbortOptions
): AsyncIterableIterator<WhyItem> {
  const use = await useOf(audit, { path, domain, ...options })
  const known = new Map<EntryId, Contents>()
  for await (const entry of entriesIn(memory.history(path, options))) {
    const [{ version }] = entry
    const says = new Set(entry.map((item) => contentDigest(item.version)))
    known.set(version.entryId, { says, parents: version.parents, isDeletion: version.kind === 'deleted' })
  }
  for await (const entry of entriesIn(memory.history(path, options))) {
    const [{ version, isLive }] = entry
    const { entryId } = version
    const { given = new Map<string | undefined, GivenTo>(), recordedAs } = use.get(entryId) ?? {}
    yield {
      entryId,
      versions: entry.map((item) => item.version),
      isLive,
      act: actOf(entryId, known),
      given: [...given.values()],
      recordedAs
    }
  }
}

type Entry = readonly [HistoryItem, ...HistoryItem[]]

/** The versions of each entry together. */
async function* entriesIn(history: AsyncIterable<HistoryItem>): AsyncIterableIterator<Entry> {
  let entry: [HistoryItem, ...HistoryItem[]] | undefined
  for await (const item of history) {
    if (entry?.[0].version.entryId === item.version.entryId) entry.push(item)
    else {
      if (entry !== undefined) yield entry
      entry = [item]
    }
  }
  if (entry !== undefined) yield entry
}

/** What an entry says, by name, and what it replaced. */
interface Contents {
  readonly says: ReadonlySet<string>
  readonly parents: readonly EntryId[]
  readonly isDeletion: boolean
}

/** @param known every entry of the history, latest first */
function actOf(entryId: EntryId, known: ReadonlyMap<EntryId, Contents>): WhyAct {
  const entry = known.get(entryId)
  // Written between the first reading and the second.
  if (entry === undefined) return 'write'
  const { says, parents, isDeletion } = entry
  const replaced = saidBy(parents, known)
  const before = saidBy(
    parents.flatMap((parent) => known.get(parent)?.parents ?? []),
    known
  )
  if (says.size > 1) return 'undo'
  if (replaced.size > 1) return 'resolution'
  if (isSame(says, before) && !isSame(says, replaced)) return 'undo'
  if (isDeletion) return 'deletion'
  return isSame(says, replaced) || !wasSaidBefore(entryId, says, known) ? 'write' : 'restore'
}

/** What entries say together. One that is not in the history here is taken to say what no other does. */
function saidBy(ids: readonly EntryId[], known: ReadonlyMap<EntryId, Contents>): ReadonlySet<string> {
  return new Set(ids.flatMap((id) => [...(known.get(id)?.says ?? [`missing ${id}`])]))
}

function wasSaidBefore(
  entryId: EntryId,
  says: ReadonlySet<string>,
  known: ReadonlyMap<EntryId, Contents>
): boolean {
  let isEarlier = false
  for (const [id, other] of known) {
    if (isEarlier && isSame(other.says, says)) return true
    if (id === entryId) isEarlier = true
  }
  return false
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((each) => b.has(each))
}

interface Use {
  readonly given: Map<string | undefined, GivenTo>
  recordedAs: number | undefined
}

/** What agents had to do with each version. Records come latest first, so that what was taken back is known by then. */
async function useOf(
  audit: AuditTrail,
  options: Parameters<AuditTrail['list']>[0]
): Promise<ReadonlyMap<EntryId, Use>> {
  const use = new Map<EntryId, Use>()
  const takenBack = new Set<number>()
  for await (const { kind, seq, at, agent, of, memories } of audit.list(options)) {
    if (kind === 'refusal' && of !== undefined) takenBack.add(of)
    if (takenBack.delete(seq)) continue
    if (kind !== 'delivery' && kind !== 'written') continue
    for (const entryId of memories.flatMap((memory) => memory.entryIds)) {
      const known = use.get(entryId) ?? { given: new Map(), recordedAs: undefined }
      use.set(entryId, known)
      if (kind === 'written') known.recordedAs = seq
      else {
        const { times = 0, lastAt = at } = known.given.get(agent) ?? {}
        known.given.set(agent, { agent, times: times + 1, firstAt: at, lastAt })
      }
    }
  }
  return use
}
