import { type ActorId, compareByTime, timestampMs } from '@cis-memory/clock'
import type { RowReader } from '@cis-memory/store'
import { conflictId, conflictKind } from '../conflict/detect.ts'
import { maySettle, type Policies, versionChosenBy } from '../conflict/policies.ts'
import { mergeDocuments } from '../documents/merge.ts'
import { equalBytes, fromHex, NO_BYTES, startsWith, toHex } from '../entry/bytes.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import { type Path, ROOT } from '../entry/path.ts'
import { type Alternative, encodeAlternative } from '../entry/payload.ts'
import { copyValue } from '../entry/value.ts'
import type {
  AbsentRead,
  Conflict,
  HistoryItem,
  MemoryItem,
  MergeProposal,
  PolicyDecision,
  Read,
  ValueRead,
  Version
} from '../versions.ts'
import { decodeContestedRow } from './contested-row.ts'
import { decodeEndedConflict, type EndedConflict } from './ended-conflict-row.ts'
import { type LiveEntries, readLive } from './live-entries.ts'
import { type DomainCodec, type OpenedEntry, openEntries, openEntry, pathName } from './open-entry.ts'
import { decodeProposalRow } from './proposal-row.ts'
import {
  contestedKey,
  contestedRange,
  endedConflictRange,
  historyRange,
  liveRange,
  pathOfKey,
  proposalKey
} from './rows.ts'
import { decodeHistoryRow, decodeLiveRow } from './stored-entry.ts'

/** Who stands behind an actor, for people to read. */
export interface Directory {
  readonly device: DeviceId
  /** The device an actor writes for and what it is called. */
  authorOf(actor: ActorId): { readonly device: DeviceId; readonly name: string }
}

/** What a view needs besides rows. */
export interface ViewContext {
  readonly directory: Directory
  readonly policies: Policies
  readonly now: () => number
  /** What is live now; a snapshot has none and reads its own rows. */
  readonly live?: LiveEntries
}

/** Where single rows are read: a store, a snapshot, or a transaction with what it has changed. */
type RowGetter = Pick<RowReader, 'get'>

/** One domain as rows show it, now or in a snapshot. */
export class DomainView {
  readonly codec: DomainCodec
  readonly #rows: RowReader
  readonly #directory: Directory
  readonly #policies: Policies
  readonly #now: () => number
  readonly #live: LiveEntries | undefined

  constructor(codec: DomainCodec, rows: RowReader, { directory, policies, now, live }: ViewContext) {
    this.codec = codec
    this.#rows = rows
    this.#directory = directory
    this.#policies = policies
    this.#now = now
    this.#live = live
  }

  /** The live entries of a path, opened, earliest first. */
  live(path: Path): Promise<readonly OpenedEntry[]> {
    return this.liveAt(this.codec.tokens.of(path))
  }

  /** The live entries at κ. */
  liveAt(token: Uint8Array): Promise<readonly OpenedEntry[]> {
    return this.#live?.at(token) ?? readLive(this.#rows, this.codec, token)
  }

  async read(path: Path): Promise<Read> {
    const token = this.codec.tokens.of(path)
    return this.readOf(path, token, await this.liveAt(token))
  }

  /** Everything at or below a scope that is there, in the order of its tokens. */
  async *list(scope: Path): AsyncIterableIterator<MemoryItem> {
    for await (const row of this.#rows.range(liveRange(this.codec.tokens.of(scope)))) {
      const live = await this.#openRow(row.value)
      const token = pathOfKey(row.key)
      const read = await this.readOf(pathName(live) ?? unreadablePath(token), token, live)
      if (read.state !== 'absent') yield { domain: this.codec.domain, read }
    }
  }

  /** Contested paths at or below a scope, from the index: no entry is read that is in no conflict. */
  async *conflicts(scope: Path): AsyncIterableIterator<Conflict> {
    for await (const read of this.inConflict(scope)) if (read.state === 'conflict') yield read.conflict
  }

  /** What policies decide at or below a scope, from the index. */
  async *decisions(scope: Path): AsyncIterableIterator<PolicyDecision> {
    for await (const read of this.inConflict(scope)) {
      if (read.state !== 'conflict' && read.settledBy !== undefined) yield read.settledBy
    }
  }

  /** Paths in conflict at or below a scope as their readers find them: contested, or as a policy decides. */
  async *inConflict(scope: Path): AsyncIterableIterator<Read> {
    for await (const key of this.#rows.keys(contestedRange(this.codec.tokens.of(scope)))) {
      const read = await this.readAt(pathOfKey(key))
      if (conflictOf(read) !== undefined) yield read
    }
  }

