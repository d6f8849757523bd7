import type { ActorId } from '@cis-memory/clock'
import { equalBytes, readUint64, startsWith } from '../entry/bytes.ts'
import type { CommitId } from '../entry/commit.ts'
import { merkleLeaf, merklePath } from '../entry/merkle.ts'
import type { SystemRecord } from '../entry/records.ts'
import { PAGE_BYTES, PAGE_ENTRIES } from '../limits.ts'
import type { Batch, BatchCommit, BatchEntry } from '../sync/batch.ts'
import { isSamePlace } from '../sync/feed-place.ts'
import type { FeedPage, FeedQuery, FeedReader } from '../sync/sync-replica.ts'
import { decodeFeedRow, type FeedRow } from './feed-row.ts'
import type { Membership } from './membership.ts'
import { lineOf } from './peer-feeds.ts'
import type { PublicDomain } from './public-domain.ts'
import { feedRange, liveKey, recordKey } from './rows.ts'
import { type CommitRow, decodeRecordRow } from './signed-row.ts'
import { decodeLiveRow, type StoredEntry } from './stored-entry.ts'

/** Feed rows looked at for one page: bounds the work a narrow scope can ask for at once. */
const MAX_SCANNED_ROWS = 8192
/** System records of one page. */
const PAGE_RECORDS = 256
/** What an entry costs beside its header and payload. */
const ENTRY_OVERHEAD_BYTES = 64

/** Reads the change feed for peers: what is live, in the order it was applied, with its proofs. */
export class Feed {
  readonly #domain: PublicDomain
  readonly #membership: Membership

  constructor(domain: PublicDomain, membership: Membership) {
    this.#domain = domain
    this.#membership = membership
  }

