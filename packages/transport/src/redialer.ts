import type { DeviceId, Runtime } from '@cis-memory/core'
import { reconnectDelayMs } from './backoff.ts'
import { MAX_KEPT_PEERS, STABLE_CONNECTION_MS } from './limits.ts'

export interface RedialerInit {
  readonly runtime: Runtime
  /** Connects, or rejects. Resolves at once when there is a connection already. */
  readonly dial: (device: DeviceId) => Promise<void>
  /** Asked before every dial. A device that is not wanted is forgotten. */
  readonly isWanted: (device: DeviceId) => boolean
}

interface Kept {
  failures: number
  state: 'waiting' | 'dialling' | 'connected'
  connectedAtMs: number
  cancel: (() => void) | undefined
}

/**
 * Keeps peers connected: dials them, waits a little longer after each failure, and never gives up. libp2p's own
 * reconnection ends for good after five attempts, and its discovery does not dial.
 */
export class Redialer {
  readonly #init: RedialerInit
  readonly #kept = new Map<DeviceId, Kept>()
  #isStopped = false

  constructor(init: RedialerInit) {
    this.#init = init
  }

  /** Dials now, unless that is under way or done, and keeps the device connected from here on. */
  keep(device: DeviceId): void {
    if (this.#isStopped) return
    const kept = this.#kept.get(device) ?? this.#add(device)
    if (kept === undefined || kept.state !== 'waiting') return
    this.#schedule(device, kept, 0)
  }

  /** Like `keep`, but leaves a device that is waiting for its turn to wait. */
  ensure(device: DeviceId): void {
    if (!this.#kept.has(device)) this.keep(device)
  }

  forget(device: DeviceId): void {
    this.#kept.get(device)?.cancel?.()
    this.#kept.delete(device)
  }

  connected(device: DeviceId): void {
    if (this.#isStopped) return
    const kept = this.#kept.get(device) ?? this.#add(device)
    if (kept === undefined || kept.state === 'connected') return
    kept.cancel?.()
    kept.state = 'connected'
    kept.connectedAtMs = this.#init.runtime.now()
  }

  disconnected(device: DeviceId): void {
    const kept = this.#kept.get(device)
    if (kept === undefined || kept.state !== 'connected' || this.#isStopped) return
    const lastedMs = this.#init.runtime.now() - kept.connectedAtMs
    kept.failures = lastedMs >= STABLE_CONNECTION_MS ? 0 : kept.failures + 1
    this.#pause(device, kept)
  }

  stop(): void {
    this.#isStopped = true
    for (const kept of this.#kept.values()) kept.cancel?.()
    this.#kept.clear()
  }

  #add(device: DeviceId): Kept | undefined {
    if (this.#kept.size >= MAX_KEPT_PEERS) return undefined
    const kept: Kept = { failures: 0, state: 'waiting', connectedAtMs: 0, cancel: undefined }
    this.#kept.set(device, kept)
    return kept
  }

  #pause(device: DeviceId, kept: Kept): void {
    const fraction = new DataView(this.#init.runtime.random(4).buffer).getUint32(0) / 2 ** 32
    this.#schedule(device, kept, reconnectDelayMs(kept.failures, fraction))
  }

  #schedule(device: DeviceId, kept: Kept, delayMs: number): void {
    kept.cancel?.()
    kept.state = 'waiting'
    kept.cancel = this.#init.runtime.timer(delayMs, () => {
      void this.#attempt(device, kept)
    })
  }

  async #attempt(device: DeviceId, kept: Kept): Promise<void> {
    if (!this.#init.isWanted(device)) {
      this.forget(device)
      return
    }
    kept.state = 'dialling'
    try {
      await this.#init.dial(device)
      // connected() has normally been called by now. If the line came and went meanwhile, wait and try again.
      if (kept.state === 'dialling') throw new Error('the connection did not last')
    } catch {
      if (this.#kept.get(device) !== kept || kept.state !== 'dialling') return
      kept.failures++
      this.#pause(device, kept)
    }
  }
}