  /** When each conflict was noticed, open or ended, of those noticed since. No entry is read. */
  async *noticed(since: number): AsyncIterableIterator<number> {
    for await (const row of this.#rows.range(contestedRange(NO_BYTES))) {
      const { detectedAt } = decodeContestedRow(row.value)
      if (detectedAt >= since) yield detectedAt
    }
    for await (const { detectedAt } of this.ended(ROOT, since)) if (detectedAt >= since) yield detectedAt
  }

  /** The records of conflicts at or below a scope that have ended since, latest first. */
  async *ended(scope: Path, since: number): AsyncIterableIterator<EndedConflict> {
    const prefix = this.codec.tokens.of(scope)
    for await (const row of this.#rows.range({ ...endedConflictRange(since), reverse: true })) {
      const ended = decodeEndedConflict(row.value)
      if (startsWith(ended.token, prefix)) yield ended
    }
  }

  /** The conflict at κ, when there is one, decided by a policy or not. */
  async conflictAt(token: Uint8Array): Promise<Conflict | undefined> {
    return conflictOf(await this.readAt(token))
  }

  /** What is at κ. */
  async readAt(token: Uint8Array): Promise<Read> {
    const live = await this.liveAt(token)
    return this.readOf(pathName(live) ?? unreadablePath(token), token, live)
  }

  /** What the path at κ is called, by what is live there or was. */
  async nameAt(token: Uint8Array): Promise<Path> {
    const name = pathName(await this.liveAt(token))
    if (name !== undefined) return name
    for await (const row of this.#rows.range(historyRange(token))) {
      const { payload } = await openEntry(this.codec, decodeHistoryRow(row.value))
      if (payload !== undefined) return payload.path
    }
    return unreadablePath(token)
  }

  async *history(path: Path): AsyncIterableIterator<HistoryItem> {
    const live = await this.live(path)
    for (const entry of [...live].sort((a, b) => compareByTime(b.stored, a.stored))) {
      for (const version of this.versionsOf(entry)) yield { version, isLive: true }
    }
    for await (const entry of this.replaced(path)) {
      for (const version of this.versionsOf(entry)) yield { version, isLive: false }
    }
  }

  /** The replaced entries of a path, latest first. */
  async *replaced(path: Path): AsyncIterableIterator<OpenedEntry> {
    const range = { ...historyRange(this.codec.tokens.of(path)), reverse: true }
    for await (const row of this.#rows.range(range)) {
      yield await openEntry(this.codec, decodeHistoryRow(row.value))
    }
  }

  /**
   * What live entries amount to for a reader.
   *
   * @param rows where the rest of what is known of the path is read
   */
  async readOf(
    path: string,
    token: Uint8Array,
    live: readonly OpenedEntry[],
    rows: RowGetter = this.#rows
  ): Promise<Read> {
    const kind = conflictKind(live)
    if (kind === undefined) return this.#agreed(path, live)
    const indexed = await rows.get(contestedKey(token))
    const detectedAt = indexed === undefined ? this.#now() : decodeContestedRow(indexed).detectedAt
    const versions = live.flatMap((entry) => this.versionsOf(entry))
    const conflict = { id: conflictId(token, live), path, kind, versions, detectedAt }
    return this.#decided(conflict, token, baseOf(live), rows)
  }

  /** What was proposed for the conflict at κ, refused or not. */
  async proposalFor(
    id: string,
    token: Uint8Array,
    rows: RowGetter = this.#rows
  ): Promise<MergeProposal | undefined> {
    const row = await rows.get(proposalKey(token))
    const proposal = row === undefined ? undefined : decodeProposalRow(row)
    return proposal?.conflictId === id ? proposal : undefined
  }

