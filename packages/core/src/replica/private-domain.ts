import { ACTOR_ID_BYTES, type ActorId, actorFromBytes, actorToBytes } from '@cis-memory/clock'
import type { RowStore } from '@cis-memory/store'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { WriterHost } from './group-writer.ts'
import type { DomainCodec } from './open-entry.ts'
import { metaKey } from './rows.ts'
import { Transaction } from './transaction.ts'
import { WriteFate } from './write-fate.ts'

const ACTOR_KEY = metaKey('actor')

/**
 * Memory that never leaves the device. It has an actor of its own, so that the numbers of public writes tell nothing
 * about private ones, and no feed: nothing that syncs is handed these rows.
 */
export class PrivateDomain implements WriterHost {
  readonly codec: DomainCodec
  readonly rows: RowStore
  readonly space: SpaceId
  actor: ActorId
  nextNumber: number
  readonly #fate = new WriteFate()

  private constructor(
    rows: RowStore,
    codec: DomainCodec,
    space: SpaceId,
    actor: ActorId,
    nextNumber: number
  ) {
    this.rows = rows
    this.codec = codec
    this.space = space
    this.actor = actor
    this.nextNumber = nextNumber
  }

  static async open(
    rows: RowStore,
    codec: DomainCodec,
    space: SpaceId,
    runtime: Runtime
  ): Promise<PrivateDomain> {
    const row = await rows.get(ACTOR_KEY)
    if (row === undefined) return new PrivateDomain(rows, codec, space, newActor(runtime), 1)
    const fields = Fields.ofArray(decodeCbor(row), 'the row of the private actor', 2)
    const actor = actorFromBytes(fields.bytes(0, ACTOR_ID_BYTES))
    return new PrivateDomain(rows, codec, space, actor, fields.integer(1, 1))
  }

  /** Goes on as another actor. Takes effect with the next write. */
  startEpoch(runtime: Runtime): void {
    this.actor = newActor(runtime)
    this.nextNumber = 1
  }

  isRetired(actor: ActorId): boolean {
    return actor !== this.actor
  }

  begin(): Transaction {
    this.#fate.check()
    return new Transaction(this.rows, this.codec, undefined)
  }

  async commit(transaction: Transaction): Promise<void> {
    const nextNumber = this.nextNumber + transaction.applied.length
    transaction.put(ACTOR_KEY, encodeCbor([actorToBytes(this.actor), nextNumber]))
    const { changes } = await transaction.finish(0)
    await this.#fate.decides(this.rows.write(changes))
    this.nextNumber = nextNumber
  }
}

function newActor(runtime: Runtime): ActorId {
  return actorFromBytes(runtime.random(ACTOR_ID_BYTES))
}
