/*
 * Rows of a replica. Keys are tokens, numbers and hashes, never names; the store seals every value.
 *
 * public partition, of which sync sends live entries, commits and records alone:
 *   E κ                         the live entries of a path, all in one row
 *   Y depth κ hlc8 id16         an entry that was replaced: the history of a path is one range
 *   G κ                         a path whose history was cleaned
 *   O actor16 first8 commit16   a commit, its signature and, when known, the leaves of its tree
 *   A actor16                   the latest commit proven of an actor
 *   L lsn8                      the change feed: what was applied, in order, and where it came from
 *   N lsn8                      the mark of the feed at the end of a batch
 *   F κ                         a contested path: its conflict id and when it was noticed
 *   K conflictId                the path a conflict id stands or stood for, so that a stale one is known as such
 *   R ms8 conflictId            a conflict that got another id, in the order of time
 *   P κ                         what was proposed for the conflict of a path
 *   Z ms8 conflictId            a conflict that ended, in the order of time
 *   S record16                  a system record
 *   W store16                   a peer's store: the name of its line here, and the latest place known of its feed
 *   C line16 feed16 scopeκ      how far a feed of that line has been read
 *   Q seq8 id16                 an entry held until it can be judged
 *   M name                      instance and actor of this replica, and since when it is that
 *
 * private partition: E, Y and M, and
 *   U depth κ κ                 a public memory, and a private one that was made from it, in private tokens
 * local partition, which belongs to this store:
 *   M name                      identity, space secret, the seal of the audit log
 *   I id16                      an invitation
 *   J seq8                      a record of the audit log
 */
import { type ActorId, actorToBytes } from '@cis-memory/clock'
import type { RowRange } from '@cis-memory/store'
import { concat, fromHex, uint64Bytes } from '../entry/bytes.ts'
import type { Commit } from '../entry/commit.ts'
import type { Header } from '../entry/header.ts'
import { TOKEN_BYTES } from '../entry/path.ts'

const LAST_UINT64 = (1n << 64n) - 1n

function kind(letter: string): Uint8Array {
  return Uint8Array.of(letter.charCodeAt(0))
}

/** All keys that start with a prefix. */
export function prefixRange(prefix: Uint8Array): RowRange {
  // Not `slice`: that of a `Buffer` shares its bytes.
  const lt = new Uint8Array(prefix)
  for (let at = lt.length - 1; at >= 0; at--) {
    if (lt[at] !== 0xff) {
      lt[at] = (lt[at] as number) + 1
      return { gte: prefix, lt: lt.subarray(0, at + 1) }
    }
  }
  throw new RangeError('no key comes after a prefix of 0xff bytes')
}

const LIVE = kind('E')
const HISTORY = kind('Y')
const CLEANED = kind('G')
const CURATED = kind('U')
const COMMIT = kind('O')
const HEAD = kind('A')
const FEED = kind('L')
const MARK = kind('N')
const CONTESTED = kind('F')
const CONFLICT_ID = kind('K')
const PROPOSAL = kind('P')
const ENDED_CONFLICT = kind('Z')
const RENAMED_CONFLICT = kind('R')
const RECORD = kind('S')
const PEER_STORE = kind('W')
const CHECKPOINT = kind('C')
const HELD = kind('Q')
const META = kind('M')
const AUDIT = kind('J')

export const liveKey = (path: Uint8Array): Uint8Array => concat(LIVE, path)
export const liveRange = (scope: Uint8Array): RowRange => prefixRange(concat(LIVE, scope))
/** κ of a live or contested row. */
export const pathOfKey = (key: Uint8Array): Uint8Array => key.subarray(1)

export const historyKey = (header: Header): Uint8Array =>
  concat(historyPrefix(header.path), uint64Bytes(header.hlc), fromHex(header.id))
export const historyRange = (path: Uint8Array): RowRange => prefixRange(historyPrefix(path))
/** The history of all paths at or below a scope that have so many segments. */
export const historyBelow = (scope: Uint8Array, segments: number): RowRange =>
  prefixRange(concat(HISTORY, Uint8Array.of(segments), scope))
/** κ of a history row. */
export const pathOfHistoryKey = (key: Uint8Array): Uint8Array =>
  key.subarray(2, 2 + (key[1] as number) * TOKEN_BYTES)
const historyPrefix = (path: Uint8Array): Uint8Array =>
  concat(HISTORY, Uint8Array.of(path.length / TOKEN_BYTES), path)

const curatedFrom = (source: Uint8Array): Uint8Array =>
  concat(CURATED, Uint8Array.of(source.length / TOKEN_BYTES), source)
export const curatedKey = (source: Uint8Array, curated: Uint8Array): Uint8Array =>
  concat(curatedFrom(source), curated)
