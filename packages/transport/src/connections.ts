import type { DeviceId } from '@cis-memory/core'
import { type Resolvers, resolvers } from '@cis-memory/core/sync'
import type { Connection } from '@libp2p/interface'
import type { StreamChannel } from './framing.ts'

/**
 * What a connection may carry. A member's carries everything; a stranger's, made while an invitation is open,
 * carries the join protocol and dies young. Nobody rises: a stranger who has become a member connects anew, so that
 * nothing agreed upon as a stranger can outlive it.
 */
export type Role = 'member' | 'stranger'

export class TrackedConnection {
  readonly connection: Connection
  readonly device: DeviceId
  role: Role
  /** Whether both ends have accepted each other. A dial succeeds before the far side has looked at who we are. */
  isUp = false
  /** No longer wanted: ends with its last channel. */
  isEnding = false
  readonly channels: Set<StreamChannel> = new Set()
  cancelTimer: () => void = () => {}
  readonly #up: Resolvers<void> = resolvers<void>()

  constructor(connection: Connection, device: DeviceId, role: Role) {
    this.connection = connection
    this.device = device
    this.role = role
    this.#up.promise.catch(() => {})
  }

  /** Settles when both ends have accepted each other, or the connection is gone before that. */
  get up(): Promise<void> {
    return this.#up.promise
  }

  markUp(): void {
    this.isUp = true
    this.#up.resolve()
  }

  markGone(reason: unknown): void {
    this.isUp = false
    this.cancelTimer()
    this.#up.reject(reason)
  }
}

/** The connections there are, by libp2p's id and by device. Two to one peer are normal: both ends dialled at once. */
export class Connections {
  readonly #byId = new Map<string, TrackedConnection>()
  readonly #byDevice = new Map<DeviceId, Set<TrackedConnection>>()

  add(tracked: TrackedConnection): void {
    this.#byId.set(tracked.connection.id, tracked)
    const others = this.#byDevice.get(tracked.device)
    if (others === undefined) this.#byDevice.set(tracked.device, new Set([tracked]))
    else others.add(tracked)
  }

  remove(tracked: TrackedConnection): void {
    this.#byId.delete(tracked.connection.id)
    const others = this.#byDevice.get(tracked.device)
    others?.delete(tracked)
    if (others?.size === 0) this.#byDevice.delete(tracked.device)
  }

  get(connection: Connection): TrackedConnection | undefined {
    return this.#byId.get(connection.id)
  }

  all(): TrackedConnection[] {
    return [...this.#byId.values()]
  }

  of(device: DeviceId): TrackedConnection[] {
    return [...(this.#byDevice.get(device) ?? [])]
  }

  /** Connections to a device that both ends have accepted, best for members first. */
  usable(device: DeviceId, role: Role): TrackedConnection[] {
    return this.of(device)
      .filter(
        (tracked) =>
          tracked.isUp &&
          !tracked.isEnding &&
          tracked.connection.status === 'open' &&
          (tracked.role === 'member' || role === 'stranger')
      )
      .sort((a, b) => Number(b.role === 'member') - Number(a.role === 'member'))
  }

  /** Devices with a member connection that both ends have accepted. */
  members(): DeviceId[] {
    return [...this.#byDevice.keys()].filter((device) => this.isMemberUp(device))
  }

  isMemberUp(device: DeviceId): boolean {
    return this.of(device).some((tracked) => tracked.isUp && tracked.role === 'member')
  }

  inboundStrangers(): number {
    return this.all().filter(
      (tracked) => tracked.role === 'stranger' && tracked.connection.direction === 'inbound'
    ).length
  }
}