  async page(query: FeedQuery): Promise<FeedPage> {
    const { end } = this.#domain
    if (query.after >= end.lsn) return { batch: EMPTY_BATCH, next: query.after, hasMore: false, end }
    // Asked after the end was taken: whatever came up before it is in what is recorded now.
    const line = query.reader && (await this.#sharedLine(query.reader))
    const builder = new BatchBuilder(this.#domain)
    let next = query.after
    let scanned = 0
    for await (const row of this.#domain.rows.range(feedRange(query.after))) {
      const lsn = readUint64(row.key, 1)
      if (lsn > end.lsn) break
      const isFull =
        scanned === MAX_SCANNED_ROWS ||
        !(await this.#add(builder, decodeFeedRow(row.value), lsn, query, line))
      if (isFull) return { batch: builder.build(), next, hasMore: true, end }
      next = lsn
      scanned++
    }
    return { batch: builder.build(), next: end.lsn, hasMore: false, end }
  }

  /** The live entries of single paths, with the records of whoever wrote them. */
  async paths(paths: readonly Uint8Array[], shared: readonly Uint8Array[]): Promise<Batch> {
    const builder = new BatchBuilder(this.#domain)
    const records = new Set<SystemRecord>()
    for (const path of paths) {
      if (!isShared(path, shared)) continue
      const row = await this.#domain.rows.get(liveKey(path))
      for (const entry of row === undefined ? [] : decodeLiveRow(row)) await builder.addEntry(entry)
    }
    for (const actor of builder.actors()) {
      const device = this.#membership.deviceOf(actor)
      if (device === undefined) continue
      for (const record of this.#membership.credentialsOf(device, actor)) records.add(record)
    }
    for (const record of records) builder.addRecord(record)
    return builder.build()
  }

  /** The line whose entries a reader has for sure. */
  async #sharedLine({ store, places }: FeedReader): Promise<Uint8Array | undefined> {
    const line = await lineOf(this.#domain.rows, store)
    return places.some((place) => isSamePlace(place, line?.place)) ? line?.name : undefined
  }

  /** Adds what a row stands for, unless the reader has it or may not. `false` when the page has no room for it. */
  async #add(
    builder: BatchBuilder,
    row: FeedRow,
    lsn: bigint,
    query: FeedQuery,
    line: Uint8Array | undefined
  ): Promise<boolean> {
    if (line !== undefined && equalBytes(row.from, line)) return true
    if (row.kind === 'record') {
      const value = await this.#domain.rows.get(recordKey(row.id))
      return value === undefined || builder.addRecord(decodeRecordRow(value))
    }
    if (!startsWith(row.path, query.scope) || !isShared(row.path, query.shared)) return true
    const live = await this.#domain.rows.get(liveKey(row.path))
    // Replaced while this page was read: what replaced it has a later number.
    const entry = live === undefined ? undefined : decodeLiveRow(live).find((other) => other.lsn === lsn)
    return entry === undefined || builder.addEntry(entry)
  }
}

function isShared(path: Uint8Array, shared: readonly Uint8Array[]): boolean {
  return shared.some((scope) => startsWith(path, scope))
}

const EMPTY_BATCH: Batch = { records: [], commits: [], entries: [] }

/** Collects entries with what proves them: their commits, and a head for every actor their contexts name. */
class BatchBuilder {
  readonly #domain: PublicDomain
  readonly #records: SystemRecord[] = []
  readonly #entries: { readonly entry: StoredEntry; readonly row: CommitRow }[] = []
  readonly #rows = new Map<CommitId, CommitRow>()
  #bytes = 0

  constructor(domain: PublicDomain) {
    this.#domain = domain
  }

  /** `false` when there is no room. The first thing always has room. */
  addRecord(record: SystemRecord): boolean {
    if (this.#records.length === PAGE_RECORDS) return false
    if (!this.#takeRoom(record.bytes.length + record.signature.length)) return false
    this.#records.push(record)
    return true
  }

  /** `false` when there is no room. The first thing always has room. */
  async addEntry(entry: StoredEntry): Promise<boolean> {
    if (!this.#takeRoom(entry.header.bytes.length + entry.cipher.length + ENTRY_OVERHEAD_BYTES)) return false
    const row = this.#knownProof(entry) ?? (await this.#domain.proofOf(entry))
    this.#rows.set(row.commit.id, row)
    this.#entries.push({ entry, row })
    return true
  }

  #takeRoom(bytes: number): boolean {
    const count = this.#entries.length + this.#records.length
    if (count > 0 && (this.#bytes + bytes > PAGE_BYTES || count === PAGE_ENTRIES)) return false
    this.#bytes += bytes
    return true
  }

  /** Everybody whose entries or heads the batch needs. */
  actors(): Set<ActorId> {
    const actors = new Set<ActorId>()
    for (const { entry } of this.#entries) {
      actors.add(entry.dot.actor)
      for (const actor of entry.context.keys()) actors.add(actor)
    }
    return actors
  }

  build(): Batch {
    const commits = new Map<CommitId, BatchCommit>()
    const entries: BatchEntry[] = []
    for (const { entry, row } of this.#entries) {
      const path = this.#isWhole(row) ? undefined : pathIn(entry, row)
      commits.set(row.commit.id, { commit: row.commit, leaves: path === undefined ? row.leaves : undefined })
      entries.push({ header: entry.header, cipher: entry.cipher, commit: row.commit, path })
    }
    for (const actor of this.actors()) {
      const head = this.#domain.headOf(actor)
      if (head !== undefined && !commits.has(head.id))
        commits.set(head.id, { commit: head, leaves: undefined })
    }
    return { records: this.#records, commits: [...commits.values()], entries }
  }

  #knownProof(entry: StoredEntry): CommitRow | undefined {
    if (entry.proofPath !== undefined) return undefined
    const leaf = merkleLeaf(entry.header.digest)
    for (const row of this.#rows.values()) {
      const { commit, leaves } = row
      const place = commit.actor === entry.dot.actor ? leaves?.[entry.dot.n - commit.first] : undefined
      if (place !== undefined && equalBytes(place, leaf)) return row
    }
    return undefined
  }

  /** Whether all entries of a commit are here, so that its leaves need no path. */
  #isWhole({ commit, leaves }: CommitRow): boolean {
    if (leaves === undefined || leaves.length === 1) return false
    let count = 0
    for (const { row } of this.#entries) if (row.commit.id === commit.id) count++
    return count === leaves.length
  }
}

function pathIn(entry: StoredEntry, { commit, leaves }: CommitRow): Uint8Array {
  if (entry.proofPath !== undefined) return entry.proofPath
  return merklePath(leaves as readonly Uint8Array[], entry.dot.n - commit.first)
}
