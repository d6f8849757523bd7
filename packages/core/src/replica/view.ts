import { compareByTime, timestampMs } from '@cis-memory/clock'
import type { RowReader } from '@cis-memory/store'
import { conflictId, conflictKind } from '../conflict/detect.ts'
import { mergeDocuments } from '../documents/merge.ts'
import { equalBytes, fromHex, toHex } from '../entry/bytes.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import type { Path } from '../entry/path.ts'
import { type Alternative, encodeAlternative } from '../entry/payload.ts'
import type { Conflict, HistoryItem, MemoryItem, Read, Version } from '../versions.ts'
import { decodeContestedRow } from './contested-row.ts'
import { type DomainCodec, type OpenedEntry, openEntry, pathName } from './open-entry.ts'
import { contestedKey, contestedRange, historyRange, liveKey, liveRange, pathOfKey } from './rows.ts'
import { decodeHistoryRow, decodeLiveRow, type StoredEntry } from './stored-entry.ts'

/** Who stands behind an actor, for people to read. */
export interface Directory {
  readonly device: DeviceId
  /** The device an actor writes for and what it is called. */
  authorOf(entry: StoredEntry): { readonly device: DeviceId; readonly name: string }
}

/** One domain as rows show it, now or in a snapshot. */
export class DomainView {
  readonly codec: DomainCodec
  readonly #rows: RowReader
  readonly #directory: Directory
  readonly #now: () => number

  constructor(codec: DomainCodec, rows: RowReader, directory: Directory, now: () => number) {
    this.codec = codec
    this.#rows = rows
    this.#directory = directory
    this.#now = now
  }

  /** The live entries of a path, opened, earliest first. */
  async live(path: Path): Promise<OpenedEntry[]> {
    return this.liveAt(this.codec.tokens.of(path))
  }

  /** The live entries at κ. */
  async liveAt(token: Uint8Array): Promise<OpenedEntry[]> {
    const row = await this.#rows.get(liveKey(token))
    return row === undefined ? [] : this.#openRow(row)
  }

  async read(path: Path): Promise<Read> {
    const token = this.codec.tokens.of(path)
    const live = await this.liveAt(token)
    const detectedAt = conflictKind(live) === undefined ? 0 : await this.#detectedAt(token)
    return this.toRead(path, token, live, detectedAt)
  }

  /** Everything at or below a scope that is there, in the order of its tokens. */
  async *list(scope: Path): AsyncIterableIterator<MemoryItem> {
    for await (const row of this.#rows.range(liveRange(this.codec.tokens.of(scope)))) {
      const live = this.#openRow(row.value)
      const token = pathOfKey(row.key)
      const detectedAt = conflictKind(live) === undefined ? 0 : await this.#detectedAt(token)
      const read = this.toRead(pathName(live) ?? unreadablePath(token), token, live, detectedAt)
      if (read.state !== 'absent') yield { domain: this.codec.domain, read }
    }
  }

  /** Contested paths at or below a scope, from the index: no entry is read that is not contested. */
  async *conflicts(scope: Path): AsyncIterableIterator<Conflict> {
    for await (const row of this.#rows.range(contestedRange(this.codec.tokens.of(scope)))) {
      const conflict = await this.conflictAt(pathOfKey(row.key))
      if (conflict !== undefined) yield conflict
    }
  }

  /** The conflict at κ, when there is one. */
  async conflictAt(token: Uint8Array): Promise<Conflict | undefined> {
    const row = await this.#rows.get(contestedKey(token))
    if (row === undefined) return undefined
    const live = await this.liveAt(token)
    const path = pathName(live) ?? unreadablePath(token)
    const read = this.toRead(path, token, live, decodeContestedRow(row).detectedAt)
    return read.state === 'conflict' ? read.conflict : undefined
  }

