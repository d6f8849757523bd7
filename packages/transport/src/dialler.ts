import './runtime-shim.ts'
import type { AbortOptions, DeviceId } from '@cis-memory/core'
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import type { Addresses } from './addresses.ts'
import type { Admission } from './admission.ts'
import type { Connections, Role, TrackedConnection } from './connections.ts'
import { dialError, noAddress, notAllowed, notRunning, ownAddress, refused } from './errors.ts'
import type { Life } from './life.ts'
import { deviceOfPeer, parseAddress } from './peer-id.ts'
import { untilAborted } from './waiting.ts'

export interface DiallerInit {
  readonly self: DeviceId
  readonly life: Life
  readonly connections: Connections
  readonly admission: Admission
  readonly addresses: Addresses
  readonly libp2p: () => Libp2p
}

/** Finds the connection to a peer, or makes one. */
export class Dialler {
  readonly #init: DiallerInit

  constructor(init: DiallerInit) {
    this.#init = init
  }

  /**
   * A connection that both ends have accepted.
   *
   * @param target a device whose address is known, or an address
   */
  async connect(target: string, role: Role, options: AbortOptions): Promise<TrackedConnection> {
    options.signal?.throwIfAborted()
    const { self, life, connections, admission, addresses } = this.#init
    const address = target.startsWith('/') ? parseAddress(target) : undefined
    const device = address?.device ?? (target as DeviceId)
    const name = `device ${device.slice(0, 8)}`
    if (!life.isRunning) throw notRunning()
    if (device === self) throw ownAddress()
    const [usable] = connections.usable(device, role)
    if (usable !== undefined) return usable
    if (role === 'member' && !admission.isAllowed(device)) throw notAllowed(name)
    const dial = (): Promise<TrackedConnection> =>
      life.bounded(options.signal, async (signal) => {
        const pending = await this.#comingUp(device, role, signal)
        if (pending !== undefined) return pending
        const all = address === undefined ? await addresses.of(device) : [address.multiaddr]
        if (all.length === 0) throw noAddress(name)
        // A stranger's connection that is still winding down must not be taken for a member's.
        const force = connections.of(device).some((other) => other.role !== role || other.isEnding)
        const connection = await this.#dial(device, all, { signal, force })
        const dialled = connections.get(connection)
        if (dialled === undefined) throw refused(name)
        await untilAborted(dialled.up, signal)
        return dialled
      })
    try {
      const tracked = await (role === 'stranger' ? admission.whileJoining(device, dial) : dial())
      if (address !== undefined) addresses.remember(target)
      return tracked
    } catch (error) {
      options.signal?.throwIfAborted()
      if (!life.isRunning) throw notRunning()
      throw dialError(error, name)
    }
  }

  /** libp2p joins a dial to one that is under way. How that one ends says how things were when it began. */
  async #dial(
    device: DeviceId,
    addresses: Multiaddr[],
    options: { readonly signal: AbortSignal; readonly force: boolean }
  ): Promise<Connection> {
    const libp2p = this.#init.libp2p()
    const isJoining = libp2p
      .getDialQueue()
      .some(({ peerId }) => peerId !== undefined && deviceOfPeer(peerId) === device)
    try {
      return await libp2p.dial(addresses, options)
    } catch (error) {
      if (!isJoining || options.signal.aborted) throw error
      return libp2p.dial(addresses, options)
    }
  }

  /** A connection that both ends are about to accept, once they have. The peer may have dialled us meanwhile. */
  async #comingUp(device: DeviceId, role: Role, signal: AbortSignal): Promise<TrackedConnection | undefined> {
    for (const pending of this.#init.connections.of(device)) {
      if (pending.role !== role || pending.isUp || pending.isEnding) continue
      await untilAborted(Promise.allSettled([pending.up]), signal)
      if (pending.isUp) return pending
    }
    return undefined
  }
}
