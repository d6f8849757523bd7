import { type ActorId, covers, type Dot, includes } from '@cis-memory/clock'
import type { Row, RowReader, Store } from '@cis-memory/store'
import { applyUpdate, Doc, type Snapshot, snapshot, snapshotContainsUpdate } from 'yjs'
import { conflictId, conflictKind } from '../../src/conflict/detect.ts'
import { equalBytes, readUint64, toHex } from '../../src/entry/bytes.ts'
import { type Commit, isSignedBy, provesHeader } from '../../src/entry/commit.ts'
import { sha256 } from '../../src/entry/hash.ts'
import { merkleLeaf, merkleRoot } from '../../src/entry/merkle.ts'
import type { Path } from '../../src/entry/path.ts'
import type { Replica } from '../../src/index.ts'
import { decodeContestedRow } from '../../src/replica/contested-row.ts'
import { decodeEndedConflict } from '../../src/replica/ended-conflict-row.ts'
import { decodeFeedRow } from '../../src/replica/feed-row.ts'
import { type OpenedEntry, openEntries } from '../../src/replica/open-entry.ts'
import { decodeProposalRow } from '../../src/replica/proposal-row.ts'
import {
  conflictIdKey,
  conflictOfTimedKey,
  curatedKey,
  endedConflictKey,
  historyKey,
  liveKey
} from '../../src/replica/rows.ts'
import { decodeCommitRow, decodeRecordRow } from '../../src/replica/signed-row.ts'
import { decodeHistoryRow, decodeLiveRow, type StoredEntry } from '../../src/replica/stored-entry.ts'

/*
 * Reads every row of a replica and compares them with each other, without asking the code that wrote them. What it
 * says is empty when all rows agree (P14).
 */

/** The rows of a store by the letter they start with. */
type Rows = ReadonlyMap<string, readonly Row[]>

const EVERYTHING = { gte: new Uint8Array(0), lt: new Uint8Array(600).fill(0xff) }

async function rowsOf(reader: RowReader): Promise<Rows> {
  const rows = new Map<string, Row[]>()
  for await (const row of reader.range(EVERYTHING)) {
    const letter = String.fromCharCode(row.key[0] as number)
    const known = rows.get(letter) ?? []
    known.push(row)
    rows.set(letter, known)
  }
  return rows
}

export interface FsckOptions {
  /** For whoever checks the same commits many times and knows which signatures hold. */
  readonly isSigned?: typeof isSignedBy
  /** Whether two stores may have written as the actor of an entry by then, though nothing here proves it. */
  readonly isMurky?: (dot: Dot) => boolean
}

/** Everything that does not agree, in words. */
export async function fsck(
  replica: Replica,
  store: Store,
  { isSigned = isSignedBy, isMurky = () => false }: FsckOptions = {}
): Promise<string[]> {
  const complaints: string[] = []
  const complain = (what: string): void => {
    complaints.push(what)
  }
  const rows = await rowsOf(store.partition('public'))
  const opened = await openRows(replica, rows)
  const held = new Map<string, Snapshot>()
  const replaces = (later: StoredEntry, earlier: StoredEntry): boolean =>
    covers(later, earlier) && !lacks(opened.get(later.id), opened.get(earlier.id), held)
  const live = (rows.get('E') ?? []).flatMap((row) => checkLiveRow(row, replaces, complain))
  const heads = await checkCommits(replica, rows, isSigned, complain)
  const isForked = (dot: Dot): boolean => replica.membership.isForked(dot.actor) || isMurky(dot)
  checkEntries(isForked, rows, live, heads, complain)
  checkFeed(replica, rows, live, complain)
  checkPlaces(replica, rows, complain)
  checkConflicts(opened, rows, complain)
  checkConflictRecords(rows, complain)
  checkHistory(rows, live, replaces, complain)
  const waiting = rows.get('Q')?.length ?? 0
  if (waiting !== replica.pendingCount) complain(`${waiting} held rows, but ${replica.pendingCount} pending`)
  await checkPrivate(replica, store, complain)
  return complaints
}

