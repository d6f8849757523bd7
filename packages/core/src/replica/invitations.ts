/*
 * Invitations of this device, in its local rows: `I id16` -> `[secret, expires at, device that used it or null]`.
 */
import { tick, ZERO_TIMESTAMP } from '@cis-memory/clock'
import type { RowStore } from '@cis-memory/store'
import { concat } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type DeviceId, deviceId, devicePublicKey, PUBLIC_KEY_BYTES } from '../entry/ed25519.ts'
import { createMember } from '../entry/records.ts'
import { CoreError } from '../errors.ts'
import { MAX_OPEN_INVITATIONS } from '../limits.ts'
import { INVITATION_SECRET_BYTES } from '../sync/invitation.ts'
import type { InvitationStore, Joiner, StoredInvitation, Welcome } from '../sync/invitation-store.ts'
import type { Replica } from './replica.ts'
import { prefixRange } from './rows.ts'
import { SerialQueue } from './serial-queue.ts'

const PREFIX = Uint8Array.of('I'.charCodeAt(0))
/** How long an expired code is still refused as expired rather than as unknown. */
const REMEMBERED_MS = 30 * 24 * 3600 * 1000

/** The durable side of inviting, on a replica. */
export class Invitations implements InvitationStore {
  readonly #replica: Replica
  readonly #rows: RowStore
  readonly #queue = new SerialQueue()

  constructor(replica: Replica) {
    this.#replica = replica
    this.#rows = replica.localRows
  }

  addInvitation(invitation: Omit<StoredInvitation, 'usedBy'>): Promise<void> {
    return this.#queue.run(async () => {
      if (this.#replica.membership.member(this.#replica.device)?.isAdmin !== true) {
        throw new CoreError(
          'CORE_NOT_ADMIN',
          'only an admin of the space can invite; ask the device that started it'
        )
      }
      await this.#dropForgotten()
      if ((await this.#openExpiries()).length >= MAX_OPEN_INVITATIONS) {
        throw new CoreError(
          'CORE_BAD_OPTION',
          `${MAX_OPEN_INVITATIONS} invitations are open; wait until one is used or expires`
        )
      }
      await this.#put({ ...invitation, usedBy: undefined })
    })
  }

  async findInvitation(id: Uint8Array): Promise<StoredInvitation | undefined> {
    const row = await this.#rows.get(concat(PREFIX, id))
    return row === undefined ? undefined : decodeInvitationRow(id, row)
  }

  /** When the last invitation that somebody can still use expires; 0 when there is none. Until then strangers may knock. */
  async openUntil(): Promise<number> {
    return Math.max(0, ...(await this.#openExpiries()))
  }

  /** Devices with an invitation that has not expired. Their answer may be lost, and then they ask again. */
  async admitted(): Promise<ReadonlySet<DeviceId>> {
    const now = this.#replica.runtime.now()
    const devices = new Set<DeviceId>()
    for await (const { usedBy, expiresAt } of this.#all()) {
      if (usedBy !== undefined && expiresAt > now) devices.add(usedBy)
    }
    return devices
  }

  admit(id: Uint8Array, joiner: Joiner): Promise<Welcome> {
    return this.#queue.run(async () => {
      const invitation = await this.findInvitation(id)
      if (invitation === undefined) {
        throw new CoreError('CORE_INVITATION_INVALID', 'there is no such invitation; ask for a new one')
      }
      if (invitation.usedBy !== undefined && invitation.usedBy !== joiner.device) {
        throw new CoreError(
          'CORE_INVITATION_USED',
          'this invitation was used by another device; ask for a new one'
        )
      }
      await this.#put({ ...invitation, usedBy: joiner.device })
      const replica = this.#replica
      if (!replica.isMember(joiner.device)) {
        const member = { device: joiner.device, role: 'member', name: joiner.name } as const
        const hlc = tick(ZERO_TIMESTAMP, replica.runtime.now())
        await replica.addRecord(createMember(replica.key, replica.space, member, hlc))
      }
      const { genesis, secret } = replica.exportSpace()
      const own = await replica.credentials()
      const theirs = replica.membership.credentialsOf(joiner.device, replica.actor)
      return { genesis, secret, records: [...new Set([...own, ...theirs])] }
    })
  }

  async #openExpiries(): Promise<number[]> {
    const now = this.#replica.runtime.now()
    const expiries: number[] = []
    for await (const { usedBy, expiresAt } of this.#all()) {
      // Whoever used it is let in again until it is a member: a crash comes between the two.
      const isDone = usedBy !== undefined && this.#replica.isMember(usedBy)
      if (!isDone && expiresAt > now) expiries.push(expiresAt)
    }
    return expiries
  }

  async #dropForgotten(): Promise<void> {
    const before = this.#replica.runtime.now() - REMEMBERED_MS
    for await (const { id, expiresAt } of this.#all()) {
      if (expiresAt < before) await this.#rows.write([{ type: 'delete', key: concat(PREFIX, id) }])
    }
  }

  async *#all(): AsyncIterableIterator<StoredInvitation> {
    for await (const row of this.#rows.range(prefixRange(PREFIX))) {
      yield decodeInvitationRow(row.key.slice(1), row.value)
    }
  }

  async #put({ id, secret, expiresAt, usedBy }: StoredInvitation): Promise<void> {
    const value = encodeCbor([secret, expiresAt, usedBy === undefined ? null : devicePublicKey(usedBy)])
    await this.#rows.write([{ type: 'put', key: concat(PREFIX, id), value }])
  }
}

function decodeInvitationRow(id: Uint8Array, row: Uint8Array): StoredInvitation {
  const fields = Fields.ofArray(decodeCbor(row), 'a row of an invitation', 3)
  const usedBy: DeviceId | undefined =
    fields.value(2) === null ? undefined : deviceId(fields.bytes(2, PUBLIC_KEY_BYTES))
  return { id, secret: fields.bytes(0, INVITATION_SECRET_BYTES), expiresAt: fields.integer(1, 0), usedBy }
}
