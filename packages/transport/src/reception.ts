import { type AbortOptions, CoreError, type DeviceId, type Replica } from '@cis-memory/core'
import {
  answerJoin,
  encodeInvitation,
  INVITATION_SECRET_BYTES,
  invitationId,
  type Joiner,
  MAX_ADDRESS_BYTES,
  MAX_INVITATION_ADDRESSES,
  resolvers
} from '@cis-memory/core/sync'
import { notRunning, TransportError } from './errors.ts'
import { DOOR_OPEN_AFTER_MS, INVITATION_MS, MAX_WAIT_MS } from './limits.ts'
import type { Network } from './network-types.ts'
import { withoutDevice } from './peer-id.ts'
import { JOIN_PROTOCOL } from './protocols.ts'
import { untilAborted, withDeadline } from './waiting.ts'

export interface ReceptionInit {
  readonly network: Network
  readonly replica: Replica
  /** Asks the owner about a device that has proven an invitation. */
  readonly onJoiner: ((joiner: Joiner) => boolean | Promise<boolean>) | undefined
  readonly onAdmitted: (joiner: Joiner) => void
}

export interface InviteOptions {
  /** @default one hour */
  readonly expiresInMs?: number
}

/** An invitation that was made. Give its code to the owner of one other device. */
export interface MadeInvitation {
  readonly code: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /**
   * Resolves with the device that joined with it.
   *
   * @throws {CoreError} `CORE_INVITATION_EXPIRED` when nobody did in time
   * @throws {TransportError} `TRANSPORT_NOT_RUNNING` when the node stops before
   */
  joined(options?: AbortOptions): Promise<DeviceId>
}

/** Where devices that were invited ask to join. */
export class Reception {
  readonly #init: ReceptionInit
  readonly #stopping = new AbortController()
  /** The last moment, by our clock, at which an invitation could be used. */
  #usableUntilMs = 0
  /** Who may not know yet that it was let in. */
  #admitted: ReadonlySet<DeviceId> = new Set()
  #somebodyCame = resolvers<void>()

  constructor(init: ReceptionInit) {
    this.#init = init
  }

  /**
   * Whether a device may connect as a stranger. All may while an invitation can be used, and for a while after: whoever
   * comes with a code that was used or has expired is told so, and not just hung up on. Those who were admitted may after
   * that too, and after a restart: they may not know it yet.
   */
  admits(device: DeviceId): boolean {
    const isOpen = this.#init.replica.runtime.now() < this.#usableUntilMs + DOOR_OPEN_AFTER_MS
    return isOpen || this.#admitted.has(device)
  }

  /** Answers joiners from now on; those with invitations from before the last restart too. */
  async listen(): Promise<void> {
    const { network, replica, onJoiner, onAdmitted } = this.#init
    await network.handle(
      JOIN_PROTOCOL,
      async (channel) => {
        const { joiner } = await answerJoin({
          channel,
          runtime: replica.runtime,
          device: replica.device,
          store: replica.invitations,
          addresses: () => this.#addresses(),
          signal: this.#stopping.signal,
          ...(onJoiner !== undefined && { onJoiner })
        })
        if (joiner === undefined) return
        await this.#look()
        network.refresh()
        onAdmitted(joiner)
        const came = this.#somebodyCame
        this.#somebodyCame = resolvers<void>()
        came.resolve()
      },
      { openToStrangers: true }
    )
    await this.#look()
  }

  async invite({ expiresInMs = INVITATION_MS }: InviteOptions = {}): Promise<MadeInvitation> {
    const { replica } = this.#init
    if (!(expiresInMs > 0)) throw new RangeError('an invitation expires after it was made: expiresInMs > 0')
    const addresses = this.#addresses()
    if (addresses.length === 0) {
      throw new TransportError(
        'TRANSPORT_CANNOT_LISTEN',
        'this device listens on no address, so nobody it invites could reach it. Give it one to listen on, then invite again'
      )
    }
    const secret = replica.random(INVITATION_SECRET_BYTES)
    const expiresAt = replica.runtime.now() + Math.round(expiresInMs)
    const id = invitationId(secret)
    await replica.invitations.addInvitation({ id, secret, expiresAt })
    // It may have expired while it was written.
    this.#usableUntilMs = Math.max(this.#usableUntilMs, expiresAt)
    await this.#look()
    const { space, device: inviter } = replica
    // The code names the inviter once; that makes it half as long.
    const places = addresses.map(withoutDevice)
    const code = encodeInvitation({ space, inviter, secret, expiresAt, addresses: places })
    return { code, expiresAt, joined: (options = {}) => this.#joined(id, options) }
  }

  close(): void {
    this.#usableUntilMs = 0
    this.#stopping.abort(notRunning())
  }

  async #joined(id: Uint8Array, { signal }: AbortOptions): Promise<DeviceId> {
    const { invitations, runtime } = this.#init.replica
    for (;;) {
      signal?.throwIfAborted()
      const came = this.#somebodyCame.promise
      const invitation = await invitations.findInvitation(id)
      if (invitation?.usedBy !== undefined) return invitation.usedBy
      const leftMs = (invitation?.expiresAt ?? 0) - runtime.now()
      if (leftMs <= 0) {
        throw new CoreError('CORE_INVITATION_EXPIRED', 'nobody used the invitation in time; make a new one')
      }
      // A timer cannot count weeks; it looks again instead.
      const signals = [this.#stopping.signal, signal]
      const wait = { runtime, ms: Math.min(leftMs, MAX_WAIT_MS), signals }
      await withDeadline(wait, (ended) => untilAborted(came, ended)).catch(() => {})
      if (this.#stopping.signal.aborted) throw this.#stopping.signal.reason
    }
  }

  /** Sees until when an invitation can be used, and who has used one. What could be used a moment ago was usable until now. */
  async #look(): Promise<void> {
    const { invitations, runtime } = this.#init.replica
    const untilMs = await invitations.openUntil()
    const nowMs = runtime.now()
    this.#usableUntilMs = untilMs > nowMs ? untilMs : Math.min(this.#usableUntilMs, nowMs)
    this.#admitted = await invitations.admitted()
  }

  #addresses(): string[] {
    return this.#init.network
      .addresses()
      .filter((address) => Buffer.byteLength(address) <= MAX_ADDRESS_BYTES)
      .slice(0, MAX_INVITATION_ADDRESSES)
  }
}
