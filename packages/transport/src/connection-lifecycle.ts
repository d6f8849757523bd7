import './runtime-shim.ts'
import type { DeviceId, Runtime } from '@cis-memory/core'
import type { Identify } from '@libp2p/identify'
import type { Connection, PeerId } from '@libp2p/interface'
import type { Admission } from './admission.ts'
import { type Connections, TrackedConnection } from './connections.ts'
import { refused } from './errors.ts'
import type { Life } from './life.ts'
import { IDENTIFY_TIMEOUT_MS, STOP_GOODBYE_MS, STRANGER_CONNECTION_MS, STRANGER_IDLE_MS } from './limits.ts'
import { deviceOfPeer } from './peer-id.ts'
import { untilAborted } from './waiting.ts'

export interface ConnectionLifecycleInit {
  readonly runtime: Runtime
  readonly life: Life
  readonly connections: Connections
  readonly admission: Admission
  readonly identify: () => Identify | undefined
  /** A member's first connection has been accepted by both ends. */
  readonly onMemberUp: (device: DeviceId) => void
  /** A member's last accepted connection is gone. */
  readonly onMemberGone: (device: DeviceId) => void
  /** The last connection of a device that is no member is gone. */
  readonly onStrangerGone: (peer: PeerId) => void
}

/** Connections from their opening to their end: how they are accepted, how long they may stay, how they are left. */
export class ConnectionLifecycle {
  readonly #init: ConnectionLifecycleInit

  constructor(init: ConnectionLifecycleInit) {
    this.#init = init
  }

  opened(connection: Connection): void {
    const { life, connections, admission } = this.#init
    const device = deviceOfPeer(connection.remotePeer)
    if (device === undefined || !life.isRunning) {
      connection.abort(new Error('not expected'))
      return
    }
    const role = admission.roleOf(device)
    if (role === 'stranger' && connection.direction === 'inbound' && admission.isCrowded()) {
      connection.abort(new Error('too many strangers'))
      return
    }
    const tracked = new TrackedConnection(connection, device, role)
    connections.add(tracked)
    this.#limit(tracked)
    void this.#introduce(tracked)
  }

  closed(connection: Connection): void {
    const { connections, admission } = this.#init
    const tracked = connections.get(connection)
    if (tracked === undefined) return
    const { device, role } = tracked
    const wasUp = tracked.isUp && role === 'member'
    tracked.markGone(refused('the peer'))
    connections.remove(tracked)
    if (role === 'stranger' && connections.of(device).length === 0 && !admission.isAllowed(device)) {
      this.#init.onStrangerGone(connection.remotePeer)
    }
    if (wasUp && !connections.isMemberUp(device)) this.#init.onMemberGone(device)
  }

  /** Hangs up once the last channel is through; a stranger's time runs on meanwhile. */
  endSoon(tracked: TrackedConnection): void {
    tracked.isEnding = true
    this.idle(tracked)
  }

  /** A connection without channels is left if it was to end with them. */
  idle(tracked: TrackedConnection): void {
    if (tracked.isEnding && tracked.channels.size === 0) void this.hangUp(tracked)
  }

  async hangUp(tracked: TrackedConnection): Promise<void> {
    const goodbye = new AbortController()
    const cancel = this.#init.runtime.timer(STOP_GOODBYE_MS, () => goodbye.abort())
    try {
      await untilAborted(tracked.connection.close({ signal: goodbye.signal }), goodbye.signal)
    } catch {
      tracked.connection.abort(new Error('the peer did not say goodbye in time'))
    } finally {
      cancel()
    }
  }

  /**
   * libp2p's dial resolves before the far side has looked at who we are, so a connection counts only after an
   * exchange over it. Members identify each other, which each refuses to strangers; strangers probe the line.
   */
  async #introduce(tracked: TrackedConnection): Promise<void> {
    const { connection, device } = tracked
    try {
      if (tracked.role === 'member') await this.#identify(tracked)
      if (tracked.role === 'stranger') {
        const probe = await connection.newStream('/ipfs/ping/1.0.0')
        await probe.close()
      }
      if (connection.status !== 'open') return
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error('no introduction'))
      return
    }
    if (tracked.role === 'stranger') {
      tracked.markUp()
      return
    }
    tracked.cancelTimer()
    const isFirst = !this.#init.connections.isMemberUp(device)
    tracked.markUp()
    if (isFirst) this.#init.onMemberUp(device)
  }

  /**
   * A device that was admitted and lost the answer is a member for us, and takes us for a stranger: it refuses. While
   * strangers may come, it may be the one it takes itself for, and ask again.
   */
  async #identify(tracked: TrackedConnection): Promise<void> {
    const { admission, identify } = this.#init
    try {
      await identify()?.identify(tracked.connection)
    } catch (error) {
      const isInbound = tracked.connection.direction === 'inbound'
      if (!isInbound || !admission.mayStay(tracked) || admission.isCrowded()) throw error
      tracked.role = 'stranger'
      tracked.cancelTimer()
      this.#limit(tracked)
    }
  }

  /** Bounds the time of a connection: a member's until its introduction, a stranger's altogether. */
  #limit(tracked: TrackedConnection): void {
    const { runtime } = this.#init
    const abort = (): void => tracked.connection.abort(new Error('took too long'))
    if (tracked.role === 'member') {
      tracked.cancelTimer = runtime.timer(IDENTIFY_TIMEOUT_MS, abort)
      return
    }
    tracked.cancelTimer = runtime.timer(STRANGER_IDLE_MS, () => {
      if (tracked.channels.size === 0) return abort()
      this.endSoon(tracked)
      tracked.cancelTimer = runtime.timer(STRANGER_CONNECTION_MS - STRANGER_IDLE_MS, abort)
    })
  }
}
