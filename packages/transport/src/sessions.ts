import { type DeviceId, MAX_REQUEST_PATHS, type Replica } from '@cis-memory/core'
import {
  resolvers,
  type SyncOptions,
  type SyncReport,
  SyncSession,
  serveSession
} from '@cis-memory/core/sync'
import { reconnectDelayMs } from './backoff.ts'
import { SESSION_KEPT_MS, STOP_GOODBYE_MS } from './limits.ts'
import type { Network } from './network-types.ts'
import { SYNC_PROTOCOL } from './protocols.ts'
import { untilAborted } from './waiting.ts'

export interface SessionsInit {
  readonly network: Network
  readonly replica: Replica
  /** κ of the scopes that peers may read. */
  readonly shared: () => readonly Uint8Array[]
  /** A peer has proven that it knows the space's secret, on the connection there is now. */
  readonly onProven: (device: DeviceId) => void
  /** A peer has synced with us. */
  readonly onServed: (device: DeviceId, report: SyncReport) => void
  /** A session that nobody here waits for has failed. */
  readonly onFailed: (device: DeviceId, error: unknown) => void
}

interface Kept {
  readonly session: Promise<SyncSession>
  syncCount: number
  cancelClose: () => void
}

/**
 * The sync sessions of a node. Those it opened are kept for a while: the handshake is made once, and a sync with
 * nothing new is one round trip. Those of peers are answered for as long as they like.
 */
export class Sessions {
  readonly #init: SessionsInit
  readonly #kept = new Map<DeviceId, Kept>()
  /** Cancels the next attempt to prove ourselves to a peer. */
  readonly #retries = new Map<DeviceId, () => void>()
  readonly #stopping = new AbortController()

  constructor(init: SessionsInit) {
    this.#init = init
  }

  /** Answers the sessions of peers from now on. */
  async listen(): Promise<void> {
    const { network, replica, shared, onProven, onServed } = this.#init
    await network.handle(SYNC_PROTOCOL, async (channel) => {
      const error = await serveSession({
        channel,
        replica,
        runtime: replica.runtime,
        shared,
        signal: this.#stopping.signal,
        onReady: () => onProven(channel.peer),
        onSynced: (report) => onServed(channel.peer, report)
      })
      if (error !== undefined) this.#fail(channel.peer, error)
    })
  }

  /**
   * Makes two members that have just connected prove themselves to each other, so that gossip between them may
   * begin. One handshake does for both: the device with the lower id makes it, and makes it again when it failed.
   */
  prove(device: DeviceId, failures = 0): void {
    if (this.#init.network.device > device || this.#stopping.signal.aborted) return
    this.#retries.get(device)?.()
    this.#retries.delete(device)
    this.#with(device).session.catch((error: unknown) => {
      this.#fail(device, error)
      if (this.#stopping.signal.aborted || !this.#init.network.connectedPeers().includes(device)) return
      const again = (): void => this.prove(device, failures + 1)
      this.#retries.set(device, this.#init.replica.runtime.timer(reconnectDelayMs(failures, 0.5), again))
    })
  }

  /** The connection is gone, and with it what was proven on it. */
  forget(device: DeviceId): void {
    this.#retries.get(device)?.()
    this.#retries.delete(device)
    const kept = this.#kept.get(device)
    if (kept !== undefined) this.#drop(device, kept)
  }

  /** Syncs with a device, in as many requests as its paths need. */
  async sync(device: DeviceId, options: SyncOptions): Promise<SyncReport> {
    const { paths, onProgress } = options
    if (paths === undefined) return this.#sync(device, options)
    let total: SyncReport = { sent: 0, received: 0, conflicts: 0, bytes: 0, rounds: 0 }
    for (let at = 0; at < paths.length; at += MAX_REQUEST_PATHS) {
      const before = total
      const report = await this.#sync(device, {
        ...options,
        paths: paths.slice(at, at + MAX_REQUEST_PATHS),
        onProgress: ({ sent, received }) =>
          onProgress?.({ sent: before.sent + sent, received: before.received + received })
      })
      total = sum(total, report)
    }
    return total
  }

  /** Says goodbye where that is quick, and drops the rest. */
  async close(): Promise<void> {
    const kept = [...this.#kept]
    for (const [device] of kept) this.forget(device)
    for (const cancel of this.#retries.values()) cancel()
    const timeout = resolvers<void>()
    const cancel = this.#init.replica.runtime.timer(STOP_GOODBYE_MS, timeout.resolve)
    const goodbyes = kept.map(async ([, { session }]) => (await session).close())
    await Promise.race([Promise.allSettled(goodbyes), timeout.promise])
    cancel()
    this.#stopping.abort(new Error('the node is closing'))
  }

  async #sync(device: DeviceId, options: SyncOptions): Promise<SyncReport> {
    for (let isLastTry = false; ; isLastTry = true) {
      options.signal?.throwIfAborted()
      const isReused = this.#kept.has(device)
      const kept = this.#with(device)
      kept.syncCount++
      kept.cancelClose()
      try {
        const session = await untilAborted(kept.session, options.signal)
        return await session.sync(options)
      } catch (error) {
        options.signal?.throwIfAborted()
        // A kept session may have ended unseen, or because another caller gave up; that is no answer to this one.
        if (isLastTry || !isReused || !isOver(error)) throw error
        this.#drop(device, kept)
      } finally {
        kept.syncCount--
        this.#closeWhenIdle(device, kept)
      }
    }
  }

  #with(device: DeviceId): Kept {
    const known = this.#kept.get(device)
    if (known !== undefined) return known
    const kept: Kept = { session: this.#open(device), syncCount: 0, cancelClose: () => {} }
    this.#kept.set(device, kept)
    kept.session.then(
      (session) => {
        this.#closeWhenIdle(device, kept)
        void session.ended.then(() => this.#drop(device, kept))
      },
      () => this.#drop(device, kept)
    )
    return kept
  }

  async #open(device: DeviceId): Promise<SyncSession> {
    const { network, replica, onProven } = this.#init
    const { signal } = this.#stopping
    const channel = await network.open(device, SYNC_PROTOCOL, { signal })
    // Not narrowed to what is shared: only our own owner begins a sync in it, and says how far it goes.
    const session = await SyncSession.open({ channel, replica, runtime: replica.runtime, signal })
    onProven(device)
    return session
  }

  #closeWhenIdle(device: DeviceId, kept: Kept): void {
    if (kept.syncCount > 0 || this.#kept.get(device) !== kept) return
    kept.cancelClose()
    kept.cancelClose = this.#init.replica.runtime.timer(SESSION_KEPT_MS, () => {
      if (kept.syncCount > 0) return
      this.#drop(device, kept)
      kept.session.then(
        (session) => session.close(),
        () => {}
      )
    })
  }

  #drop(device: DeviceId, kept: Kept): void {
    kept.cancelClose()
    if (this.#kept.get(device) === kept) this.#kept.delete(device)
  }

  #fail(device: DeviceId, error: unknown): void {
    if (!this.#stopping.signal.aborted) this.#init.onFailed(device, error)
  }
}

/** Whether a session is over for reasons that have nothing to do with what was asked of it. */
function isOver(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown }
  return typeof code !== 'string' || code === 'SYNC_DISCONNECTED'
}

function sum(a: SyncReport, b: SyncReport): SyncReport {
  return {
    sent: a.sent + b.sent,
    received: a.received + b.received,
    conflicts: a.conflicts + b.conflicts,
    bytes: a.bytes + b.bytes,
    rounds: a.rounds + b.rounds
  }
}
