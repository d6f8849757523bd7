import type { RowReader } from '@cis-memory/store'
import { conflictKind } from '../conflict/detect.ts'
import type { Header } from '../entry/header.ts'
import { MAX_CLEAN_ROWS, MAX_TRACED_IDS } from '../limits.ts'
import { type DomainCodec, type OpenedEntry, openEntries } from '../replica/open-entry.ts'
import { historyRange, liveKey } from '../replica/rows.ts'
import { decodeHistoryRow, decodeLiveRow } from '../replica/stored-entry.ts'
import type { EntryId } from '../versions.ts'
import type { Retention } from './retention.ts'

/** A version that may be deleted. */
export interface Removable {
  readonly id: EntryId
  readonly key: Uint8Array
  readonly bytes: number
}

/** What keeps versions from being deleted, beside what is live. */
export interface KeptBy extends Retention {
  readonly now: number
  /** The versions that something else links to, of the memory whose live entries these are. */
  linkedIds(live: readonly OpenedEntry[]): Promise<Iterable<EntryId>>
}

/** What may be deleted of the history of a path. */
export interface PathPlan {
  /** What was live when it was made. Once something else is, it counts no more. */
  readonly live: readonly EntryId[]
  /** Oldest first; when there are more than fit, the oldest of them. */
  readonly removable: readonly Removable[]
  /** How many there are, with those that do not fit. */
  readonly count: number
  readonly bytes: number
  /** Versions past their time that stay, because nothing here names them as replaced. */
  readonly unproven: number
}

const NOTHING = { removable: [], count: 0, bytes: 0, unproven: 0 }

/**
 * Works out what may go. That a version was replaced is proven by its id alone: what is live names its parents, they
 * name theirs, and so on through the history that is here. Contexts, which a member could have made up, count for
 * nothing. Of what is proven there stay: everything at a path in conflict, the parents of what is live, which an undo
 * brings back, what is linked to, and what the owner keeps by age and count.
 */
export async function planPath(
  { rows, codec }: { readonly rows: RowReader; readonly codec: DomainCodec },
  token: Uint8Array,
  { keepMs, keepVersions, linkedIds, now }: KeptBy
): Promise<PathPlan> {
  const row = await rows.get(liveKey(token))
  const stored = row === undefined ? [] : decodeLiveRow(row)
  const live = stored.map((entry) => entry.header.id)
  if (await hasAtMost(rows, token, keepVersions)) return { live, ...NOTHING }
  const opened = await openEntries(codec, stored)
  if (conflictKind(opened) !== undefined) return { live, ...NOTHING }
  const parents = stored.flatMap((entry) => entry.header.parents)
  const needed = new Set([...parents, ...(await linkedIds(opened))])
  const trace = new Trace(parents)
  const removable = new Latest<Removable>(MAX_CLEAN_ROWS)
  let [rank, count, bytes, unproven] = [0, 0, 0, 0]
  for await (const { key, value } of rows.range({ ...historyRange(token), reverse: true })) {
    const { header, replacedAt } = decodeHistoryRow(value)
    const isProven = trace.meets(header)
    rank++
    if (rank <= keepVersions || replacedAt > now - keepMs || needed.has(header.id)) continue
    if (!isProven) {
      unproven++
      continue
    }
    const size = key.length + value.length
    removable.push({ id: header.id, key, bytes: size })
    count++
    bytes += size
  }
  return { live, removable: removable.reversed(), count, bytes, unproven }
}

/** Whether a path has no more replaced versions than that; reads keys alone. */
async function hasAtMost(rows: RowReader, token: Uint8Array, versions: number): Promise<boolean> {
  let count = 0
  const range = { ...historyRange(token), limit: versions + 1 }
  for await (const _key of rows.keys(range)) count++
  return count <= versions
}

/** Follows parents by their ids through a history that is read latest first. */
class Trace {
  readonly #wanted: Set<EntryId>

  constructor(parents: Iterable<EntryId>) {
    this.#wanted = new Set(parents)
  }

  /** Whether something that was met before, or is live, has replaced it by name. */
  meets(header: Header): boolean {
    if (!this.#wanted.delete(header.id)) return false
    for (const parent of header.parents) {
      if (this.#wanted.size < MAX_TRACED_IDS) this.#wanted.add(parent)
    }
    return true
  }
}

/** The last things that were pushed, as many as fit. */
class Latest<T> {
  readonly #max: number
  readonly #items: T[] = []
  #next = 0

  constructor(max: number) {
    this.#max = max
  }

  push(item: T): void {
    this.#items[this.#next] = item
    this.#next = (this.#next + 1) % this.#max
  }

  /** The last that was pushed first. */
  reversed(): T[] {
    return [...this.#items.slice(this.#next), ...this.#items.slice(0, this.#next)].reverse()
  }
}