type Complain = (what: string) => void
type Replaces = (later: StoredEntry, earlier: StoredEntry) => boolean

/** Every entry that is live or in history, opened, by its id. */
async function openRows(replica: Replica, rows: Rows): Promise<Map<string, OpenedEntry>> {
  const live = (rows.get('E') ?? []).flatMap(({ value }) => decodeLiveRow(value))
  const replaced = (rows.get('Y') ?? []).map(({ value }) => decodeHistoryRow(value))
  const opened = await openEntries(replica.view('public').codec, [...live, ...replaced])
  return new Map(opened.map((entry) => [entry.entryId, entry]))
}

/** Whether the save of a document lacks what it should hold of an earlier one, by what Yjs itself says. */
function lacks(
  later: OpenedEntry | undefined,
  earlier: OpenedEntry | undefined,
  held: Map<string, Snapshot>
): boolean {
  if (later?.payload === undefined || earlier === undefined || later.stored.header.type !== 'ydoc')
    return false
  if (includes(later.payload.dropped, earlier.stored.dot)) return false
  const whole = held.get(later.entryId) ?? snapshotOf(later.payload.alternatives[0]?.value as Uint8Array)
  held.set(later.entryId, whole)
  return earlier.alternatives.some(
    ({ kind, value }) => kind === 'document' && !snapshotContainsUpdate(whole, value as Uint8Array)
  )
}

function snapshotOf(state: Uint8Array): Snapshot {
  const doc = new Doc({ guid: '' })
  applyUpdate(doc, state)
  return snapshot(doc)
}

/** The live row of a path: its own path, no duplicates, and nothing that something beside it replaces. */
function checkLiveRow({ key, value }: Row, replaces: Replaces, complain: Complain): StoredEntry[] {
  const entries = decodeLiveRow(value)
  const at = `E ${toHex(key)}`
  if (entries.length === 0) complain(`${at} has no entry`)
  if (new Set(entries.map((entry) => entry.id)).size < entries.length) complain(`${at} has an entry twice`)
  for (const entry of entries) {
    if (!equalBytes(key.subarray(1), entry.header.path)) complain(`${at} has an entry of another path`)
    if (entries.some((other) => replaces(other, entry))) complain(`${at} has an entry that another replaces`)
    if (!equalBytes(sha256(entry.cipher), entry.header.cipherHash)) complain(`${at} has another payload`)
  }
  return entries
}

/** Heads: signed, one for every actor of a commit, and none of their commits goes further. */
async function checkCommits(
  replica: Replica,
  rows: Rows,
  isSigned: typeof isSignedBy,
  complain: Complain
): Promise<Map<ActorId, Commit>> {
  const heads = new Map<ActorId, Commit>()
  for (const { key, value } of rows.get('A') ?? []) {
    const { commit } = decodeCommitRow(value)
    heads.set(commit.actor, commit)
    if (toHex(key.subarray(1)) !== commit.actor) complain(`A ${toHex(key)} is of another actor`)
    if ((await replica.headOf(commit.actor))?.id !== commit.id)
      complain(`the head of ${commit.actor} is not its row`)
  }
  for (const { value } of rows.get('O') ?? []) {
    const { commit, leaves } = decodeCommitRow(value)
    const device = replica.membership.deviceOf(commit.actor)
    if (device === undefined || !isSigned(commit, device)) complain(`commit ${commit.id} is not signed`)
    if (leaves !== undefined && !equalBytes(merkleRoot(leaves), commit.root))
      complain(`commit ${commit.id} has other leaves`)
    if ((heads.get(commit.actor)?.last ?? 0) < commit.last) complain(`commit ${commit.id} is behind no head`)
  }
  return heads
}

