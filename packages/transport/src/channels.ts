import './runtime-shim.ts'
import type { DeviceId, FrameChannel, Runtime } from '@cis-memory/core'
import type { Stream } from '@libp2p/interface'
import type { Libp2p } from 'libp2p'
import type { Admission } from './admission.ts'
import type { Connections, Role, TrackedConnection } from './connections.ts'
import type { Dialler } from './dialler.ts'
import { dialError, TransportError, tooManyStreams } from './errors.ts'
import { StreamChannel } from './framing.ts'
import type { Life } from './life.ts'
import { MAX_CHANNELS, MAX_PROTOCOL_STREAMS } from './limits.ts'
import type { ChannelHandler, HandleOptions, OpenOptions } from './network-types.ts'

export interface ChannelsInit {
  readonly runtime: Runtime
  readonly life: Life
  readonly connections: Connections
  readonly admission: Admission
  readonly dialler: Dialler
  readonly libp2p: () => Libp2p
  /** The last channel of a connection has closed. */
  readonly onIdle: (tracked: TrackedConnection) => void
}

/** The lines of frames that are open: those we open, and those we answer. */
export class Channels {
  readonly #init: ChannelsInit
  readonly #open = new Set<StreamChannel>()

  constructor(init: ChannelsInit) {
    this.#init = init
  }

  async open(target: DeviceId | string, protocol: string, options: OpenOptions): Promise<FrameChannel> {
    const { life, connections, dialler } = this.#init
    const role: Role = options.asStranger === true ? 'stranger' : 'member'
    if (this.#open.size >= MAX_CHANNELS) throw tooManyStreams(protocol)
    // A connection can break between being picked and being used, and another may stand beside it: one more try.
    for (let isLastTry = false; ; isLastTry = true) {
      const tracked = await dialler.connect(target, role, options)
      // Counted over all connections to the peer; libp2p counts each for itself.
      const opened = connections.of(tracked.device).flatMap((other) => [...other.channels])
      if (opened.filter((channel) => channel.isOpenedByUs(protocol)).length >= MAX_PROTOCOL_STREAMS) {
        throw tooManyStreams(protocol)
      }
      try {
        const stream = await life.bounded(options.signal, (signal) =>
          tracked.connection.newStream(protocol, { signal, maxOutboundStreams: MAX_PROTOCOL_STREAMS })
        )
        return this.#add(stream, tracked)
      } catch (error) {
        options.signal?.throwIfAborted()
        const name = error instanceof Error ? error.name : ''
        if (name === 'UnsupportedProtocolError') {
          throw new TransportError(
            'TRANSPORT_NO_PROTOCOL',
            `the peer does not speak ${protocol}. One of the two runs another version of cis: update it`,
            { cause: error }
          )
        }
        if (isLastTry || !life.isRunning) throw dialError(error, 'the peer')
      }
    }
  }

  async handle(protocol: string, handler: ChannelHandler, options: HandleOptions): Promise<void> {
    const { connections, admission, libp2p } = this.#init
    const isOpenToStrangers = options.openToStrangers ?? false
    await libp2p().handle(
      protocol,
      (stream, connection) => {
        const tracked = connections.get(connection)
        if (tracked === undefined || !admission.mayUse(tracked, isOpenToStrangers)) {
          stream.abort(new Error('this protocol is for members'))
          return
        }
        if (this.#open.size >= MAX_CHANNELS) {
          stream.abort(new Error('too many channels'))
          return
        }
        // Before the first await, or the first frames would be missed.
        void serve(this.#add(stream, tracked), handler)
      },
      { maxInboundStreams: MAX_PROTOCOL_STREAMS, maxOutboundStreams: MAX_PROTOCOL_STREAMS }
    )
  }

  abortAll(reason: Error): void {
    for (const channel of this.#open) channel.abort(reason)
  }

  #add(stream: Stream, tracked: TrackedConnection): StreamChannel {
    const channel = new StreamChannel({
      stream,
      peer: tracked.device,
      runtime: this.#init.runtime,
      onClosed: () => {
        this.#open.delete(channel)
        tracked.channels.delete(channel)
        if (tracked.channels.size === 0) this.#init.onIdle(tracked)
      }
    })
    if (stream.status === 'open') {
      this.#open.add(channel)
      tracked.channels.add(channel)
    }
    return channel
  }
}

async function serve(channel: FrameChannel, handler: ChannelHandler): Promise<void> {
  try {
    await handler(channel)
    await channel.close()
  } catch (error) {
    channel.abort(error instanceof Error ? error : new Error('the handler failed', { cause: error }))
  }
}
