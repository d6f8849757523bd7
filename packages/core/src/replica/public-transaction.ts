import type { ActorId } from '@cis-memory/clock'
import { NO_BYTES } from '../entry/bytes.ts'
import type { Commit } from '../entry/commit.ts'
import type { RecordId, SystemRecord } from '../entry/records.ts'
import { type FeedPlace, placeAfter } from '../sync/feed-place.ts'
import type { EntryId } from '../versions.ts'
import type { EpochReason } from './epoch-row.ts'
import { encodeFeedRow } from './feed-row.ts'
import { feedKey, headKey, recordKey } from './rows.ts'
import { encodeCommitRow, encodeRecordRow } from './signed-row.ts'
import type { StoredEntry } from './stored-entry.ts'
import { Transaction, type TransactionBase } from './transaction.ts'

/** Numbers what a transaction adds to the feed. The numbers count only once the transaction is durable. */
class FeedCursor {
  /** What was numbered, in that order. */
  readonly ids: (EntryId | RecordId)[] = []
  from: Uint8Array
  readonly #start: bigint

  constructor(start: bigint, from: Uint8Array) {
    this.#start = start
    this.from = from
  }

  number(id: EntryId | RecordId): bigint {
    return this.#start + BigInt(this.ids.push(id))
  }

  entryRow({ header }: StoredEntry, isRevived: boolean): Uint8Array {
    const from = isRevived ? NO_BYTES : this.from
    return encodeFeedRow({ kind: 'entry', path: header.path, id: header.id, from })
  }
}

/** A transaction of the public domain: entries as everywhere, and system records and heads with them. */
export class PublicTransaction extends Transaction {
  readonly #cursor: FeedCursor
  readonly #start: FeedPlace
  /** Whether it was begun for local writes rather than for what a peer sent. */
  readonly isLocal: boolean
  /** Why we go on as another actor with it, when we do. */
  doubt: EpochReason = 'written-elsewhere'
  /** Whether it shows that our own actor is in use elsewhere, so that with it we go on as another. */
  isOvertaken = false
  /** Heads that this transaction raises. */
  readonly heads: Map<ActorId, Commit> = new Map()
  /** Records that this transaction adds. */
  readonly records: SystemRecord[] = []

  /**
   * @param start where the feed ends before it
   * @param from the line the changes come from; empty for local writes
   */
  constructor(base: TransactionBase, start: FeedPlace, from: Uint8Array) {
    const cursor = new FeedCursor(start.lsn, from)
    super(base, cursor)
    this.#cursor = cursor
    this.#start = start
    this.isLocal = from.length === 0
  }

  /** Applies what came from somebody else than the rest of the transaction. */
  async receivedFrom<T>(from: Uint8Array, apply: () => Promise<T>): Promise<T> {
    const usual = this.#cursor.from
    this.#cursor.from = from
    try {
      return await apply()
    } finally {
      this.#cursor.from = usual
    }
  }

  /** Where the feed ends after it. */
  get end(): FeedPlace {
    const { ids } = this.#cursor
    return ids.length === 0 ? this.#start : placeAfter(this.#start, ids)
  }

  addRecord(record: SystemRecord): void {
    this.records.push(record)
    this.put(recordKey(record.id), encodeRecordRow(record))
    const row = encodeFeedRow({ kind: 'record', id: record.id, from: this.#cursor.from })
    this.put(feedKey(this.#cursor.number(record.id)), row)
  }

  raiseHead(commit: Commit): void {
    this.heads.set(commit.actor, commit)
    this.put(headKey(commit.actor), encodeCommitRow({ commit, leaves: undefined }))
  }
}
