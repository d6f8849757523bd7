/*
 * Runs a sync session over a channel and a replica: frames in, frames out, and whatever the state machine of
 * `session.ts` wants to know or have done in between.
 */

import { NO_BYTES } from '../entry/bytes.ts'
import { invariant, SyncError } from '../errors.ts'
import { MAX_REQUEST_PATHS, SESSION_IDLE_MS } from '../limits.ts'
import type { AbortOptions, FrameChannel } from '../ports/channel.ts'
import type { Runtime } from '../ports/runtime.ts'
import { EMPTY_BATCH } from './batch.ts'
import { codeFor, endingCause, endingError } from './ending.ts'
import type { SessionRole } from './handshake-mac.ts'
import { GOODBYE_MS, MAX_QUEUED_FRAMES } from './limits.ts'
import { decodeMessage, encodeMessage, NONCE_BYTES, type SyncDirection } from './messages.ts'
import { PathPages } from './path-pages.ts'
import { resolvers } from './resolvers.ts'
import { isActive, isReading, progressOf, step } from './session.ts'
import {
  createSession,
  type Own,
  type SessionInput,
  type SessionOutput,
  type SessionState,
  type SyncCounts
} from './session-state.ts'
import type { Page, SyncReplica } from './sync-replica.ts'

/** What one sync did. */
export interface SyncReport {
  /** Entries sent to the peer. */
  readonly sent: number
  /** Entries received from the peer. */
  readonly received: number
  /** Paths that became contested by what was received. */
  readonly conflicts: number
  /** Bytes of all frames in both directions, the handshake included when the sync opened the session. */
  readonly bytes: number
  /** Round trips, without the handshake. */
  readonly rounds: number
}

export interface SyncOptions extends AbortOptions {
  /** Which way entries go, as this end sees it. @default 'both' */
  readonly direction?: SyncDirection
  /** κ of the scope to stay in. @default the whole space */
  readonly scope?: Uint8Array
  /** κ of single memories, `MAX_REQUEST_PATHS` at most. @default everything in scope */
  readonly paths?: readonly Uint8Array[]
  /** Hears how many entries have gone each way while the sync runs. */
  readonly onProgress?: (progress: Pick<SyncReport, 'sent' | 'received'>) => void
}

export interface SessionOptions extends AbortOptions {
  readonly channel: FrameChannel
  readonly replica: SyncReplica
  readonly runtime: Runtime
  /** κ of the scopes this end gives to a peer that asks, looked at anew each time. @default the whole space */
  readonly shared?: () => readonly Uint8Array[]
}

export interface ListenOptions extends SessionOptions {
  /** Called once the peer has proven who it is. */
  readonly onReady?: () => void
  /** Called after each sync the peer has made. */
  readonly onSynced?: (report: SyncReport) => void
}

const WHOLE_SPACE: readonly Uint8Array[] = [NO_BYTES]

/** A session this end opened. It stays open: each further sync is one round trip when nothing is new. */
export class SyncSession implements AsyncDisposable {
  readonly #runner: Runner
  #last: Promise<unknown> = Promise.resolve()

  private constructor(runner: Runner) {
    this.#runner = runner
  }

  /**
   * Opens a session on a fresh channel. Resolves once both ends have proven who they are.
   *
   * @throws {SyncError} any code
   */
  static async open(options: SessionOptions): Promise<SyncSession> {
    const runner = new Runner('dialer', options).start()
    await runner.ready
    return new SyncSession(runner)
  }

  /** Settles when the session is over, with what went wrong if anything did. Never rejects. */
  get ended(): Promise<unknown> {
    return this.#runner.ended
  }

