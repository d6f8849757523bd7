import {
  type AbortOptions,
  type DeviceId,
  type FrameChannel,
  MAX_FRAME_BYTES,
  SyncError
} from '@cis-memory/core'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What a frame carries beside its bytes on a real line: its length. */
const PREFIX_BYTES = 4
/** Frames of one direction that are sent and not yet read. */
const WINDOW_FRAMES = 2
/** Frames one direction may hold at most, checked after every event. */
export const MAX_LINE_FRAMES: number = WINDOW_FRAMES + 1

/** Where devices are plugged in: a place stays what it is when its device gets another disk. */
export type Place = number

export interface NetworkOptions {
  readonly time: VirtualTime
  readonly random: Random
  /** Share of broadcasts that never arrive, arrive twice, or arrive much later than others. */
  readonly loss: number
  readonly duplication: number
  readonly reordering: number
  /** Share of lines that are slow. */
  readonly delay: number
  /** Told of each thing that goes wrong. */
  readonly onFault: (what: string) => void
}

/** How a line is to fail. */
export interface Cut {
  /** Bytes in both directions after which nothing more comes through. */
  readonly atByte: number
  /** Nobody is told: both ends wait until they have heard nothing for too long. */
  readonly isSilent: boolean
}

export interface LineEnd {
  readonly place: Place
  readonly device: DeviceId
}

/** Hears each frame when it is given to a line, before anything can happen to it. */
export type FrameListener = (from: LineEnd, to: LineEnd, frame: Uint8Array) => void

/** Delays, loses, repeats, reorders and cuts whatever devices send each other, as its options and partitions say. */
export class Network {
  readonly #options: NetworkOptions
  /** `from/to`, and until when nothing gets through that way. */
  readonly #blocked = new Map<string, number>()
  readonly #lines = new Set<Line>()

  constructor(options: NetworkOptions) {
    this.#options = options
  }