  versionsOf(entry: OpenedEntry): Version[] {
    if (entry.alternatives.length === 0) return [this.#versionOf(entry, UNREADABLE, 0)]
    return distinct(entry.alternatives).map(([says, index]) => this.#versionOf(entry, says, index))
  }

  /** A version is whoever's who asks: changing it changes nothing here. Spreading what it is made of takes far longer. */
  #versionOf(
    { stored, payload }: OpenedEntry,
    says: Alternative | typeof UNREADABLE,
    index: number
  ): Version {
    const { id, dot, hlc, parents } = stored.header
    const author = this.#directory.authorOf(dot.actor)
    return {
      entryId: id,
      actor: dot.actor,
      device: author.device,
      deviceName: author.name,
      isLocal: author.device === this.#directory.device,
      agent: payload?.agent,
      writtenAt: timestampMs(hlc),
      parents: [...parents],
      isOverwrite: payload?.isOverwrite ?? false,
      sources: (payload?.sources ?? []).map((source) => ({ ...source })),
      index,
      kind: says.kind,
      contentType: says.contentType,
      value: says.value === undefined ? undefined : copyValue(says.value),
      category: says.category,
      tags: [...says.tags],
      expiresAt: says.expiresAt
    }
  }

  #openRow(row: Uint8Array): Promise<OpenedEntry[]> {
    return openEntries(this.codec, decodeLiveRow(row))
  }

  /** What entries that agree say: the latest of them, or the documents they are merged. */
  #agreed(path: string, live: readonly OpenedEntry[]): AbsentRead | ValueRead {
    const base = baseOf(live)
    const latest = live.at(-1)
    const version = latest === undefined ? undefined : this.versionsOf(latest)[0]
    if (version?.kind !== 'document' || live.length === 1) return this.#readOf(path, base, version, undefined)
    const value = mergeDocuments(live.map((entry) => entry.alternatives[0]?.value as Uint8Array))
    return this.#readOf(path, base, { ...version, value }, undefined)
  }

  /** A conflict as the policy for its path leaves it. */
  async #decided(conflict: Conflict, token: Uint8Array, base: Read['base'], rows: RowGetter): Promise<Read> {
    const { path, kind } = conflict
    const mode = this.#policies.decidingModeAt(path as Path)
    const contested = { state: 'conflict', path, base, conflict } as const
    if (!maySettle(mode, kind)) return contested
    const stored = mode === 'ai_merge' ? await this.proposalFor(conflict.id, token, rows) : undefined
    const proposal = stored?.refusedAt === undefined ? stored : undefined
    const chosen = versionChosenBy(mode, conflict, proposal, (version) => this.#isThere(version))
    if (chosen === undefined) return contested
    const decision = { mode, conflict, ...(proposal !== undefined && { proposal }) }
    return this.#readOf(path, base, chosen, decision)
  }

  #readOf(
    path: string,
    base: Read['base'],
    version: Version | undefined,
    settledBy: PolicyDecision | undefined
  ): AbsentRead | ValueRead {
    if (version === undefined || !this.#isThere(version)) return { state: 'absent', path, base, settledBy }
    return { state: 'value', path, base, value: version.value ?? null, version, settledBy }
  }

  /** Whether a reader of a version finds something. */
  #isThere({ kind, expiresAt }: Version): boolean {
    return kind !== 'deleted' && (expiresAt === undefined || expiresAt > this.#now())
  }
}

/** The conflict behind what was read, decided by a policy or not. */
export function conflictOf(read: Read): Conflict | undefined {
  return read.state === 'conflict' ? read.conflict : read.settledBy?.conflict
}

function baseOf(live: readonly OpenedEntry[]): Read['base'] {
  return live.map((entry) => entry.entryId)
}

const UNREADABLE = {
  kind: 'unreadable',
  value: undefined,
  contentType: undefined,
  category: undefined,
  tags: [],
  expiresAt: undefined
} as const

/** Of equal ones the last stays: they are in the order in which they were written. */
function distinct(alternatives: readonly Alternative[]): [Alternative, number][] {
  if (alternatives.length === 1) return [[alternatives[0] as Alternative, 0]]
  const seen: Uint8Array[] = []
  const kept: [Alternative, number][] = []
  for (const [index, alternative] of [...alternatives.entries()].reverse()) {
    const bytes = encodeAlternative(alternative)
    if (seen.some((other) => equalBytes(other, bytes))) continue
    seen.push(bytes)
    kept.unshift([alternative, index])
  }
  return kept
}

const UNREADABLE_PREFIX = '/\u0000'

/** What to call a path none of whose versions can be opened: its tokens, in a form no name can have. */
export function unreadablePath(token: Uint8Array): Path {
  return `${UNREADABLE_PREFIX}${toHex(token)}` as Path
}

/** κ of a path that is called by its tokens, `undefined` for one that has a name. */
export function tokenOfUnreadable(path: string): Uint8Array | undefined {
  return path.startsWith(UNREADABLE_PREFIX) ? fromHex(path.slice(UNREADABLE_PREFIX.length)) : undefined
}
