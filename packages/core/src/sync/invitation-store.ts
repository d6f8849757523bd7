import type { DeviceId } from '../entry/ed25519.ts'
import type { GenesisRecord, SystemRecord } from '../entry/records.ts'

/** An invitation as the device that made it keeps it. */
export interface StoredInvitation {
  /** 16 bytes, the hash of the secret; what a joiner asks with. */
  readonly id: Uint8Array
  readonly secret: Uint8Array
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** The device it has admitted, once it has. */
  readonly usedBy: DeviceId | undefined
}

/** A device that asks to join, as the inviter sees it. */
export interface Joiner {
  /** Proven by the encryption layer. */
  readonly device: DeviceId
  /** What its owner calls it. */
  readonly name: string
}

/** What makes a device a member. */
export interface Welcome {
  readonly genesis: GenesisRecord
  /** What proves the joiner's membership and the inviter's; all others come with the first sync. */
  readonly records: readonly SystemRecord[]
  /** The secret of the space. */
  readonly secret: Uint8Array
}

/** The durable side of invitations. All of it is on disk before a promise resolves. */
export interface InvitationStore {
  /**
   * Keeps an invitation that is not used yet. Expired ones are remembered a while, so that their codes are refused
   * for the right reason, and dropped first when there are too many.
   *
   * @throws {CoreError} `CORE_NOT_ADMIN` when this device may not invite
   * @throws {CoreError} `CORE_BAD_OPTION` when `MAX_OPEN_INVITATIONS` are open
   */
  addInvitation(invitation: Omit<StoredInvitation, 'usedBy'>): Promise<void>
  findInvitation(id: Uint8Array): Promise<StoredInvitation | undefined>
  /**
   * Marks an invitation as used by the joiner, then signs and keeps its member record. Asked again by the same
   * device, whose answer may have been lost, it gives the same welcome.
   *
   * @throws {CoreError} `CORE_INVITATION_USED` by another device, `CORE_INVITATION_INVALID` when there is none
   */
  admit(id: Uint8Array, joiner: Joiner): Promise<Welcome>
}
