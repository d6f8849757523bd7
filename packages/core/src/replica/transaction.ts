import { compareByTime } from '@cis-memory/clock'
import type { RowChange, RowReader } from '@cis-memory/store'
import { conflictId, conflictKind } from '../conflict/detect.ts'
import { loadYjs } from '../documents/merge.ts'
import { startsWith, toHex } from '../entry/bytes.ts'
import type { Header } from '../entry/header.ts'
import type { EntryId } from '../versions.ts'
import { encodeConflictIdRow } from './conflict-id-row.ts'
import { type ContestedRow, decodeContestedRow, encodeContestedRow } from './contested-row.ts'
import type { LiveEntries } from './live-entries.ts'
import { type DomainCodec, type OpenedEntry, openEntries, openEntry } from './open-entry.ts'
import { replaces, replacesAllThat } from './replaces.ts'
import {
  cleanedKey,
  conflictIdKey,
  contestedKey,
  feedKey,
  historyKey,
  historyRange,
  liveKey
} from './rows.ts'
import {
  decodeHistoryRow,
  encodeHistoryRow,
  encodeLiveRow,
  type StoredEntry,
  storedEntry
} from './stored-entry.ts'

/** What applying an entry did: it is live now, it was replaced before it came, or it was here. */
export type Applied = 'live' | 'replaced' | 'known'

/** A path whose conflict began, changed or ended in a transaction. */
export interface ConflictChange {
  readonly token: Uint8Array
  /** The conflict's id now, or `undefined` when it has ended. */
  readonly id: string | undefined
  /** What the index said before, when there was a conflict. */
  readonly before: ContestedRow | undefined
  /** The live entries before and now, earliest first. */
  readonly liveBefore: readonly OpenedEntry[]
  readonly live: readonly OpenedEntry[]
}

/** An entry that took the place of a single other. */
export interface Replacement {
  readonly by: OpenedEntry
  readonly replaced: Header
}

/** Documents that merge when they are read, and those among them that have just come. */
export interface MergedDocuments {
  readonly live: readonly OpenedEntry[]
  readonly arrived: readonly OpenedEntry[]
}

/** How a domain feeds its changes to peers; the private domain does not. */
export interface FeedWriter {
  /** The log sequence number of an entry that is live from here on. */
  number(id: EntryId): bigint
  /**
   * The row that tells readers of the feed where an entry is and where it came from. One that is live again is news
   * to everybody, whoever sent it.
   */
  entryRow(entry: StoredEntry, isRevived: boolean): Uint8Array
}

/** The live entries at κ before a transaction and as it leaves them. */
export interface PathChange {
  readonly token: Uint8Array
  readonly before: readonly OpenedEntry[]
  readonly live: readonly OpenedEntry[]
}

interface PathState extends PathChange {
  live: readonly OpenedEntry[]
  isChanged: boolean
}

/** What a transaction comes to. */
export interface Finished {
  readonly changes: readonly RowChange[]
  readonly conflicts: readonly ConflictChange[]
  readonly documents: readonly MergedDocuments[]
  readonly paths: readonly PathChange[]
}

/** Where a transaction starts from. */
export interface TransactionBase {
  readonly rows: RowReader
  readonly live: LiveEntries
  readonly codec: DomainCodec
  /** In milliseconds since 1970. */
  readonly now: number
}

/**
 * Changes that become durable together. It reads through what it has changed, so that two writes of one path in one
 * commit see each other. Applying an entry is the same for local writes and for what peers send.
 */
export class Transaction {
  readonly #rows: RowReader
  readonly #live: LiveEntries
  readonly #codec: DomainCodec
  readonly #feed: FeedWriter | undefined
  readonly #paths = new Map<string, PathState>()
  readonly #changes = new Map<string, RowChange>()
  /** When it was begun, in milliseconds since 1970. */
  readonly now: number
  /** What was applied and not known before, in that order. */
  readonly applied: OpenedEntry[] = []
  readonly replacements: Replacement[] = []
  /**
   * Whether a path was judged again whose history was cleaned: what is live there besides may be known to peers alone.
   */
  missesHistory = false

  constructor({ rows, live, codec, now }: TransactionBase, feed: FeedWriter | undefined) {
    this.#rows = rows
    this.#live = live
    this.#codec = codec
    this.#feed = feed
    this.now = now
  }

