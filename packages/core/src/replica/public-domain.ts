import {
  ACTOR_ID_BYTES,
  type ActorId,
  actorFromBytes,
  actorToBytes,
  latest,
  ZERO_TIMESTAMP
} from '@cis-memory/clock'
import type { RowStore } from '@cis-memory/store'
import { ConflictRecords } from '../conflict/conflict-records.ts'
import { conflictKind } from '../conflict/detect.ts'
import type { Policies } from '../conflict/policies.ts'
import { equalBytes, NO_BYTES, readUint64 } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type Commit, disagree, provesHeader, signCommit } from '../entry/commit.ts'
import type { DeviceKey } from '../entry/ed25519.ts'
import { merkleLeaf, merkleRoot } from '../entry/merkle.ts'
import { createEpoch, createFork, RECORD_NONCE_BYTES } from '../entry/records.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import { CoreError, invariant } from '../errors.ts'
import { MAX_COMMIT_ENTRIES } from '../limits.ts'
import type { Runtime } from '../ports/runtime.ts'
import { FEED_START, type FeedPlace, isSamePlace } from '../sync/feed-place.ts'
import { decodeEpochRow, type EpochReason, type EpochStart, encodeEpochRow } from './epoch-row.ts'
import type { WriterHost } from './group-writer.ts'
import { LiveEntries } from './live-entries.ts'
import type { Membership } from './membership.ts'
import { type DomainCodec, type OpenedEntry, pathName } from './open-entry.ts'
import { PublicTransaction } from './public-transaction.ts'
import { checkpointsRange, commitKey, commitRange, feedEnd, headRange, markKey, metaKey } from './rows.ts'
import { type CommitRow, decodeCommitRow, encodeCommitRow } from './signed-row.ts'
import type { StoredEntry } from './stored-entry.ts'
import type { ConflictChange, MergedDocuments, Replacement } from './transaction.ts'
import { WriteFate } from './write-fate.ts'

const OWN_KEY = metaKey('own')
const EPOCH_KEY = metaKey('epoch')
export const INSTANCE_BYTES = 16

/** What became durable in one batch. */
export interface DurableChange {
  readonly entries: readonly OpenedEntry[]
  readonly conflicts: readonly ConflictChange[]
  readonly replacements: readonly Replacement[]
  readonly documents: readonly MergedDocuments[]
  /** Actors now known to have written two things under one number. */
  readonly forks: readonly ActorId[]
  readonly isLocal: boolean
  /** Why it goes on as a new actor from here, when it does. */
  readonly newEpoch: EpochReason | undefined
}

/** What an open public domain is made of. */
export interface PublicDomainParts {
  readonly rows: RowStore
  readonly codec: DomainCodec
  readonly membership: Membership
  readonly key: DeviceKey
  readonly runtime: Runtime
  readonly policies: Policies
  readonly conflictRetentionMs: number
  /** Told after each batch, with the lock still held. */
  readonly onDurable: (change: DurableChange) => void
}

/** Who this replica writes as, and the name of its numbering. */
interface Own {
  readonly instance: Uint8Array
  readonly actor: ActorId
}

/**
 * The public domain's rows with what has to be known of them at all times: heads, numbering, and who we write as.
 * Counters move only after the batch that uses them is durable; after a batch whose fate is unknown nothing is
 * written any more until the store is opened again and its rows say what happened.
 */
export class PublicDomain implements WriterHost {
  readonly codec: DomainCodec
  readonly rows: RowStore
  readonly live: LiveEntries
  readonly space: SpaceId
  readonly #parts: PublicDomainParts
  readonly #heads: Map<ActorId, Commit>
  readonly #records: ConflictRecords
  #own: Own | undefined
  #end: FeedPlace
  #batchCount = 0
  readonly #fate = new WriteFate()

