/*
 * What is known of the feeds of peers. A store may have been copied or set back without knowing it, and then two go on
 * under one name, or one goes on from where it was before. So what is recorded belongs to a line: a peer's store as
 * long as its feed has the latest place that was recorded of it. When it has not, another line begins. Rows:
 *
 *   W   [name of the line(16), lsn, mark(8)]
 *   C   lsn
 */
import type { RowReader } from '@cis-memory/store'
import { equalBytes } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { ID_BYTES } from '../entry/hash.ts'
import { TOKEN_BYTES } from '../entry/path.ts'
import { type FeedPlace, isSamePlace, MARK_BYTES } from '../sync/feed-place.ts'
import type { FeedProgress, FeedReading } from '../sync/sync-replica.ts'
import { checkpointKey, checkpointsOf, peerStoreKey } from './rows.ts'
import type { Transaction } from './transaction.ts'

export interface Line {
  readonly name: Uint8Array
  /** Whatever was read from the line had come up in its feed by then. */
  readonly place: FeedPlace
}

type Rows = Pick<RowReader, 'get'>

/** The line that a peer's store belonged to when something was recorded of it last. */
export async function lineOf(rows: Rows, store: Uint8Array): Promise<Line | undefined> {
  const row = await rows.get(peerStoreKey(store))
  if (row === undefined) return undefined
  const fields = Fields.ofArray(decodeCbor(row), "the row of a peer's store", 3)
  return {
    name: fields.bytes(0, ID_BYTES),
    place: { lsn: fields.uint64(1), mark: fields.bytes(2, MARK_BYTES) }
  }
}

/** How far a peer's feed has been read. */
export async function progressOf(
  rows: Rows,
  store: Uint8Array,
  feed: Uint8Array,
  scope: Uint8Array
): Promise<FeedProgress> {
  const line = await lineOf(rows, store)
  if (line === undefined) return { place: undefined, lsn: 0n }
  return { place: line.place, lsn: await readUpTo(rows, line.name, feed, scope) }
}

/**
 * The line that a peer's feed is read from. A place is replaced only by whoever knew it: of two sessions at a time with
 * stores of one name, each may be with another copy.
 *
 * @returns its name; `undefined` when nothing may be recorded, since something else was meanwhile
 */
export async function lineRead(
  rows: Rows,
  { store, known, isContinued, told }: FeedReading,
  newName: () => Uint8Array
): Promise<Uint8Array | undefined> {
  const line = await lineOf(rows, store)
  if (line !== undefined && isSamePlace(line.place, told)) return line.name
  if (!isSamePlace(line?.place, known)) return undefined
  return line !== undefined && isContinued ? line.name : newName()
}

/** Records the place that a peer has told, and forgets the line that its store belonged to before, if another. */
export async function recordPlace(
  transaction: Transaction,
  rows: RowReader,
  line: Uint8Array,
  { store, told }: FeedReading
): Promise<void> {
  const before = await lineOf(rows, store)
  if (before !== undefined && !equalBytes(before.name, line)) {
    await forgetProgress(transaction, rows, before.name)
  }
  transaction.put(peerStoreKey(store), encodeCbor([line, told.lsn, told.mark]))
}

/**
 * Records how far a feed has been read. A checkpoint that was withdrawn while its feed is read stays so: what was to be
 * read again lies before the page this one ends.
 */
export async function recordCheckpoint(
  transaction: Transaction,
  line: Uint8Array,
  { feed, scope, after, next }: FeedReading
): Promise<void> {
  if ((await readUpTo(transaction, line, feed, scope)) < after) return
  transaction.put(checkpointKey(line, feed, scope), encodeCbor(next))
}

/** Has everything of a line read again. */
export async function forgetProgress(
  transaction: Transaction,
  rows: RowReader,
  line: Uint8Array
): Promise<void> {
  for await (const key of rows.keys(checkpointsOf(line))) transaction.delete(key)
}

/** What was read within a wider scope has been read within this one too. */
async function readUpTo(rows: Rows, line: Uint8Array, feed: Uint8Array, scope: Uint8Array): Promise<bigint> {
  let furthest = 0n
  for (let length = 0; length <= scope.length; length += TOKEN_BYTES) {
    const row = await rows.get(checkpointKey(line, feed, scope.subarray(0, length)))
    const lsn = row === undefined ? 0n : BigInt(decodeCbor(row) as number | bigint)
    if (lsn > furthest) furthest = lsn
  }
  return furthest
}