  /** What the path at κ is called, by what is live there or was. */
  async nameAt(token: Uint8Array): Promise<Path> {
    const name = pathName(await this.liveAt(token))
    if (name !== undefined) return name
    for await (const row of this.#rows.range(historyRange(token))) {
      const { payload } = openEntry(this.codec, decodeHistoryRow(row.value))
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
    for await (const row of this.#rows.range(range)) yield openEntry(this.codec, decodeHistoryRow(row.value))
  }

  /** What live entries amount to for a reader. */
  toRead(path: Path, token: Uint8Array, live: readonly OpenedEntry[], detectedAt: number): Read {
    const base = live.map((entry) => entry.entryId)
    const kind = conflictKind(live)
    if (kind !== undefined) {
      const id = conflictId(token, live)
      const versions = live.flatMap((entry) => this.versionsOf(entry))
      return { state: 'conflict', path, base, conflict: { id, path, kind, versions, detectedAt } }
    }
    const latest = live.at(-1)
    const version = latest === undefined ? undefined : this.versionsOf(latest)[0]
    if (version === undefined || version.kind === 'deleted' || this.#isExpired(version)) {
      return { state: 'absent', path, base }
    }
    if (version.kind === 'document' && live.length > 1) {
      const value = mergeDocuments(live.map((entry) => entry.alternatives[0]?.value as Uint8Array))
      return { state: 'value', path, base, value, version: { ...version, value } }
    }
    return { state: 'value', path, base, value: version.value ?? null, version }
  }

  versionsOf(entry: OpenedEntry): Version[] {
    const { header } = entry.stored
    const author = this.#directory.authorOf(entry.stored)
    const authorship = {
      entryId: header.id,
      actor: header.dot.actor,
      device: author.device,
      deviceName: author.name,
      isLocal: author.device === this.#directory.device,
      agent: entry.payload?.agent,
      writtenAt: timestampMs(header.hlc),
      parents: header.parents,
      isOverwrite: entry.payload?.isOverwrite ?? false,
      sources: entry.payload?.sources ?? []
    }
    if (entry.alternatives.length === 0) return [{ ...authorship, index: 0, ...UNREADABLE }]
    return distinct(entry.alternatives).map(([alternative, index]) => ({
      ...authorship,
      index,
      ...alternative
    }))
  }

  #openRow(row: Uint8Array): OpenedEntry[] {
    return decodeLiveRow(row).map((stored) => openEntry(this.codec, stored))
  }

  #isExpired(version: Version): boolean {
    return version.expiresAt !== undefined && version.expiresAt <= this.#now()
  }

  async #detectedAt(token: Uint8Array): Promise<number> {
    const row = await this.#rows.get(contestedKey(token))
    return row === undefined ? this.#now() : decodeContestedRow(row).detectedAt
  }
}

const UNREADABLE = {
  kind: 'unreadable',
  value: undefined,
  contentType: undefined,
  category: undefined,
  tags: [],
  expiresAt: undefined
} as const

function distinct(alternatives: readonly Alternative[]): [Alternative, number][] {
  if (alternatives.length === 1) return [[alternatives[0] as Alternative, 0]]
  const seen: Uint8Array[] = []
  const kept: [Alternative, number][] = []
  for (const [index, alternative] of alternatives.entries()) {
    const bytes = encodeAlternative(alternative)
    if (seen.some((other) => equalBytes(other, bytes))) continue
    seen.push(bytes)
    kept.push([alternative, index])
  }
  return kept
}

const UNREADABLE_PREFIX = '/\u0000'

/** What to call a path none of whose versions can be opened: its tokens, in a form no name can have. */
function unreadablePath(token: Uint8Array): Path {
  return `${UNREADABLE_PREFIX}${toHex(token)}` as Path
}

/** κ of a path that is called by its tokens, `undefined` for one that has a name. */
export function tokenOfUnreadable(path: string): Uint8Array | undefined {
  return path.startsWith(UNREADABLE_PREFIX) ? fromHex(path.slice(UNREADABLE_PREFIX.length)) : undefined
}
