import type { DeviceId } from '../entry/ed25519.ts'
import { SyncError } from '../errors.ts'
import { MAX_FRAME_BYTES } from '../limits.ts'
import type { AbortOptions, FrameChannel } from './channel.ts'

type Waiter = () => void

/** One direction: frames in flight and how the line ended. */
class Line {
  readonly frames: Uint8Array[] = []
  /** Sends that wait for room, in their order. */
  readonly sends: object[] = []
  end: 'open' | 'closed' | 'broken' = 'open'
  #waiters: Waiter[] = []

  changed(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter()
  }

  async wait(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => reject(signal?.reason)
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiters.push(() => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
    })
  }
}

class MemoryChannel implements FrameChannel {
  readonly peer: DeviceId
  readonly #outgoing: Line
  readonly #incoming: Line
  #isClosed = false

  constructor(peer: DeviceId, outgoing: Line, incoming: Line) {
    this.peer = peer
    this.#outgoing = outgoing
    this.#incoming = incoming
  }

  async send(frame: Uint8Array, options: AbortOptions = {}): Promise<void> {
    if (frame.length > MAX_FRAME_BYTES)
      throw new SyncError('SYNC_FRAME_TOO_LARGE', 'a frame is over its limit')
    options.signal?.throwIfAborted()
    if (this.#isClosed) throw new SyncError('SYNC_DISCONNECTED', 'this side has closed the line')
    const line = this.#outgoing
    const place = {}
    line.sends.push(place)
    try {
      while (line.end === 'open' && (line.frames.length > 0 || line.sends[0] !== place))
        await line.wait(options.signal)
      if (line.end !== 'open') throw new SyncError('SYNC_DISCONNECTED', 'the connection is gone')
      line.frames.push(frame)
    } finally {
      line.sends.splice(line.sends.indexOf(place), 1)
      line.changed()
    }
  }

  async receive(options: AbortOptions = {}): Promise<Uint8Array | undefined> {
    options.signal?.throwIfAborted()
    const line = this.#incoming
    while (line.end === 'open' && line.frames.length === 0) await line.wait(options.signal)
    if (line.end === 'broken') throw new SyncError('SYNC_DISCONNECTED', 'the connection broke')
    const frame = line.frames.shift()
    line.changed()
    return frame
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const line = this.#outgoing
    while (line.end === 'open' && line.sends.length > 0) await line.wait(undefined)
    if (line.end === 'open') line.end = 'closed'
    line.changed()
  }

  abort(_reason: Error): void {
    for (const line of [this.#outgoing, this.#incoming]) {
      line.end = 'broken'
      line.changed()
    }
  }
}

/** Two ends of one line in this process: `first` is what `a` holds to talk to `b`. */
export function memoryChannelPair(a: DeviceId, b: DeviceId): [first: FrameChannel, second: FrameChannel] {
  const ab = new Line()
  const ba = new Line()
  return [new MemoryChannel(b, ab, ba), new MemoryChannel(a, ba, ab)]
}
