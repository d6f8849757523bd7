import './runtime-shim.ts'
import {
  type AbortOptions,
  CoreError,
  type DeviceId,
  type DeviceKey,
  type Runtime,
  SyncError
} from '@cis-memory/core'
import { decodeInvitation, joinSpace, type Welcome } from '@cis-memory/core/sync'
import { TransportError } from './errors.ts'
import { createNetwork } from './network.ts'
import { nodeRuntime } from './node-runtime.ts'
import { parseAddress, withDevice } from './peer-id.ts'
import { JOIN_PROTOCOL } from './protocols.ts'

export interface JoinWithCodeOptions extends AbortOptions {
  /** This device, which belongs to no space yet. */
  readonly deviceKey: DeviceKey
  /** What its owner calls it. */
  readonly name: string
  /** The invitation as it was given. */
  readonly code: string
  /**
   * The inviter has shown that it knows the code, and this device is about to claim it: the last moment to make its key
   * durable, since whoever asks again with the same key gets the same welcome.
   */
  readonly prepare?: () => Promise<void>
  /** Makes this device a member, durably. */
  readonly adopt: (welcome: Welcome) => Promise<void>
  /** @default the real clock, randomness and timers */
  readonly runtime?: Runtime
}

/** Whom a device joins, and where to find it. */
export interface Joined {
  readonly inviter: DeviceId
  readonly addresses: readonly string[]
}

/**
 * Joins the space of an invitation: dials the device that made it, proves the code, and becomes a member.
 *
 * @throws {CoreError} `CORE_INVITATION_INVALID`, `CORE_INVITATION_EXPIRED`, `CORE_INVITATION_USED`
 * @throws {TransportError} `TRANSPORT_UNREACHABLE`, also when the line breaks, and the other codes of dialling
 * @throws {SyncError} when the inviter's owner says no, or it does not speak as it should
 */
export async function joinWithCode(options: JoinWithCodeOptions): Promise<Joined> {
  const { deviceKey, name, runtime = nodeRuntime(), signal, prepare, adopt } = options
  const abort: AbortOptions = signal === undefined ? {} : { signal }
  const invitation = decodeInvitation(options.code)
  const { inviter, addresses: known } = inviterOf(options.code)
  if (known.length === 0) {
    throw new TransportError(
      'TRANSPORT_UNREACHABLE',
      'this invitation names no address to reach its device at. Make one while the node of that device listens'
    )
  }
  await using network = await createNetwork({
    deviceKey,
    listen: [],
    // Until it has joined, everybody is a stranger to it, and it to them.
    allow: () => false,
    peers: known,
    runtime
  })
  await network.start()
  try {
    const channel = await network.open(inviter, JOIN_PROTOCOL, { ...abort, asStranger: true })
    const self = { device: deviceKey.id, name }
    const { addresses } = await joinSpace({
      channel,
      runtime,
      invitation,
      self,
      adopt,
      ...abort,
      ...(prepare !== undefined && { prepare })
    })
    return { inviter, addresses: addresses.length > 0 ? addresses : known }
  } catch (error) {
    signal?.throwIfAborted()
    if (isCut(error)) {
      throw new TransportError(
        'TRANSPORT_UNREACHABLE',
        'the line to the device that made this invitation broke before this one had joined. Join again with the same code: it stays good for this device',
        { cause: error }
      )
    }
    if (!(error instanceof TransportError) || error.code !== 'TRANSPORT_REFUSED') throw error
    const hasExpired = invitation.expiresAt <= runtime.now()
    throw new CoreError(
      hasExpired ? 'CORE_INVITATION_EXPIRED' : 'CORE_INVITATION_INVALID',
      hasExpired
        ? 'this invitation has expired; ask for a new one'
        : 'the device that made this invitation lets nobody in at present: it was used some time ago, or taken back. Ask for a new one',
      { cause: error }
    )
  }
}

/** Whether a line broke, or said nothing more. */
function isCut(error: unknown): boolean {
  return error instanceof SyncError && (error.code === 'SYNC_DISCONNECTED' || error.code === 'SYNC_TIMEOUT')
}

/**
 * Whom a code leads to, by those of its addresses that can be right.
 *
 * @throws {CoreError} `CORE_INVITATION_INVALID`
 */
export function inviterOf(code: string): Joined {
  const { addresses, inviter } = decodeInvitation(code)
  const usable = addresses
    .map((address) => withDevice(address, inviter))
    .filter((address) => {
      try {
        return parseAddress(address).device === inviter
      } catch {
        return false
      }
    })
  return { inviter, addresses: usable }
}