/** Each live entry has its proof; what it has seen is proven; an actor that did not fork has one per path (P5, P9). */
function checkEntries(
  isForked: (dot: Dot) => boolean,
  rows: Rows,
  live: readonly StoredEntry[],
  heads: ReadonlyMap<ActorId, Commit>,
  complain: Complain
): void {
  const commits = (rows.get('O') ?? []).map((row) => decodeCommitRow(row.value))
  const places = new Map<string, StoredEntry>()
  for (const entry of live) {
    const { actor, n } = entry.dot
    const leaf = merkleLeaf(entry.header.digest)
    const isProven = commits.some(({ commit, leaves }) => {
      if (commit.actor !== actor || n < commit.first || n > commit.last) return false
      if (entry.proofPath !== undefined) return provesHeader({ commit, path: entry.proofPath }, entry.header)
      const own = leaves?.[n - commit.first]
      return own !== undefined && equalBytes(own, leaf)
    })
    if (!isProven) complain(`live entry ${entry.id} has no commit`)
    for (const [seen, last] of [...entry.context, [actor, n] as const]) {
      if ((heads.get(seen)?.last ?? 0) < last) complain(`live entry ${entry.id} has seen beyond the heads`)
    }
    const place = `${toHex(entry.header.path)} ${actor}`
    const other = places.get(place)
    // A save that lacks what its actor wrote before covers that, and leaves it there.
    if (other !== undefined && !isForked(entry.dot) && !covers(entry, other))
      complain(`actor ${actor} has two live entries at one path`)
    places.set(place, entry)
  }
}

/** The feed has each live entry and each record once, and nothing else. */
function checkFeed(replica: Replica, rows: Rows, live: readonly StoredEntry[], complain: Complain): void {
  const waiting = new Map(live.map((entry) => [entry.lsn, entry]))
  if (waiting.size < live.length) complain('two live entries have one number')
  const records = new Set((rows.get('S') ?? []).map((row) => decodeRecordRow(row.value).id))
  let last = 0n
  for (const { key, value } of rows.get('L') ?? []) {
    last = readUint64(key, 1)
    const row = decodeFeedRow(value)
    if (row.kind === 'record') {
      if (!records.delete(row.id)) complain(`L ${last} names a record that is not here, or twice`)
      continue
    }
    const entry = waiting.get(last)
    if (entry?.id !== row.id) complain(`L ${last} names an entry that is not live under it`)
    waiting.delete(last)
  }
  if (waiting.size > 0) complain(`${waiting.size} live entries are not in the feed`)
  if (records.size > 0) complain(`${records.size} records are not in the feed`)
  if (last > replica.end.lsn) complain(`the feed goes to ${last}, beyond its tip ${replica.end.lsn}`)
}

/** The end of the feed is its last place, and what was read of peers' feeds belongs to lines that are followed. */
function checkPlaces({ end }: Replica, rows: Rows, complain: Complain): void {
  const last = rows.get('N')?.at(-1)
  const isEnd = last !== undefined && readUint64(last.key, 1) === end.lsn && equalBytes(last.value, end.mark)
  if (!isEnd) complain(`the last place of the feed is not its end ${end.lsn}`)
  const lines = new Set((rows.get('W') ?? []).map(({ value }) => toHex(value.subarray(2, 18))))
  for (const { key } of rows.get('C') ?? []) {
    if (!lines.has(toHex(key.subarray(1, 17)))) complain(`C ${toHex(key)} is of a line that nobody follows`)
  }
}

/** The conflict index is what the live entries say. */
function checkConflicts(entries: ReadonlyMap<string, OpenedEntry>, rows: Rows, complain: Complain): void {
  const indexed = new Map((rows.get('F') ?? []).map((row) => [toHex(row.key.subarray(1)), row.value]))
  const named = new Map((rows.get('K') ?? []).map((row) => [toHex(row.key), row.value]))
  for (const { key, value } of rows.get('E') ?? []) {
    const token = key.subarray(1)
    const opened = decodeLiveRow(value).flatMap(({ id }) => entries.get(id) ?? [])
    const expected = conflictKind(opened) === undefined ? undefined : conflictId(token, opened)
    const row = indexed.get(toHex(token))
    indexed.delete(toHex(token))
    if (row === undefined && expected === undefined) continue
    if (row === undefined || expected === undefined) {
      complain(`F ${toHex(token)} is ${row === undefined ? 'missing' : 'there without a conflict'}`)
      continue
    }
    if (decodeContestedRow(row).id !== expected) complain(`F ${toHex(token)} has another id`)
    const path = named.get(toHex(conflictIdKey(expected)))
    if (path === undefined || !equalBytes(path, token)) complain(`K ${expected} leads elsewhere`)
  }
  if (indexed.size > 0) complain(`${indexed.size} conflicts are indexed at paths without entries`)
}