export const curatedFromRange = (source: Uint8Array): RowRange => prefixRange(curatedFrom(source))
export const curatedRange = (): RowRange => prefixRange(CURATED)
/** κ of the memory that was made. */
export const curatedOfKey = (key: Uint8Array): Uint8Array =>
  key.subarray(2 + (key[1] as number) * TOKEN_BYTES)

export const cleanedKey = (path: Uint8Array): Uint8Array => concat(CLEANED, path)

const commitPrefix = (actor: ActorId, first: number): Uint8Array =>
  concat(COMMIT, actorToBytes(actor), uint64Bytes(first))
/** Named by its id too: the commits of a fork share their numbers, and both are evidence. */
export const commitKey = (commit: Commit): Uint8Array =>
  concat(commitPrefix(commit.actor, commit.first), fromHex(commit.id))
/** Commits of an actor whose first number is from `from` to `to`. */
export const commitRange = (actor: ActorId, from: number, to: number): RowRange => ({
  gte: commitPrefix(actor, Math.max(from, 1)),
  lt: commitPrefix(actor, to + 1)
})

export const headKey = (actor: ActorId): Uint8Array => concat(HEAD, actorToBytes(actor))
export const headRange = (): RowRange => prefixRange(HEAD)

export const feedKey = (lsn: bigint): Uint8Array => concat(FEED, uint64Bytes(lsn))
/** The feed after a number. */
export const feedRange = (after: bigint): RowRange => ({ gte: feedKey(after + 1n), lt: feedKey(LAST_UINT64) })
export const feedEnd = (): RowRange => ({ ...feedRange(0n), reverse: true, limit: 1 })

export const markKey = (lsn: bigint): Uint8Array => concat(MARK, uint64Bytes(lsn))

export const contestedKey = (path: Uint8Array): Uint8Array => concat(CONTESTED, path)
export const contestedRange = (scope: Uint8Array): RowRange => prefixRange(concat(CONTESTED, scope))
export const conflictIdKey = (id: string): Uint8Array => concat(CONFLICT_ID, Buffer.from(id))

export const proposalKey = (path: Uint8Array): Uint8Array => concat(PROPOSAL, path)

const since = (letter: Uint8Array, ms: number): Uint8Array =>
  concat(letter, uint64Bytes(Math.floor(Math.max(ms, 0))))
export const endedConflictKey = (settledAt: number, id: string): Uint8Array =>
  concat(since(ENDED_CONFLICT, settledAt), Buffer.from(id))
/** Conflicts that ended from `from` on and before `to`. */
export const endedConflictRange = (from: number, to: number = Number.MAX_SAFE_INTEGER): RowRange => ({
  gte: since(ENDED_CONFLICT, from),
  lt: since(ENDED_CONFLICT, to)
})
export const renamedConflictKey = (renamedAt: number, id: string): Uint8Array =>
  concat(since(RENAMED_CONFLICT, renamedAt), Buffer.from(id))
/** Conflicts that got another id before `to`. */
export const renamedConflictRange = (to: number): RowRange => ({
  gte: since(RENAMED_CONFLICT, 0),
  lt: since(RENAMED_CONFLICT, to)
})
/** The id of a conflict that has ended or got another. */
export const conflictOfTimedKey = (key: Uint8Array): string => Buffer.from(key.subarray(9)).toString()

export const recordKey = (id: string): Uint8Array => concat(RECORD, fromHex(id))
export const recordRange = (): RowRange => prefixRange(RECORD)

export const peerStoreKey = (store: Uint8Array): Uint8Array => concat(PEER_STORE, store)

export const checkpointKey = (line: Uint8Array, feed: Uint8Array, scope: Uint8Array): Uint8Array =>
  concat(CHECKPOINT, line, feed, scope)
export const checkpointsRange = (): RowRange => prefixRange(CHECKPOINT)
/** The checkpoints of all feeds of a line. */
export const checkpointsOf = (line: Uint8Array): RowRange => prefixRange(concat(CHECKPOINT, line))

export const heldKey = (sequence: bigint, id: string): Uint8Array =>
  concat(HELD, uint64Bytes(sequence), fromHex(id))
export const heldRange = (): RowRange => prefixRange(HELD)

export const metaKey = (name: string): Uint8Array => concat(META, Buffer.from(name))

export const auditKey = (seq: number): Uint8Array => concat(AUDIT, uint64Bytes(seq))
/** Records of the audit log after a number. */
export const auditRange = (after: number): RowRange => ({
  gte: auditKey(after + 1),
  lt: concat(AUDIT, uint64Bytes(LAST_UINT64))
})
export const auditSealKey = (): Uint8Array => metaKey('audit')
