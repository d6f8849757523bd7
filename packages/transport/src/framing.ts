/*
 * Frames over a libp2p stream. On the wire a frame is
 *
 *   0        4                4 + length
 *   | length | bytes ...      |
 *
 * with the length as an unsigned 32-bit number, big end first.
 *
 * Back-pressure is real in both directions. Reading: when whole frames of READ_AHEAD_BYTES wait for their consumer,
 * the stream is paused, its window closes, and the peer's `send` waits. Writing: `send` waits until the stream has
 * handed everything before it to the connection. One channel therefore holds at most one frame, the read-ahead and
 * two stream windows for reading, and one frame for writing.
 */
import './runtime-shim.ts'
import {
  type AbortOptions,
  type DeviceId,
  type FrameChannel,
  MAX_FRAME_BYTES,
  type Runtime,
  SyncError
} from '@cis-memory/core'
import { resolvers } from '@cis-memory/core/sync'
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { CLOSE_TIMEOUT_MS, LINGER_MS, READ_AHEAD_BYTES } from './limits.ts'
import { untilAborted } from './waiting.ts'

const HEADER_BYTES = 4

export interface StreamChannelInit {
  readonly stream: Stream
  readonly peer: DeviceId
  readonly runtime: Runtime
  /** Called once, when the stream under the channel is gone. */
  readonly onClosed?: () => void
}

export class StreamChannel implements FrameChannel {
  readonly peer: DeviceId
  readonly #stream: Stream
  readonly #runtime: Runtime
  readonly #onClosed: (() => void) | undefined
  /** Arrived and not yet taken: whole frames and the beginning of one. */
  readonly #unread = new Uint8ArrayList()
  #waiters: Array<() => void> = []
  /** Why reading, and why writing, cannot go on. */
  #readError: SyncError | undefined
  #writeError: SyncError | undefined
  #isEndAnnounced = false
  #isResuming = false
  #lastSend: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined
  #cancelLinger: (() => void) | undefined

