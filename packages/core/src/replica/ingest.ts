import { timestampMs } from '@cis-memory/clock'
import { equalBytes } from '../entry/bytes.ts'
import { type Commit, type CommitId, isAmongLeaves, isSignedBy, provesHeader } from '../entry/commit.ts'
import { ID_BYTES, sha256 } from '../entry/hash.ts'
import type { Header } from '../entry/header.ts'
import { merklePath, merkleRoot } from '../entry/merkle.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import { SyncError } from '../errors.ts'
import { MAX_CLOCK_AHEAD_MS } from '../limits.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { Batch, BatchEntry } from '../sync/batch.ts'
import type { FeedReading, IngestReport } from '../sync/sync-replica.ts'
import type { HeldEntries, HeldEntry, Wait } from './held.ts'
import type { Membership } from './membership.ts'
import { lineRead, recordCheckpoint, recordPlace } from './peer-feeds.ts'
import type { PublicDomain } from './public-domain.ts'
import type { PublicTransaction } from './public-transaction.ts'
import type { SerialQueue } from './serial-queue.ts'
import { storedEntry } from './stored-entry.ts'

/**
 * The one way in for what peers send. First everything is checked, which depends on the bytes and the space's records
 * alone; then, under the lock, each entry is applied or held; then one batch makes it durable with the checkpoint.
 */
export class Ingest {
  readonly #domain: PublicDomain
  readonly #membership: Membership
  readonly #held: HeldEntries
  readonly #queue: SerialQueue
  readonly #runtime: Runtime
  #cancelRetry: (() => void) | undefined

  constructor(
    domain: PublicDomain,
    membership: Membership,
    held: HeldEntries,
    queue: SerialQueue,
    runtime: Runtime
  ) {
    this.#domain = domain
    this.#membership = membership
    this.#held = held
    this.#queue = queue
    this.#runtime = runtime
  }