  /** Frames that wait in the fullest direction of any line. */
  get longestQueue(): number {
    return Math.max(0, ...[...this.#lines].map((line) => line.longestQueue))
  }

  /** Lets nothing through from one place to another for a while. */
  block(from: Place, to: Place, ms: number): void {
    const untilMs = this.#options.time.nowMs + ms
    const key = `${from}/${to}`
    this.#blocked.set(key, Math.max(untilMs, this.#blocked.get(key) ?? 0))
  }

  /** Ends all partitions. */
  heal(): void {
    this.#blocked.clear()
  }

  blockedForMs(from: Place, to: Place): number {
    return Math.max(0, (this.#blocked.get(`${from}/${to}`) ?? 0) - this.#options.time.nowMs)
  }

  /** A line between two devices. */
  connect(
    dialer: LineEnd,
    listener: LineEnd,
    onFrame: FrameListener,
    cut?: Cut
  ): [SimulatedChannel, SimulatedChannel] {
    const { time, random, delay, onFault } = this.#options
    const isSlow = random.chance(delay)
    if (isSlow) onFault('slow line')
    const latencyMs = isSlow ? random.between(200, 4000) : random.between(1, 40)
    const line = new Line({
      time,
      random,
      latencyMs,
      cut,
      onFault,
      isBlocked: (from, to) => this.blockedForMs(from, to)
    })
    this.#lines.add(line)
    line.onEnd = () => this.#lines.delete(line)
    return [
      new SimulatedChannel(line, 0, dialer, listener, onFrame),
      new SimulatedChannel(line, 1, listener, dialer, onFrame)
    ]
  }

  /** Takes a message to another place, never, once or twice, sooner or later. */
  broadcast(from: Place, to: Place, deliver: () => void): void {
    const { time, random, loss, duplication, reordering, onFault } = this.#options
    const isBlocked = this.blockedForMs(from, to) > 0
    if (isBlocked || random.chance(loss)) {
      onFault(isBlocked ? 'broadcast stopped by a partition' : 'broadcast lost')
      return
    }
    const copies = random.chance(duplication) ? 2 : 1
    if (copies > 1) onFault('broadcast duplicated')
    for (let copy = 0; copy < copies; copy++) {
      const isLate = random.chance(reordering)
      if (isLate) onFault('broadcast delayed and reordered')
      time.after(isLate ? random.between(100, 30_000) : random.between(1, 60), deliver)
    }
  }
}

interface LineOptions {
  readonly time: VirtualTime
  readonly random: Random
  readonly latencyMs: number
  readonly cut: Cut | undefined
  readonly onFault: (what: string) => void
  readonly isBlocked: (from: Place, to: Place) => number
}

type Side = 0 | 1

/** What one end of a line knows of it. */
class End {
  /** Arrived here and not yet read. */
  readonly arrived: (Uint8Array | 'oversized')[] = []
  /** On their way to here. */
  inFlight = 0
  /** Frames of one direction keep their order. */
  lastArrivalMs = 0
  /** The peer has closed its side, and everything before that has arrived. */
  isFinished = false
  isBroken = false
  isClosed = false
}

class Line {
  readonly ends: readonly [End, End] = [new End(), new End()]
  onEnd: () => void = () => {}
  readonly #options: LineOptions
  #waiters: (() => void)[] = []
  #bytes = 0
  /** Nothing gets through any more. */
  #isDown = false

  constructor(options: LineOptions) {
    this.#options = options
  }

  get longestQueue(): number {
    return Math.max(...this.ends.map((end) => end.arrived.length + end.inFlight))
  }

  end(side: Side): End {
    return this.ends[side]
  }

  peer(side: Side): End {
    return this.ends[side === 0 ? 1 : 0]
  }

  carry(side: Side, from: Place, to: Place, frame: Uint8Array | 'oversized'): void {
    const peer = this.peer(side)
    const { time, random, latencyMs, cut, onFault, isBlocked } = this.#options
    this.#bytes += PREFIX_BYTES + (frame === 'oversized' ? 0 : frame.length)
    peer.inFlight++
    if (cut !== undefined && this.#bytes > cut.atByte) {
      if (!this.#isDown) onFault(cut.isSilent ? 'line cut without a word' : 'line cut')
      this.#isDown = true
      if (!cut.isSilent)
        for (const end of this.ends) time.after(random.between(0, 100), () => this.#break(end))
    }
    // A partition holds frames back, as TCP does; they come when it is over, if anybody still listens.
    const blockedMs = isBlocked(from, to)
    if (blockedMs > 0) onFault('frame held back by a partition')
    const delayMs = latencyMs + random.below(1 + latencyMs / 4) + blockedMs
    peer.lastArrivalMs = Math.max(time.nowMs + delayMs, peer.lastArrivalMs)
    time.after(peer.lastArrivalMs - time.nowMs, () => {
      if (this.#isDown) return
      peer.inFlight--
      peer.arrived.push(frame)
      this.changed()
    })
  }

  /** One side is done; the peer reads what is on its way, then the end. */
  close(side: Side): void {
    const peer = this.peer(side)
    const { time, latencyMs } = this.#options
    this.end(side).isClosed = true
    time.after(Math.max(latencyMs, peer.lastArrivalMs - time.nowMs), () => {
      if (this.#isDown) return
      peer.isFinished = true
      this.changed()
      if (this.ends.every((end) => end.isFinished)) this.onEnd()
    })
  }

  /** Drops the line: here at once, at the other end when the news arrives, if it does. */
  abort(side: Side, isNoticed: boolean): void {
    this.#isDown = true
    this.#break(this.end(side))
    const peer = this.peer(side)
    if (isNoticed) this.#options.time.after(this.#options.latencyMs, () => this.#break(peer))
    this.onEnd()
  }

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

  #break(end: End): void {
    end.isBroken = true
    this.changed()
  }
}

/** One end of a simulated line. */
export class SimulatedChannel implements FrameChannel {
  readonly peer: DeviceId
  readonly #line: Line
  readonly #side: Side
  readonly #here: LineEnd
  readonly #there: LineEnd
  readonly #onFrame: FrameListener
  #isDead = false

  constructor(line: Line, side: Side, here: LineEnd, there: LineEnd, onFrame: FrameListener) {
    this.#line = line
    this.#side = side
    this.#here = here
    this.#there = there
    this.#onFrame = onFrame
    this.peer = there.device
  }

  async send(frame: Uint8Array, options: AbortOptions = {}): Promise<void> {
    if (frame.length > MAX_FRAME_BYTES)
      throw new SyncError('SYNC_FRAME_TOO_LARGE', 'a frame is over its limit')
    await this.#room(options.signal)
    this.#onFrame(this.#here, this.#there, frame)
    this.#line.carry(this.#side, this.#here.place, this.#there.place, frame)
  }

  /** Announces a frame that is too large, as only somebody can who does not use a channel. */
  async sendOversized(): Promise<void> {
    await this.#room(undefined)
    this.#line.carry(this.#side, this.#here.place, this.#there.place, 'oversized')
  }

  async receive(options: AbortOptions = {}): Promise<Uint8Array | undefined> {
    const end = this.#line.end(this.#side)
    while (!end.isBroken && !end.isFinished && end.arrived.length === 0) await this.#line.wait(options.signal)
    if (this.#isDead) await never()
    if (end.isBroken) throw new SyncError('SYNC_DISCONNECTED', 'the connection broke')
    const frame = end.arrived.shift()
    if (frame === 'oversized') throw new SyncError('SYNC_FRAME_TOO_LARGE', 'a frame is over its limit')
    this.#line.changed()
    return frame
  }

  async close(): Promise<void> {
    if (this.#isDead) await never()
    this.#line.close(this.#side)
  }

  abort(_reason: Error): void {
    if (!this.#isDead) this.#line.abort(this.#side, true)
  }

  /** Ends this end with its process. Whether the other end hears of it depends on how the machine stopped. */
  die(isNoticed: boolean): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#line.abort(this.#side, isNoticed)
  }

  async #room(signal: AbortSignal | undefined): Promise<void> {
    const end = this.#line.end(this.#side)
    const peer = this.#line.peer(this.#side)
    while (!end.isBroken && !end.isClosed && peer.arrived.length + peer.inFlight >= WINDOW_FRAMES) {
      await this.#line.wait(signal)
    }
    if (this.#isDead) await never()
    if (end.isBroken || end.isClosed) throw new SyncError('SYNC_DISCONNECTED', 'the connection is gone')
  }
}

/** Each is a promise of its own: one for all would keep hold of whoever waits for it. */
function never(): Promise<never> {
  return new Promise(() => {})
}