  /**
   * Syncs once. Syncs of one session run one after the other. An abort ends the session: whole pages that had
   * arrived are kept, and the next session goes on from there.
   *
   * @throws {SyncError} any code; `SYNC_NOT_SHARED` when all that was asked for was to pull and the peer shares none
   * of it
   */
  async sync(options: SyncOptions = {}): Promise<SyncReport> {
    options.signal?.throwIfAborted()
    const mine = this.#last.then(() => this.#runner.sync(options))
    this.#last = mine.catch(() => {})
    return mine
  }

  /** Ends the session politely. May be called twice. */
  async close(): Promise<void> {
    await this.#runner.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** Opens a session, syncs once and closes it. */
export async function runSession(options: SessionOptions & SyncOptions): Promise<SyncReport> {
  const session = await SyncSession.open(options)
  try {
    return await session.sync(options)
  } finally {
    await session.close()
  }
}

/**
 * Answers a session that a peer opened, until it closes it. Never rejects: resolves with what went wrong, if anything
 * did, after the peer has been told.
 */
export async function serveSession(options: ListenOptions): Promise<unknown> {
  return new Runner('listener', options).start().ended
}

interface PendingSync {
  readonly options: SyncOptions
  readonly resolve: (report: SyncReport) => void
  readonly reject: (reason: unknown) => void
}

type EndOutput = Extract<SessionOutput, { type: 'ended' }>
/** What is done by asking the replica. */
type ReplicaOutput = Exclude<SessionOutput, { type: 'send' | 'ready' | 'synced' | 'ended' }>

function endOf({ code, isPeersWord }: EndOutput): SyncError | undefined {
  return code === undefined ? undefined : endingError(code, isPeersWord)
}

/** One session: the state machine, and the world it must not touch itself. */
class Runner {
  readonly #options: ListenOptions
  #state: SessionState
  /** Ends the wait for a frame when the session is over. */
  readonly #over = new AbortController()
  readonly #outbox: Uint8Array[] = []
  readonly #jobs = new Set<Promise<void>>()
  readonly #ready = resolvers<void>()
  readonly #ended = resolvers<unknown>()
  #change = resolvers<void>()
  #sync: PendingSync | undefined
  #pages: PathPages | undefined
  #byteCount = 0
  /** What lies behind the code the session ends with. */
  #cause: unknown
  #told: Pick<SyncReport, 'sent' | 'received'> = { sent: 0, received: 0 }
  #cancelTimer: () => void = () => {}

  constructor(role: SessionRole, options: ListenOptions) {
    const { replica, channel } = options
    this.#options = options
    this.#state = createSession({
      role,
      space: replica.space,
      device: replica.device,
      peer: channel.peer,
      handshakeKey: replica.handshakeKey,
      nonce: replica.random(NONCE_BYTES)
    })
    this.#ready.promise.catch(() => {})
  }

  get ready(): Promise<void> {
    return this.#ready.promise
  }

  get ended(): Promise<unknown> {
    return this.#ended.promise
  }

  start(): this {
    const { signal } = this.#options
    if (signal?.aborted) {
      this.#abort(signal.reason)
      return this
    }
    const onAbort = (): void => this.#abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    void this.ended.then(() => signal?.removeEventListener('abort', onAbort))
    this.#step({ type: 'start' })
    void this.#receive()
    return this
  }

