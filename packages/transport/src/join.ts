import './runtime-shim.ts'
import {
  type AbortOptions,
  type DeviceId,
  type DeviceKey,
  decodeInvitation,
  type FrameChannel,
  joinSpace,
  type Runtime,
  type Welcome
} from '@cis-memory/core'
import { TransportError } from './errors.ts'
import { createNetwork } from './network.ts'
import type { Network } from './network-types.ts'
import { JOIN_PROTOCOL } from './protocols.ts'
import { systemRuntime } from './system-runtime.ts'

export interface JoinWithCodeOptions extends AbortOptions {
  /** This device, which belongs to no space yet. */
  readonly deviceKey: DeviceKey
  /** What its owner calls it. */
  readonly name: string
  /** The invitation as it was given. */
  readonly code: string
  /** Makes this device a member, durably. */
  readonly adopt: (welcome: Welcome) => Promise<void>
  /** @default the real clock, randomness and timers */
  readonly runtime?: Runtime
}

/** Whom this device has joined, and where to find it. */
export interface Joined {
  readonly inviter: DeviceId
  readonly addresses: readonly string[]
}

/**
 * Joins the space of an invitation: dials the device that made it, proves the code, and becomes a member.
 *
 * @throws {CoreError} `CORE_INVITATION_INVALID`, `CORE_INVITATION_EXPIRED`, `CORE_INVITATION_USED`
 * @throws {TransportError} `TRANSPORT_UNREACHABLE` and the other codes of dialling
 * @throws {SyncError} when the inviter's owner says no, or the line breaks
 */
export async function joinWithCode(options: JoinWithCodeOptions): Promise<Joined> {
  const { deviceKey, name, runtime = systemRuntime, signal } = options
  const invitation = decodeInvitation(options.code)
  await using network = await createNetwork({
    deviceKey,
    listen: [],
    // Until it has joined, everybody is a stranger to it, and it to them.
    allow: () => false,
    runtime
  })
  await network.start()
  const channel = await reach(network, invitation.addresses, signal)
  const { addresses } = await joinSpace({
    channel,
    runtime,
    invitation,
    self: { device: deviceKey.id, name },
    adopt: options.adopt,
    ...(signal !== undefined && { signal })
  })
  return { inviter: invitation.inviter, addresses: addresses.length > 0 ? addresses : invitation.addresses }
}

/** Tries the addresses one after the other: an inviter has several, and not all of them reach from here. */
async function reach(
  network: Network,
  addresses: readonly string[],
  signal: AbortSignal | undefined
): Promise<FrameChannel> {
  let failure: unknown = new TransportError(
    'TRANSPORT_UNREACHABLE',
    'this invitation names no address to reach its device at. Make one while the node of that device listens'
  )
  for (const address of addresses) {
    signal?.throwIfAborted()
    try {
      return await network.open(address, JOIN_PROTOCOL, {
        asStranger: true,
        ...(signal !== undefined && { signal })
      })
    } catch (error) {
      failure = error
    }
  }
  signal?.throwIfAborted()
  throw failure
}