/** What was proposed is for a conflict that is open; a record is of one that has ended, and known under its id. */
function checkConflictRecords(rows: Rows, complain: Complain): void {
  const open = new Map(
    (rows.get('F') ?? []).map(({ key, value }) => [toHex(key.subarray(1)), decodeContestedRow(value).id])
  )
  const named = new Set((rows.get('K') ?? []).map((row) => toHex(row.key)))
  for (const { key, value } of rows.get('P') ?? []) {
    const { conflictId: id } = decodeProposalRow(value)
    if (open.get(toHex(key.subarray(1))) !== id) complain(`P ${id} is for a conflict that is not there`)
  }
  for (const { key, value } of rows.get('Z') ?? []) {
    const ended = decodeEndedConflict(value)
    if (!equalBytes(key, endedConflictKey(ended.settledAt, ended.id))) complain(`Z ${ended.id} is elsewhere`)
    if (!named.has(toHex(conflictIdKey(ended.id)))) complain(`Z ${ended.id} is of no conflict`)
  }
  for (const { key } of rows.get('R') ?? []) {
    const id = conflictOfTimedKey(key)
    if (!named.has(toHex(conflictIdKey(id)))) complain(`R ${id} is of no conflict`)
  }
}

/** History holds what is not live, and something live stands in its place. */
function checkHistory(
  rows: Rows,
  live: readonly StoredEntry[],
  replaces: Replaces,
  complain: Complain
): void {
  const isLive = new Set(live.map((entry) => entry.id))
  for (const { key, value } of rows.get('Y') ?? []) {
    const entry = decodeHistoryRow(value)
    if (!equalBytes(key, historyKey(entry.header))) complain(`Y ${entry.id} is at another place`)
    if (isLive.has(entry.id)) complain(`Y ${entry.id} is live too`)
    const isReplaced = live.some(
      (other) => equalBytes(other.header.path, entry.header.path) && replaces(other, entry)
    )
    if (!isReplaced) complain(`Y ${entry.id} is replaced by nothing that is live`)
  }
}

/** Private rows are of three kinds, and nothing that is live there is in a public row. */
async function checkPrivate(replica: Replica, store: Store, complain: Complain): Promise<void> {
  const rows = await rowsOf(store.partition('private'))
  for (const letter of rows.keys()) if (!'EYMU'.includes(letter)) complain(`a private row of kind ${letter}`)
  const live = (rows.get('E') ?? []).flatMap((row) => checkLiveRow(row, covers, complain))
  checkHistory(rows, live, covers, complain)
  for (const entry of live) {
    if ((await store.partition('public').get(liveKey(entry.header.path))) !== undefined)
      complain(`private path ${toHex(entry.header.path)} has a public row`)
  }
  const { codec } = replica.view('private')
  const indexed = new Set((rows.get('U') ?? []).map(({ key }) => toHex(key)))
  for (const { payload, stored } of await openEntries(codec, live)) {
    for (const path of new Set(payload?.sources.map((source) => source.path))) {
      const key = toHex(curatedKey(codec.tokens.of(path as Path), stored.header.path))
      if (!indexed.delete(key)) complain(`a curated memory is not indexed, or twice`)
    }
  }
  if (indexed.size > 0) complain(`${indexed.size} sources are indexed of which nothing was made`)
}