  async sync(options: SyncOptions): Promise<SyncReport> {
    const { signal, direction = 'both', scope = NO_BYTES, paths } = options
    signal?.throwIfAborted()
    if (paths !== undefined && (paths.length === 0 || paths.length > MAX_REQUEST_PATHS)) {
      throw new RangeError(`a sync of single memories names 1 to ${MAX_REQUEST_PATHS} of them`)
    }
    if (this.#state.phase === 'ended') throw (await this.ended) ?? endingError('SYNC_DISCONNECTED', false)
    const { promise, resolve, reject } = resolvers<SyncReport>()
    this.#sync = { options, resolve, reject }
    this.#told = { sent: 0, received: 0 }
    const onAbort = (): void => this.#abort(signal?.reason)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      this.#step({ type: 'sync', request: { direction, scope, paths } })
      return await promise
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async close(): Promise<void> {
    this.#step({ type: 'closed' })
    await this.ended
  }

  async #receive(): Promise<void> {
    try {
      for (;;) {
        await this.#until(() => this.#isReading() && this.#outbox.length < MAX_QUEUED_FRAMES)
        if (this.#isEnded()) return
        const frame = await this.#options.channel.receive({ signal: this.#over.signal })
        // A sync may have begun while we waited: what it asks of the replica comes first.
        await this.#until(() => this.#isReading())
        if (frame === undefined) break
        this.#byteCount += frame.length
        this.#step({ type: 'message', message: decodeMessage(frame) })
      }
      this.#step({ type: 'closed' })
    } catch (error) {
      this.#fail(error)
    }
  }

  #isEnded(): boolean {
    return this.#state.phase === 'ended'
  }

  #isReading(): boolean {
    return this.#isEnded() || isReading(this.#state)
  }

  #step(input: SessionInput): void {
    try {
      const { state, outputs } = step(this.#state, input, this.#own())
      this.#state = state
      for (const output of outputs) this.#perform(output)
      this.#tellProgress()
    } catch (error) {
      this.#fail(error)
    }
    this.#watchSilence()
    this.#changed()
  }

  /** Ends the session, and tells the peer a code. */
  #fail(error: unknown): void {
    if (this.#isEnded()) return
    this.#cause = endingCause(error)
    this.#step({ type: 'refuse', code: codeFor(this.#cause) })
  }