  constructor(init: StreamChannelInit) {
    this.peer = init.peer
    this.#stream = init.stream
    this.#runtime = init.runtime
    this.#onClosed = init.onClosed
    const stream = init.stream
    stream.addEventListener('message', this.#onMessage)
    stream.addEventListener('remoteCloseWrite', this.#onRemoteCloseWrite)
    stream.addEventListener('drain', this.#wake)
    stream.addEventListener('idle', this.#wake)
    stream.addEventListener('end', this.#wake)
    stream.addEventListener('close', this.#onClose)
    // An open stream whose far side is closed had its end announced before we listened; a dead one is not open.
    if (stream.status === 'open') this.#isEndAnnounced = stream.remoteWriteStatus === 'closed'
    else this.#break(disconnected('the connection was gone before it could be used'))
  }

  async send(frame: Uint8Array, options: AbortOptions = {}): Promise<void> {
    if (frame.length > MAX_FRAME_BYTES) {
      throw new SyncError(
        'SYNC_FRAME_TOO_LARGE',
        `a frame of ${frame.length} bytes is over the limit of ${MAX_FRAME_BYTES}`
      )
    }
    options.signal?.throwIfAborted()
    if (this.#closing !== undefined) throw disconnected('this side has closed the channel')
    const previous = this.#lastSend
    const mine = resolvers<void>()
    this.#lastSend = previous.then(() => mine.promise)
    try {
      await untilAborted(previous, options.signal)
      await this.#room(options.signal)
      const header = new Uint8Array(HEADER_BYTES)
      new DataView(header.buffer).setUint32(0, frame.length)
      this.#stream.send(new Uint8ArrayList(header, frame))
    } catch (error) {
      if (options.signal?.aborted || error instanceof SyncError) throw error
      throw disconnected('the connection broke while a frame was sent', error)
    } finally {
      mine.resolve()
    }
  }

  async receive(options: AbortOptions = {}): Promise<Uint8Array | undefined> {
    options.signal?.throwIfAborted()
    for (;;) {
      if (this.#readError !== undefined) throw this.#readError
      const frame = this.#take()
      if (frame !== undefined) return frame
      if (this.#isEndAnnounced && this.#stream.readBufferLength === 0) {
        if (this.#unread.byteLength === 0) return undefined
        throw this.#break(disconnected('the peer stopped in the middle of a frame'))
      }
      await this.#change(options.signal)
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  abort(reason: Error): void {
    this.#break(disconnected('this side dropped the connection', reason))
    this.#stream.abort(reason)
  }

  isOpenedByUs(protocol: string): boolean {
    return this.#stream.direction === 'outbound' && this.#stream.protocol === protocol
  }

  /** Waits until all frames before the next one are with the connection. */
  async #room(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      if (this.#writeError !== undefined) throw this.#writeError
      if (!this.#stream.writableNeedsDrain && this.#stream.writeBufferLength === 0) return
      // Not stream.onDrain(): libp2p's waits once per stream and returns at once ever after.
      await this.#change(signal)
    }
  }

  async #finish(): Promise<void> {
    const timeout = new AbortController()
    const cancel = this.#runtime.timer(CLOSE_TIMEOUT_MS, () => timeout.abort())
    try {
      await untilAborted(this.#lastSend, timeout.signal)
      if (this.#stream.status === 'open') await this.#stream.close({ signal: timeout.signal })
    } catch {
      this.abort(new Error('the peer did not take what was sent before the close'))
    } finally {
      cancel()
      this.#wake()
    }
    this.#linger()
  }

  /** A stream lives until both sides have closed it. A peer that never does must not keep it for ever. */
  #linger(): void {
    this.#cancelLinger?.()
    if (this.#stream.status === 'closed' || this.#stream.timeline.close !== undefined) return
    this.#cancelLinger = this.#runtime.timer(LINGER_MS, () => {
      this.abort(new Error('the peer did not close its side'))
    })
  }

  /** The first whole frame. Resumes the stream when taking it made room. */
  #take(): Uint8Array | undefined {
    const length = this.#frameLength()
    if (length === undefined || this.#unread.byteLength < HEADER_BYTES + length) {
      this.#resume()
      return undefined
    }
    // A copy: a small frame would otherwise keep a whole network packet alive for as long as its reader keeps it.
    const frame = this.#unread.slice(HEADER_BYTES, HEADER_BYTES + length)
    this.#unread.consume(HEADER_BYTES + length)
    if (!this.#isFull()) this.#resume()
    return frame
  }

  #frameLength(): number | undefined {
    return this.#unread.byteLength < HEADER_BYTES ? undefined : this.#unread.getUint32(0)
  }

  /** Enough is read ahead. Never while the frame at the front is incomplete, or it would stay so. */
  #isFull(): boolean {
    const length = this.#frameLength()
    if (length === undefined || this.#unread.byteLength < READ_AHEAD_BYTES) return false
    return this.#unread.byteLength >= HEADER_BYTES + length
  }

  #regulate(): void {
    if (this.#isResuming || this.#stream.readStatus !== 'readable' || !this.#isFull()) return
    this.#stream.pause()
  }

  #resume(): void {
    if (this.#isResuming || this.#stream.readStatus !== 'paused') return
    // resume() hands over what had piled up and opens the window only afterwards. A pause from within that hand-over
    // would be undone, so it waits until resume() is through.
    this.#isResuming = true
    try {
      this.#stream.resume()
    } catch {
      // The connection is gone and could not be told; what had arrived was handed over all the same.
    } finally {
      this.#isResuming = false
    }
    this.#regulate()
  }

  readonly #onMessage = (event: StreamMessageEvent): void => {
    if (this.#readError !== undefined) return
    this.#unread.append(event.data)
    const length = this.#frameLength()
    if (length !== undefined && length > MAX_FRAME_BYTES) {
      this.#break(
        new SyncError(
          'SYNC_FRAME_TOO_LARGE',
          `the peer announced a frame of ${length} bytes; the limit is ${MAX_FRAME_BYTES}`
        )
      )
      this.#stream.abort(new Error('a frame over the limit was announced'))
      return
    }
    if (this.#cancelLinger !== undefined) this.#linger()
    this.#regulate()
    this.#wake()
  }

  readonly #onRemoteCloseWrite = (): void => {
    this.#isEndAnnounced = true
    this.#wake()
  }

  readonly #onClose = (event: StreamCloseEvent): void => {
    this.#cancelLinger?.()
    this.#cancelLinger = undefined
    this.#writeError ??= disconnected('the connection to the peer is gone', event.error)
    // A killed peer and a cut line end a stream just as quietly as a close does. Only an announced end is a clean one.
    if (!this.#isEndAnnounced)
      this.#readError ??= disconnected('the connection to the peer broke', event.error)
    this.#wake()
    this.#onClosed?.()
  }

  #break(error: SyncError): SyncError {
    this.#readError ??= error
    this.#writeError ??= error
    this.#unread.consume(this.#unread.byteLength)
    this.#wake()
    return this.#readError
  }

  readonly #wake = (): void => {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter()
  }

  async #change(signal: AbortSignal | undefined): Promise<void> {
    const changed = resolvers<void>()
    this.#waiters.push(changed.resolve)
    try {
      await untilAborted(changed.promise, signal)
    } finally {
      if (signal?.aborted) this.#waiters = this.#waiters.filter((waiter) => waiter !== changed.resolve)
    }
  }
}

function disconnected(what: string, cause?: unknown): SyncError {
  return new SyncError('SYNC_DISCONNECTED', `${what}. What had arrived is kept; sync again to go on`, {
    cause
  })
}
