import type { ActorId } from '@cis-memory/clock'
import { NO_BYTES } from '../entry/bytes.ts'
import type { Commit } from '../entry/commit.ts'
import type { SystemRecord } from '../entry/records.ts'
import type { EpochReason } from './epoch-row.ts'
import { encodeFeedRow } from './feed-row.ts'
import { feedKey, headKey, recordKey } from './rows.ts'
import { encodeCommitRow, encodeRecordRow } from './signed-row.ts'
import type { StoredEntry } from './stored-entry.ts'
import { Transaction, type TransactionBase } from './transaction.ts'

/** Numbers what a transaction adds to the feed. The numbers count only once the transaction is durable. */
class FeedCursor {
  lsn: bigint
  from: Uint8Array

  constructor(lsn: bigint, from: Uint8Array) {
    this.lsn = lsn
    this.from = from
  }

  nextLsn(): bigint {
    this.lsn += 1n
    return this.lsn
  }

  entryRow({ header }: StoredEntry, isRevived: boolean): Uint8Array {
    const from = isRevived ? NO_BYTES : this.from
    return encodeFeedRow({ kind: 'entry', path: header.path, id: header.id, from })
  }
}

/** A transaction of the public domain: entries as everywhere, and system records and heads with them. */
export class PublicTransaction extends Transaction {
  readonly #cursor: FeedCursor
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

  /** @param from the store instance the changes come from; empty for local writes */
  constructor(base: TransactionBase, lsn: bigint, from: Uint8Array) {
    const cursor = new FeedCursor(lsn, from)
    super(base, cursor)
    this.#cursor = cursor
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

  /** The last number given. */
  get lsn(): bigint {
    return this.#cursor.lsn
  }

  addRecord(record: SystemRecord): void {
    this.records.push(record)
    this.put(recordKey(record.id), encodeRecordRow(record))
    const row = encodeFeedRow({ kind: 'record', id: record.id, from: this.#cursor.from })
    this.put(feedKey(this.#cursor.nextLsn()), row)
  }

  raiseHead(commit: Commit): void {
    this.heads.set(commit.actor, commit)
    this.put(headKey(commit.actor), encodeCommitRow({ commit, leaves: undefined }))
  }
}