  #own(): Own {
    const { replica, shared } = this.#options
    const { actor, instance, end } = replica
    return { actor, instance, end, shared: shared?.() ?? WHOLE_SPACE }
  }

  #perform(output: SessionOutput): void {
    switch (output.type) {
      case 'send':
        this.#send(encodeMessage(output.message))
        break
      case 'ready':
        this.#ready.resolve()
        this.#options.onReady?.()
        break
      case 'synced':
        this.#finishSync(output.counts)
        break
      case 'ended':
        this.#finish(this.#cause ?? endOf(output), !output.isPeersWord && output.code !== 'SYNC_DISCONNECTED')
        break
      default:
        this.#run(output)
    }
  }

  /** Has the replica do something that takes time. What it fails with ends the session. */
  #run(output: ReplicaOutput): void {
    const running = this.#ask(output).then(
      (input) => this.#step(input),
      (error: unknown) => this.#fail(error)
    )
    this.#jobs.add(running)
    void running.then(() => this.#jobs.delete(running))
  }

  async #ask(output: ReplicaOutput): Promise<SessionInput> {
    const { replica, channel } = this.#options
    switch (output.type) {
      case 'read-credentials': {
        const records = await replica.credentials()
        const known = await replica.placeOf(output.store)
        await replica.flush()
        return { type: 'credentials', records, known }
      }
      case 'read-head': {
        const head = await replica.headOf(output.actor)
        const hasPlace = output.place !== undefined && (await replica.hasPlace(output.place))
        await replica.flush()
        return { type: 'head', head, hasPlace }
      }
      case 'recognise':
        await replica.recogniseHead(output.head)
        return { type: 'recognised' }
      case 'admit':
        await replica.ingest({ ...EMPTY_BATCH, records: output.records })
        return { type: 'admitted', isMember: replica.isMember(channel.peer) }
      case 'read-progress': {
        const { store, feed, scope } = output
        return { type: 'progress', progress: await replica.progressOf(store, feed, scope) }
      }
      case 'read-feed': {
        const isHere = output.place === undefined || (await replica.hasPlace(output.place))
        return { type: 'page', page: isHere ? await replica.readFeed(output.query) : undefined }
      }
      case 'read-paths':
        return { type: 'page', page: await this.#readPaths(output.paths, output.number) }
      case 'ingest':
        return { type: 'ingested', report: await replica.ingest(output.batch, output.reading) }
    }
  }

  async #readPaths(paths: readonly Uint8Array[], number: bigint): Promise<Page> {
    if (number === 0n) this.#pages = new PathPages(this.#options.replica, paths, this.#own().shared)
    invariant(this.#pages !== undefined, 'pages of paths are read in order')
    return { ...(await this.#pages.next()), next: number + 1n }
  }

  #send(frame: Uint8Array): void {
    this.#byteCount += frame.length
    this.#outbox.push(frame)
    if (this.#outbox.length === 1) void this.#empty()
  }

  async #empty(): Promise<void> {
    try {
      for (let frame = this.#outbox[0]; frame !== undefined; frame = this.#outbox[0]) {
        await this.#options.channel.send(frame)
        this.#outbox.shift()
        this.#watchSilence()
        this.#changed()
      }
    } catch (error) {
      this.#fail(error)
      this.#outbox.length = 0
      this.#changed()
    }
  }

  #finishSync(counts: SyncCounts): void {
    const { sent, received, conflicts, rounds, isRefused } = counts
    const report: SyncReport = { sent, received, conflicts, bytes: this.#byteCount, rounds }
    this.#byteCount = 0
    const pending = this.#sync
    this.#sync = undefined
    if (pending === undefined) this.#options.onSynced?.(report)
    else if (!isRefused || pending.options.direction !== 'pull') pending.resolve(report)
    else pending.reject(endingError('SYNC_NOT_SHARED', true))
  }

  #tellProgress(): void {
    const progress = progressOf(this.#state)
    const listener = this.#sync?.options.onProgress
    if (progress === undefined || listener === undefined) return
    const { sent, received } = progress
    if (sent === this.#told.sent && received === this.#told.received) return
    this.#told = { sent, received }
    listener(this.#told)
  }

  /** A session that has something under way and hears nothing ends; our own slowness does not count. */
  #watchSilence(): void {
    this.#cancelTimer()
    if (!isActive(this.#state)) return
    this.#cancelTimer = this.#options.runtime.timer(SESSION_IDLE_MS, () => {
      if (this.#jobs.size > 0) this.#watchSilence()
      else this.#step({ type: 'refuse', code: 'SYNC_TIMEOUT' })
    })
  }

  #abort(reason: unknown): void {
    if (this.#isEnded()) return
    this.#state = { ...this.#state, phase: 'ended' }
    this.#finish(reason, false)
    this.#changed()
  }

  /** @param isHeard whether there is somebody to take a last word */
  #finish(error: unknown, isHeard: boolean): void {
    this.#cancelTimer()
    this.#over.abort()
    const reason = error ?? new SyncError('SYNC_DISCONNECTED', 'the session is over; open another one')
    this.#ready.reject(reason)
    this.#sync?.reject(reason)
    this.#sync = undefined
    void this.#close(error, isHeard)
  }

  /** Lets go of the line, politely if there is a point in it; then waits for what the replica still does. */
  async #close(error: unknown, isHeard: boolean): Promise<void> {
    const { channel } = this.#options
    if (isHeard) await this.#sayGoodbye()
    else channel.abort(error instanceof Error ? error : new Error('the session is over'))
    await Promise.all(this.#jobs)
    this.#ended.resolve(error)
  }

  /** Lets the last frame out and closes our side, within a moment. */
  async #sayGoodbye(): Promise<void> {
    const { channel, runtime } = this.#options
    const cancel = runtime.timer(GOODBYE_MS, () => channel.abort(new Error('the peer reads no more')))
    try {
      await this.#until(() => this.#outbox.length === 0)
      await channel.close()
    } catch (closing) {
      channel.abort(closing instanceof Error ? closing : new Error('the channel does not close'))
    } finally {
      cancel()
    }
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#change.promise
  }

  #changed(): void {
    const { resolve } = this.#change
    this.#change = resolvers<void>()
    resolve()
  }
}
