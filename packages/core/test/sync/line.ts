import { SyncError } from '../../src/errors.ts'
import type { FrameChannel } from '../../src/index.ts'
import {
  runSession,
  type SessionOptions,
  type SyncOptions,
  type SyncReport,
  serveSession
} from '../../src/sync/driver.ts'
import { memoryChannelPair } from '../../src/sync/index.ts'
import { decodeMessage, type Message } from '../../src/sync/messages.ts'
import type { Device } from '../support/world.ts'

/** A frame as it went over the line. */
export interface Sent {
  readonly by: 'dialer' | 'listener'
  readonly frame: Uint8Array
}

/** What may happen to a frame: it goes through, another one does, or the line breaks in its place. */
export type Fate = (sent: Sent, index: number) => Uint8Array | 'cut'

/** Two ends of a line that is listened to, and that can be made to fail. */
export class Line {
  readonly sent: Sent[] = []
  readonly dialer: FrameChannel
  readonly listener: FrameChannel

  constructor(dialer: Device, listener: Device, fate: Fate = (sent) => sent.frame) {
    const [atDialer, atListener] = memoryChannelPair(dialer.replica.device, listener.replica.device)
    this.dialer = this.#tap(atDialer, 'dialer', fate)
    this.listener = this.#tap(atListener, 'listener', fate)
  }

  /** The messages one end has sent. */
  messages(by?: Sent['by']): Message[] {
    return this.sent
      .filter((sent) => by === undefined || sent.by === by)
      .map((sent) => decodeMessage(sent.frame))
  }

  bytes(by?: Sent['by']): number {
    return this.sent.reduce(
      (sum, sent) => sum + (by === undefined || sent.by === by ? sent.frame.length : 0),
      0
    )
  }

  #tap(channel: FrameChannel, by: Sent['by'], fate: Fate): FrameChannel {
    return {
      peer: channel.peer,
      send: async (frame, options) => {
        const passed = fate({ by, frame }, this.sent.length)
        if (passed === 'cut') {
          channel.abort(new Error('the line was cut'))
          throw new SyncError('SYNC_DISCONNECTED', 'the line was cut')
        }
        this.sent.push({ by, frame: passed })
        await channel.send(passed, options)
      },
      receive: (options) => channel.receive(options),
      close: () => channel.close(),
      abort: (reason) => channel.abort(reason)
    }
  }
}

export interface Outcome {
  readonly line: Line
  /** What the dialer got, or what it failed with. */
  readonly report: SyncReport | undefined
  readonly error: unknown
  readonly listenerReports: readonly SyncReport[]
  readonly listenerError: unknown
}

export interface SyncSetup extends SyncOptions {
  readonly fate?: Fate
  readonly shared?: SessionOptions['shared']
}

/** One sync over a fresh line, and what became of it at both ends. */
export async function trySync(dialer: Device, listener: Device, setup: SyncSetup = {}): Promise<Outcome> {
  const { fate, shared, ...options } = setup
  const line = new Line(dialer, listener, fate)
  const listenerReports: SyncReport[] = []
  const serving = serveSession({
    channel: line.listener,
    replica: listener.replica,
    runtime: listener.runtime,
    onSynced: (report) => listenerReports.push(report),
    ...(shared === undefined ? {} : { shared })
  })
  let report: SyncReport | undefined
  let error: unknown
  try {
    report = await runSession({
      channel: line.dialer,
      replica: dialer.replica,
      runtime: dialer.runtime,
      ...options
    })
  } catch (cause) {
    error = cause
  }
  return { line, report, error, listenerReports, listenerError: await serving }
}

/** One sync that has to succeed. */
export async function sync(
  dialer: Device,
  listener: Device,
  setup: SyncSetup = {}
): Promise<SyncReport & Outcome> {
  const outcome = await trySync(dialer, listener, setup)
  if (outcome.report === undefined) throw outcome.error
  if (outcome.listenerError !== undefined) throw outcome.listenerError
  return { ...outcome, ...outcome.report }
}
