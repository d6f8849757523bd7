import './runtime-shim.ts'
import type { DeviceId } from '@cis-memory/core'
import type { Connection, PeerId } from '@libp2p/interface'
import type { Connections, Role, TrackedConnection } from './connections.ts'
import { MAX_STRANGER_STREAMS, MAX_STRANGERS } from './limits.ts'
import { deviceOfPeer } from './peer-id.ts'

export interface AdmissionInit {
  /** This device, which is no peer of itself. */
  readonly self: DeviceId
  readonly allow: (device: DeviceId) => boolean
  readonly admitStrangers: (device: DeviceId) => boolean
  readonly connections: Connections
}

/** Who may connect, and what they may do on their connection. Answers are never kept: members come and go. */
export class Admission {
  readonly #init: AdmissionInit
  /** Devices we are connecting to in order to join, and how many times over. */
  readonly #joining = new Map<DeviceId, number>()

  constructor(init: AdmissionInit) {
    this.#init = init
  }

  isAllowed(device: DeviceId): boolean {
    return device !== this.#init.self && this.#init.allow(device)
  }

  roleOf(device: DeviceId): Role {
    return this.isAllowed(device) ? 'member' : 'stranger'
  }

  mayDial(peer: PeerId): boolean {
    const device = deviceOfPeer(peer)
    return device !== undefined && (this.isAllowed(device) || this.#joining.has(device))
  }

  mayEnter(peer: PeerId): boolean {
    const device = deviceOfPeer(peer)
    if (device === undefined) return false
    return this.isAllowed(device) || (this.#init.admitStrangers(device) && !this.isCrowded())
  }

  /** There are as many strangers as may be. */
  isCrowded(): boolean {
    return this.#init.connections.inboundStrangers() >= MAX_STRANGERS
  }

  mayStay({ device }: TrackedConnection): boolean {
    return this.#joining.has(device) || this.#init.admitStrangers(device)
  }

  mayUse(tracked: TrackedConnection, isOpenToStrangers: boolean): boolean {
    if (tracked.role === 'member' && this.isAllowed(tracked.device)) return true
    return isOpenToStrangers && tracked.channels.size < MAX_STRANGER_STREAMS
  }

  /** The device behind a connection that is a member's. */
  memberOf(connection: Connection): DeviceId | undefined {
    const tracked = this.#init.connections.get(connection)
    return tracked?.role === 'member' && this.isAllowed(tracked.device) ? tracked.device : undefined
  }

  /** Lets us connect to a device in order to join, for as long as the work takes. */
  async whileJoining<T>(device: DeviceId, work: () => Promise<T>): Promise<T> {
    this.#joining.set(device, (this.#joining.get(device) ?? 0) + 1)
    try {
      return await work()
    } finally {
      const count = (this.#joining.get(device) ?? 0) - 1
      if (count > 0) this.#joining.set(device, count)
      else this.#joining.delete(device)
    }
  }
}
