import { ACTOR_ID_BYTES, type ActorId, actorFromBytes, actorToBytes } from '@cis-memory/clock'
import type { RowStore } from '@cis-memory/store'
import { PrivateTransaction } from '../curated/source-index.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { WriterHost } from './group-writer.ts'
import { LiveEntries } from './live-entries.ts'
import type { DomainCodec } from './open-entry.ts'
import { metaKey } from './rows.ts'
import type { Transaction } from './transaction.ts'
import { WriteFate } from './write-fate.ts'

const ACTOR_KEY = metaKey('actor')

/** What an open private domain is made of. */
export interface PrivateDomainParts {
  readonly rows: RowStore
  readonly codec: DomainCodec
  readonly space: SpaceId
  readonly runtime: Runtime
}

/**
 * Memory that never leaves the device. It has an actor of its own, so that the numbers of public writes tell nothing
 * about private ones, and no feed: nothing that syncs is handed these rows.
 */
export class PrivateDomain implements WriterHost {
  readonly codec: DomainCodec
  readonly rows: RowStore
  readonly live: LiveEntries
  readonly space: SpaceId
  actor: ActorId
  nextNumber: number
  readonly #runtime: Runtime
  readonly #fate = new WriteFate()

  private constructor({ rows, codec, space, runtime }: PrivateDomainParts, actor: ActorId, next: number) {
    this.rows = rows
    this.codec = codec
    this.live = new LiveEntries(rows, codec)
    this.space = space
    this.#runtime = runtime
    this.actor = actor
    this.nextNumber = next
  }

  static async open(parts: PrivateDomainParts): Promise<PrivateDomain> {
    const row = await parts.rows.get(ACTOR_KEY)
    if (row === undefined) return new PrivateDomain(parts, newActor(parts.runtime), 1)
    const fields = Fields.ofArray(decodeCbor(row), 'the row of the private actor', 2)
    const actor = actorFromBytes(fields.bytes(0, ACTOR_ID_BYTES))
    return new PrivateDomain(parts, actor, fields.integer(1, 1))
  }

  /** Goes on as another actor. {@link keepActor} makes that last. */
  startEpoch(): void {
    this.actor = newActor(this.#runtime)
    this.nextNumber = 1
  }

  /** Whoever opens this store next goes on as the actor there is now, also when it has written nothing yet. */
  async keepActor(): Promise<void> {
    const transaction = this.begin()
    this.#putActor(transaction, this.nextNumber)
    await this.save(transaction)
  }

  isRetired(actor: ActorId): boolean {
    return actor !== this.actor
  }

  begin(): Transaction {
    this.#fate.check()
    const { rows, live, codec } = this
    return new PrivateTransaction({ rows, live, codec, now: this.#runtime.now() }, undefined)
  }

  async save(transaction: Transaction): Promise<void> {
    const { changes, paths } = await transaction.finish()
    await this.#fate.decides(this.live.whileWritten(paths, () => this.rows.write(changes)))
  }

  async commit(transaction: Transaction): Promise<void> {
    const nextNumber = this.nextNumber + transaction.applied.length
    this.#putActor(transaction, nextNumber)
    await this.save(transaction)
    this.nextNumber = nextNumber
  }

  #putActor(transaction: Transaction, nextNumber: number): void {
    transaction.put(ACTOR_KEY, encodeCbor([actorToBytes(this.actor), nextNumber]))
  }
}

function newActor(runtime: Runtime): ActorId {
  return actorFromBytes(runtime.random(ACTOR_ID_BYTES))
}