  private constructor(
    parts: PublicDomainParts,
    heads: Map<ActorId, Commit>,
    own: Own | undefined,
    end: FeedPlace
  ) {
    this.#parts = parts
    this.codec = parts.codec
    this.rows = parts.rows
    this.live = new LiveEntries(parts.rows, parts.codec)
    this.space = parts.membership.space
    this.#heads = heads
    this.#records = new ConflictRecords(parts.rows, parts.conflictRetentionMs)
    this.#own = own
    this.#end = end
  }

  /** Reads what has to be known: as many rows as there are actors, never the entries. */
  static async open(parts: PublicDomainParts): Promise<PublicDomain> {
    const heads = new Map<ActorId, Commit>()
    for await (const row of parts.rows.range(headRange())) {
      const { commit } = decodeCommitRow(row.value)
      heads.set(commit.actor, commit)
    }
    let { lsn, mark } = FEED_START
    for await (const key of parts.rows.keys(feedEnd())) lsn = readUint64(key, 1)
    mark = (await parts.rows.get(markKey(lsn))) ?? mark
    return new PublicDomain(parts, heads, await readOwn(parts.rows), { lsn, mark })
  }

  /** Whether it has written as somebody, and can show what its feed was: older versions wrote no marks. */
  get canGoOn(): boolean {
    return this.#own !== undefined && !equalBytes(this.#end.mark, FEED_START.mark)
  }