  /** The live entries at κ as this transaction leaves them, earliest first. */
  async live(token: Uint8Array): Promise<readonly OpenedEntry[]> {
    return (await this.#state(token)).live
  }

  /** Whether an entry was applied before, be it live or replaced since. */
  async has(header: Header): Promise<boolean> {
    const { live } = await this.#state(header.path)
    return (
      live.some((entry) => entry.entryId === header.id) || (await this.get(historyKey(header))) !== undefined
    )
  }

  /**
   * Applies an entry by the sibling rules: unless a live one replaces it, it becomes live, and those it replaces move
   * to history. Nothing is ever dropped here. What keeps an entry in history is always something live, which peers are
   * sent: that makes all replicas agree, whatever contexts say.
   *
   * @param known what the entry says, when that is known already
   */
  async apply(entry: StoredEntry, known?: OpenedEntry): Promise<Applied> {
    const state = await this.#state(entry.header.path)
    if (state.live.some((other) => other.entryId === entry.id)) return 'known'
    const opened = known ?? (await openEntry(this.#codec, entry))
    if (entry.header.type === 'ydoc') await loadYjs()
    const atHistory = historyKey(entry.header)
    const wasReplaced = (await this.get(atHistory)) !== undefined
    if (state.live.some((other) => replaces(other, opened))) {
      if (wasReplaced) return 'known'
      this.#toHistory(entry)
      this.applied.push(opened)
      return 'replaced'
    }
    if (wasReplaced) this.delete(atHistory)
    const current = { ...opened, stored: this.#number(entry, false) }
    const gone = state.live.filter((other) => replaces(current, other))
    const stays = state.live.filter((other) => !gone.includes(other))
    for (const other of gone) this.#toHistory(other.stored)
    const [only, ...others] = state.live
    if (gone.length === 1 && only !== undefined && others.length === 0) {
      this.replacements.push({ by: current, replaced: only.stored.header })
    }
    this.applied.push(current)
    state.live = [...stays, current].sort((a, b) => compareByTime(a.stored, b.stored))
    state.isChanged = true
    if (!gone.every((other) => replacesAllThat(current, other))) await this.#judgeAgain(state)
    return 'live'
  }

  /** A row as this transaction leaves it. */
  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    const change = this.#changes.get(toHex(key))
    if (change === undefined) return this.#rows.get(key)
    return change.type === 'put' ? change.value : undefined
  }

  put(key: Uint8Array, value: Uint8Array): void {
    this.#changes.set(toHex(key), { type: 'put', key, value })
  }

  delete(key: Uint8Array): void {
    this.#changes.set(toHex(key), { type: 'delete', key })
  }

  /** Writes the live rows and the conflict index of every changed path, and gives all changes. */
  async finish(): Promise<Finished> {
    const conflicts: ConflictChange[] = []
    const documents: MergedDocuments[] = []
    const paths = [...this.#paths.values()].filter(({ isChanged }) => isChanged)
    for (const state of paths) {
      this.put(liveKey(state.token), encodeLiveRow(state.live.map((entry) => entry.stored)))
      this.pathChanged(state, this.#codec)
      const change = await this.#indexConflict(state)
      if (change !== undefined) conflicts.push(change)
      if (areMerged(state.live)) documents.push({ live: state.live, arrived: arrivedIn(state) })
    }
    return { changes: [...this.#changes.values()], conflicts, documents, paths }
  }

  /** Called once for each changed path, for the rows that one domain keeps besides. */
  protected pathChanged(_change: PathChange, _codec: DomainCodec): void {}

  async #indexConflict(state: PathState): Promise<ConflictChange | undefined> {
    const key = contestedKey(state.token)
    const row = await this.#rows.get(key)
    const before = row === undefined ? undefined : decodeContestedRow(row)
    const isContested = conflictKind(state.live) !== undefined
    const id = isContested ? conflictId(state.token, state.live) : undefined
    if (id === before?.id) return undefined
    if (id === undefined) {
      this.delete(key)
    } else {
      this.put(key, encodeContestedRow({ id, detectedAt: before?.detectedAt ?? this.now }))
      this.put(conflictIdKey(id), encodeConflictIdRow({ token: state.token, retiredAt: undefined }))
    }
    return { token: state.token, id, before, liveBefore: state.before, live: state.live }
  }

  async #state(token: Uint8Array): Promise<PathState> {
    const name = toHex(token)
    const known = this.#paths.get(name)
    if (known !== undefined) return known
    const live = await this.#live.at(token)
    const state: PathState = { token, before: live, live, isChanged: false }
    this.#paths.set(name, state)
    return state
  }

  /**
   * Judges a path from everything known of it, latest first. Honest contexts never need it: they hold whatever those
   * they replace had seen.
   */
  async #judgeAgain(state: PathState): Promise<void> {
    const atCleaned = cleanedKey(state.token)
    if ((await this.get(atCleaned)) !== undefined) {
      this.missesHistory = true
      this.delete(atCleaned)
    }
    const replaced = await this.#historyOf(state.token)
    const known = [...state.live, ...(await openEntries(this.#codec, replaced))]
    known.sort((a, b) => compareByTime(b.stored, a.stored))
    const live: OpenedEntry[] = []
    for (const entry of known) {
      if (!live.some((later) => replaces(later, entry))) live.push(entry)
    }
    for (const entry of state.live) if (!live.includes(entry)) this.#toHistory(entry.stored)
    state.live = live.reverse().map((entry) => {
      if (state.live.includes(entry)) return entry
      this.delete(historyKey(entry.stored.header))
      return { ...entry, stored: this.#number(entry.stored, true) }
    })
  }

  /** The history of a path as this transaction leaves it. */
  async #historyOf(token: Uint8Array): Promise<StoredEntry[]> {
    const range = historyRange(token)
    const rows = new Map<string, Uint8Array>()
    for await (const row of this.#rows.range(range)) rows.set(toHex(row.key), row.value)
    for (const [name, change] of this.#changes) {
      if (!startsWith(change.key, range.gte)) continue
      if (change.type === 'put') rows.set(name, change.value)
      else rows.delete(name)
    }
    return [...rows.values()].map(decodeHistoryRow)
  }

  #number(entry: StoredEntry, isRevived: boolean): StoredEntry {
    if (this.#feed === undefined) return entry
    const numbered = storedEntry(entry.header, entry.cipher, entry.proofPath, this.#feed.number(entry.id))
    this.put(feedKey(numbered.lsn), this.#feed.entryRow(numbered, isRevived))
    return numbered
  }

  #toHistory(entry: StoredEntry): void {
    if (entry.lsn > 0n) this.delete(feedKey(entry.lsn))
    this.put(historyKey(entry.header), encodeHistoryRow(entry, this.now))
  }
}

function areMerged(live: readonly OpenedEntry[]): boolean {
  return live.length > 1 && live[0]?.alternatives[0]?.kind === 'document' && conflictKind(live) === undefined
}

function arrivedIn({ before, live }: PathState): OpenedEntry[] {
  return live.filter((entry) => !before.some(({ entryId }) => entryId === entry.entryId))
}