  /** @param reading the feed it was read from; left out when it came from nobody in particular */
  async batch(batch: Batch, reading?: FeedReading): Promise<IngestReport> {
    checkEvidence(batch, this.#membership.space)
    return this.#queue.run(() => this.#holding(() => this.#apply(batch, reading)))
  }

  /** Judges held entries again; called when their time may have come. */
  async retry(): Promise<void> {
    const judge = async (): Promise<void> => {
      const transaction = this.#domain.begin(NOBODY)
      const before = this.#held.size
      await this.#judgeHeld(transaction, this.#membership)
      if (this.#held.size < before) await this.#domain.write(transaction)
      this.#scheduleRetry()
    }
    await this.#queue.run(() => this.#holding(judge))
  }

  stop(): void {
    this.#cancelRetry?.()
  }

  /** The queue of held entries changes only with the rows. */
  async #holding<T>(work: () => Promise<T>): Promise<T> {
    try {
      const result = await work()
      this.#held.keep()
      return result
    } catch (error) {
      this.#held.takeBack()
      throw error
    }
  }

  async #apply(batch: Batch, reading: FeedReading | undefined): Promise<IngestReport> {
    const { rows } = this.#domain
    const line = reading && (await lineRead(rows, reading, () => this.#runtime.random(ID_BYTES)))
    const transaction = this.#domain.begin(line ?? NOBODY)
    const membership = batch.records.length > 0 ? this.#membership.clone() : this.#membership
    for (const record of membership.takeIn(batch.records)) {
      transaction.addRecord(record)
      // Another copy of this store writes, and what it wrote need not come with the proof.
      if (record.kind === 'fork' && record.actor === this.#domain.actor) transaction.isOvertaken = true
    }
    await this.#addCommits(transaction, membership, batch)
    const report = { applied: 0, held: 0, known: 0 }
    const rereadLines: Uint8Array[] = []
    const leavesOf = leavesByCommit(batch)
    for (const entry of batch.entries) {
      const stored = storedEntry(entry.header, entry.cipher, entry.path, 0n)
      const wait = this.#waitOf(transaction, membership, stored.header)
      if (wait === undefined || (await transaction.has(stored.header))) {
        report[(await transaction.apply(stored)) === 'known' ? 'known' : 'applied']++
        continue
      }
      report.held++
      if (this.#held.has(stored.header.id)) {
        const isProven = membership.deviceOf(stored.dot.actor) !== undefined
        // Whoever it was read from last is asked again if it has to go.
        if (!isProven || (line === undefined && !this.#held.isUnproven(stored.header.id))) continue
        this.#held.remove(transaction, stored.header.id)
      }
      const held = toHeld(entry, leavesOf.get(entry.commit.id), line)
      rereadLines.push(...(await this.#held.add(transaction, held, wait)))
    }
    if (this.#held.size > 0) report.applied += await this.#judgeHeld(transaction, membership)
    if (reading !== undefined && line !== undefined) {
      await recordPlace(transaction, rows, line, reading)
      const isReread = transaction.missesHistory || rereadLines.some((other) => equalBytes(other, line))
      if (!isReread) await recordCheckpoint(transaction, line, reading)
    }
    const conflicts = await this.#domain.write(transaction)
    this.#scheduleRetry()
    return { ...report, conflicts }
  }

  async #addCommits(transaction: PublicTransaction, membership: Membership, batch: Batch): Promise<void> {
    const evidence = new Set(batch.entries.map((entry) => entry.commit.id))
    for (const { commit, leaves } of batch.commits) {
      const device = membership.deviceOf(commit.actor)
      if (device === undefined) continue
      const isChecked = await this.#domain.hasCommit(transaction, commit)
      if (!isChecked && !isSignedBy(commit, device)) throw badProof('the signature of a commit does not hold')
      await this.#domain.addCommit(transaction, { commit, leaves }, evidence.has(commit.id))
    }
  }

  /** Applies every held entry that can be judged now, until no more can. */
  async #judgeHeld(transaction: PublicTransaction, membership: Membership): Promise<number> {
    const before = transaction.applied.length
    const isOver = (wait: Wait): boolean => this.#isOver(transaction, membership, wait)
    for (let isGoingOn = true; isGoingOn; ) {
      isGoingOn = false
      for await (const held of this.#held.ready(transaction, isOver)) {
        const { header } = held
        const device = membership.deviceOf(held.commit.actor)
        // The signature could not be checked while the actor was unknown.
        const isForged = device !== undefined && !isSignedBy(held.commit, device)
        const wait = isForged ? undefined : this.#waitOf(transaction, membership, header)
        if (wait !== undefined) {
          this.#held.keepWaiting(header.id, wait)
          continue
        }
        this.#held.remove(transaction, header.id)
        isGoingOn = true
        if (isForged) continue
        await this.#domain.addCommit(transaction, { commit: held.commit, leaves: undefined }, true)
        const stored = storedEntry(header, held.cipher, held.path, 0n)
        await transaction.receivedFrom(held.from, () => transaction.apply(stored))
      }
    }
    return transaction.applied.length - before
  }

  /**
   * What has to come before an entry can be judged, if anything. The last is the head check: every dot that the
   * writer claims to have seen is proven to exist.
   */
  #waitOf(transaction: PublicTransaction, membership: Membership, header: Header): Wait | undefined {
    const waits: Wait[] = [
      { for: 'member', actor: header.dot.actor },
      { for: 'time', ms: timestampMs(header.hlc) },
      ...[...header.context].map(([actor, n]) => ({ for: 'head', actor, n }) as const)
    ]
    return waits.find((wait) => !this.#isOver(transaction, membership, wait))
  }

  #isOver(transaction: PublicTransaction, membership: Membership, wait: Wait): boolean {
    switch (wait.for) {
      case 'member':
        return membership.mayWrite(wait.actor)
      case 'time':
        return wait.ms <= this.#runtime.now() + MAX_CLOCK_AHEAD_MS
      case 'head': {
        const head = transaction.heads.get(wait.actor) ?? this.#domain.headOf(wait.actor)
        return head !== undefined && head.last >= wait.n
      }
    }
  }

  #scheduleRetry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    if (this.#held.size === 0) return
    this.#cancelRetry = this.#runtime.timer(RETRY_MS, () => void this.retry().catch(() => undefined))
  }
}

/** Stands for a line in what was read from none: everybody is sent that. */
const NOBODY = new Uint8Array(ID_BYTES)
/** How often entries that wait for their time are looked at again. */
const RETRY_MS = 30_000

type Leaves = readonly Uint8Array[] | undefined

function leavesByCommit(batch: Batch): Map<CommitId, Leaves> {
  return new Map(batch.commits.map(({ commit, leaves }) => [commit.id, leaves]))
}

/** Checks all that does not depend on what is here: the space, places in commits, hashes of payloads. */
function checkEvidence(batch: Batch, space: SpaceId): void {
  for (const { commit, leaves } of batch.commits) {
    if (commit.space !== space) throw badProof('a commit belongs to another space')
    if (leaves === undefined) continue
    const isWhole = leaves.length === commit.size && equalBytes(merkleRoot(leaves), commit.root)
    if (!isWhole) throw badProof('the leaves of a commit do not lead to its root')
  }
  const leavesOf = leavesByCommit(batch)
  for (const { header, cipher, commit, path } of batch.entries) {
    if (!leavesOf.has(commit.id)) throw badProof('an entry came without its commit')
    const leaves = leavesOf.get(commit.id) ?? []
    const isProven =
      path === undefined ? isAmongLeaves(leaves, commit, header) : provesHeader({ commit, path }, header)
    if (!isProven) throw badProof('an entry has no place in its commit')
    if (cipher.length !== header.cipherLength || !equalBytes(sha256(cipher), header.cipherHash)) {
      throw badProof('a payload is not the one its header names')
    }
  }
}

function pathAmong(leaves: Leaves, header: Header, commit: Commit): Uint8Array {
  if (leaves === undefined) throw badProof('an entry came without its place in its commit')
  return merklePath(leaves, header.dot.n - commit.first)
}

function toHeld(entry: BatchEntry, leaves: Leaves, line: Uint8Array | undefined): HeldEntry {
  const { header, cipher, commit } = entry
  const path = entry.path ?? pathAmong(leaves, header, commit)
  return { header, cipher, commit, path, from: line ?? NOBODY, line }
}

function badProof(problem: string): SyncError {
  return new SyncError('SYNC_BAD_PROOF', `${problem}; nothing of this batch was kept`)
}