  get actor(): ActorId {
    invariant(this.#own !== undefined, 'an epoch is started before the first write')
    return this.#own.actor
  }

  get instance(): Uint8Array {
    invariant(this.#own !== undefined, 'an epoch is started before the first sync')
    return this.#own.instance
  }

  get nextNumber(): number {
    return (this.#heads.get(this.actor)?.last ?? 0) + 1
  }

  /** Where the feed ends, as far as it is durable: its readers stop there. */
  get end(): FeedPlace {
    return this.#end
  }

  /** Whether this feed has ever ended at a place. */
  async hasPlace(place: FeedPlace): Promise<boolean> {
    if (isSamePlace(place, this.#end)) return true
    const mark = await this.rows.get(markKey(place.lsn))
    return mark !== undefined && equalBytes(mark, place.mark)
  }

  /** How many batches were written since it was opened. */
  get batchCount(): number {
    return this.#batchCount
  }

  headOf(actor: ActorId): Commit | undefined {
    return this.#heads.get(actor)
  }

  /** The latest commit of each actor. */
  heads(): readonly Commit[] {
    return [...this.#heads.values()]
  }

  isRetired(actor: ActorId): boolean {
    const epoch = this.#parts.membership.epochOf(actor)
    return epoch === undefined || this.#parts.membership.hasSuccessor(actor)
  }

  begin(from: Uint8Array = NO_BYTES): PublicTransaction {
    this.#fate.check()
    const { rows, live, codec } = this
    return new PublicTransaction({ rows, live, codec, now: this.#parts.runtime.now() }, this.#end, from)
  }

  /** Signs what was written and makes it durable. */
  async commit(transaction: PublicTransaction): Promise<void> {
    const entries = transaction.applied.map((entry) => entry.stored)
    const leaves = entries.map((entry) => merkleLeaf(entry.header.digest))
    const commit = signCommit(this.#parts.key, {
      space: this.space,
      actor: this.actor,
      first: this.nextNumber,
      size: entries.length,
      root: merkleRoot(leaves),
      previous: this.#heads.get(this.actor)?.id,
      hlc: entries.reduce((max, entry) => latest(max, entry.hlc), ZERO_TIMESTAMP)
    })
    transaction.put(commitKey(commit), encodeCommitRow({ commit, leaves }))
    transaction.raiseHead(commit)
    await this.write(transaction)
  }

  async save(transaction: PublicTransaction): Promise<void> {
    await this.write(transaction)
  }

  /**
   * Makes a transaction durable, and only then lets its numbers count.
   *
   * @returns how many paths became contested, or contested by other versions than before
   */
  async write(transaction: PublicTransaction): Promise<number> {
    const own = await this.#ownAfter(transaction)
    const { end } = transaction
    if (end !== this.#end) transaction.put(markKey(end.lsn), end.mark)
    const { changes, conflicts, documents, paths } = await transaction.finish()
    const recorded = await this.#records.changesFor(conflicts, transaction.now)
    const all = [...changes, ...recorded]
    // What peers send lies in the pages it came in; to keep some of it opened would keep all of them.
    const changed = transaction.isLocal ? paths : paths.map(({ token }) => ({ token, live: [] }))
    await this.#fate.decides(this.live.whileWritten(changed, () => this.rows.write(all)))
    this.#batchCount++
    this.#end = end
    this.#own = own ?? this.#own
    for (const [actor, head] of transaction.heads) this.#heads.set(actor, head)
    for (const record of transaction.records) this.#parts.membership.add(record)
    const forks = transaction.records.flatMap((record) => (record.kind === 'fork' ? [record.actor] : []))
    this.#parts.onDurable({
      entries: transaction.applied,
      conflicts,
      replacements: transaction.replacements,
      documents,
      forks,
      isLocal: transaction.isLocal,
      newEpoch: transaction.isOvertaken ? transaction.doubt : undefined
    })
    return conflicts.filter((change) => this.#isContested(change)).length
  }

  #isContested({ id, live }: ConflictChange): boolean {
    const kind = conflictKind(live)
    return id !== undefined && kind !== undefined && !this.#parts.policies.settlesAtOnce(pathName(live), kind)
  }

  /** Goes on as a new actor. */
  async startEpoch(reason: EpochReason): Promise<void> {
    const transaction = this.begin()
    transaction.isOvertaken = true
    transaction.doubt = reason
    await this.write(transaction)
  }

  /** When it went on as the actor it is; `undefined` when an older version did not say. */
  async epochStart(): Promise<EpochStart | undefined> {
    const row = await this.rows.get(EPOCH_KEY)
    return row === undefined ? undefined : decodeEpochRow(row)
  }

  /** Who writes once a transaction is durable, and under which name of its numbering; `undefined` when as before. */
  async #ownAfter(transaction: PublicTransaction): Promise<Own | undefined> {
    if (transaction.missesHistory) await this.#askAgain(transaction)
    if (transaction.isOvertaken) return this.#succeed(transaction)
    return transaction.missesHistory ? this.#rename(transaction, this.actor) : undefined
  }

  /**
   * Withdraws how far every feed has been read. What was cleaned here and is live again elsewhere comes back: all
   * feeds are read from their start, and under a new name even what we have sent ourselves is sent to us.
   */
  async #askAgain(transaction: PublicTransaction): Promise<void> {
    for await (const key of this.rows.keys(checkpointsRange())) transaction.delete(key)
  }

  #rename(transaction: PublicTransaction, actor: ActorId): Own {
    const own = { instance: this.#parts.runtime.random(INSTANCE_BYTES), actor }
    transaction.put(OWN_KEY, encodeCbor([own.instance, actorToBytes(own.actor)]))
    return own
  }

  /**
   * A new actor under a new store instance: whatever another copy of this store has written or will write cannot
   * share a dot with what is written from here on. Takes effect with the transaction.
   */
  async #succeed(transaction: PublicTransaction): Promise<Own> {
    const { key, runtime, membership } = this.#parts
    const before = this.#own?.actor
    const epoch = (before === undefined ? 0 : (membership.epochOf(before)?.epoch ?? 0)) + 1
    const record = createEpoch(key, this.space, epoch, runtime.random(RECORD_NONCE_BYTES), before)
    await transaction.receivedFrom(NO_BYTES, async () => transaction.addRecord(record))
    transaction.put(EPOCH_KEY, encodeEpochRow({ reason: transaction.doubt, at: transaction.now }))
    return this.#rename(transaction, record.actor)
  }

  /** The proof of an entry that is here. */
  async proofOf(entry: StoredEntry): Promise<CommitRow> {
    const { actor, n } = entry.dot
    const leaf = merkleLeaf(entry.header.digest)
    for await (const row of this.rows.range(commitRange(actor, n - MAX_COMMIT_ENTRIES + 1, n))) {
      const found = decodeCommitRow(row.value)
      const isProof =
        entry.proofPath === undefined
          ? found.leaves?.some((other) => equalBytes(other, leaf))
          : provesHeader({ commit: found.commit, path: entry.proofPath }, entry.header)
      if (isProof) return found
    }
    throw new CoreError('CORE_MALFORMED', 'the commit of a stored entry is not in the store')
  }

  /** Whether a commit is here with the same signature, which was checked when it came: its id says nothing of that. */
  async hasCommit(transaction: PublicTransaction, commit: Commit): Promise<boolean> {
    const isSame = ({ id, signature }: Commit): boolean =>
      id === commit.id && equalBytes(signature, commit.signature)
    const head = this.#heads.get(commit.actor)
    if (head !== undefined && isSame(head)) return true
    const row = await transaction.get(commitKey(commit))
    return row !== undefined && isSame(decodeCommitRow(row).commit)
  }

  /**
   * Takes a verified commit into a transaction: as evidence for entries, as its actor's head, and, when it
   * contradicts one that is here, as proof of a fork. One of our own actor that is not here shows that another copy of
   * this store has written it, or that this one has lost it.
   */
  async addCommit(
    transaction: PublicTransaction,
    { commit, leaves }: CommitRow,
    isEvidence: boolean
  ): Promise<void> {
    const head = transaction.heads.get(commit.actor) ?? this.#heads.get(commit.actor)
    if (commit.id === head?.id && !isEvidence) return
    if (head === undefined || commit.last > head.last) transaction.raiseHead(commit)
    const key = commitKey(commit)
    const row = await transaction.get(key)
    if (row === undefined) {
      // What is here was compared with everything else when it came, and so was what the next one goes on from.
      const isNext = head !== undefined && commit.first === head.last + 1 && commit.previous === head.id
      if (head !== undefined && commit.first <= head.last + 1 && !isNext) {
        await this.#noticeFork(transaction, commit, head)
      }
      if (commit.actor === this.#own?.actor) transaction.isOvertaken = true
    }
    if (!isEvidence) return
    const known = row === undefined ? undefined : decodeCommitRow(row)
    if (
      known === undefined ||
      (known.commit.id === commit.id && known.leaves === undefined && leaves !== undefined)
    ) {
      transaction.put(key, encodeCommitRow({ commit, leaves }))
    }
  }

  /** Commits here that could disagree with one: they share a number with it, come right before it or right after. */
  async *#commitsAround({ actor, first, last }: Commit): AsyncIterableIterator<Commit> {
    const range = commitRange(actor, first - MAX_COMMIT_ENTRIES, last + 1)
    for await (const row of this.rows.range(range)) {
      const known = decodeCommitRow(row.value).commit
      if (known.last >= first - 1) yield known
    }
  }

  async #noticeFork(transaction: PublicTransaction, commit: Commit, head: Commit): Promise<void> {
    const { membership } = this.#parts
    const isKnown =
      membership.isForked(commit.actor) ||
      transaction.records.some((record) => record.kind === 'fork' && record.actor === commit.actor)
    if (isKnown) return
    const rivals = [head]
    for await (const known of this.#commitsAround(commit)) rivals.push(known)
    const rival = rivals.find((other) => disagree(commit, other))
    if (rival === undefined) return
    // Whoever sent one of the two need not have the other.
    await transaction.receivedFrom(NO_BYTES, async () => transaction.addRecord(createFork(commit, rival)))
  }
}

async function readOwn(rows: RowStore): Promise<Own | undefined> {
  const row = await rows.get(OWN_KEY)
  if (row === undefined) return undefined
  const fields = Fields.ofArray(decodeCbor(row), 'the row of the own actor', 2)
  return { instance: fields.bytes(0, INSTANCE_BYTES), actor: actorFromBytes(fields.bytes(1, ACTOR_ID_BYTES)) }
}
