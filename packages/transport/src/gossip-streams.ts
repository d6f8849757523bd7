import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import type { DeviceId, Runtime } from '@cis-memory/core'
import type { Connection, Stream } from '@libp2p/interface'
import { overlay, type Registrar, type StreamHandler, type Topology } from './components.ts'
import { GOSSIP_CHECK_MS } from './limits.ts'

export interface GossipStreamsInit {
  readonly runtime: Runtime
  /** Whether this connection belongs to a member, and its device. */
  readonly memberOf: (connection: Connection) => DeviceId | undefined
  /** Whether gossip with a member may begin. */
  readonly isTrusted: (device: DeviceId) => boolean
  /** Open connections of members. */
  readonly connections: () => Connection[]
}

/** The part of gossipsub that shows whether a peer's stream lives. Not in its interface; the version is pinned. */
type Pubsub = GossipSub & {
  readonly streamsOutbound: ReadonlyMap<string, { readonly rawStream: Stream }>
}

interface HeldStream {
  readonly stream: Stream
  readonly connection: Connection
  readonly handler: StreamHandler
}

/**
 * The streams gossip runs over. Gossipsub is told about a peer only once it is trusted; streams the peer has opened
 * wait until then, unread.
 */
export class GossipStreams {
  readonly #init: GossipStreamsInit
  readonly #held = new Set<HeldStream>()
  readonly #topologies = new Set<Topology>()
  /** Peers known to speak gossipsub, by peer id, and how often in a row they were found without streams. */
  readonly #speakers = new Map<string, number>()
  #pubsub: Pubsub | undefined
  #isRunning = false
  #cancelCheck: () => void = () => {}

  constructor(init: GossipStreamsInit) {
    this.#init = init
  }

  /** Looks after the streams of this gossipsub. */
  start(pubsub: GossipSub): void {
    this.#pubsub = pubsub as Pubsub
    this.#isRunning = true
    this.#scheduleCheck()
  }

  stop(): void {
    this.#isRunning = false
    this.#cancelCheck()
    for (const held of this.#held) held.stream.abort(new Error('the network is stopping'))
    this.#held.clear()
  }

  /** Starts gossip with members that have become trusted, and looks after broken streams. */
  refresh(): void {
    for (const held of this.#held) {
      const device = this.#init.memberOf(held.connection)
      if (device === undefined) held.stream.abort(new Error('not a member'))
      else if (this.#init.isTrusted(device)) this.#release(held)
    }
    this.#mend(false)
  }

  /** The stream by which a peer still reads what we send: one that gave up on it has closed its side. */
  to(peer: string): Stream | undefined {
    const stream = this.#pubsub?.streamsOutbound.get(peer)?.rawStream
    return stream?.status === 'open' && stream.remoteWriteStatus === 'writable' ? stream : undefined
  }

  /** A registrar that keeps strangers out of gossip, and members until they are trusted. */
  gate(registrar: Registrar): Registrar {
    return overlay(registrar, {
      handle: async (protocol, handler, options) =>
        registrar.handle(
          protocol,
          (stream, connection) => this.#onStream(stream, connection, handler),
          options
        ),
      register: async (protocol, topology, options) => {
        this.#topologies.add(topology)
        return registrar.register(
          protocol,
          {
            ...topology,
            onConnect: (peer, connection) => {
              const device = this.#init.memberOf(connection)
              if (device === undefined) return
              if (!this.#speakers.has(peer.toString())) this.#speakers.set(peer.toString(), 0)
              if (this.#init.isTrusted(device)) topology.onConnect?.(peer, connection)
            },
            onDisconnect: (peer) => {
              this.#speakers.delete(peer.toString())
              topology.onDisconnect?.(peer)
            }
          },
          options
        )
      }
    })
  }

  #onStream(stream: Stream, connection: Connection, handler: StreamHandler): void {
    const device = this.#init.memberOf(connection)
    if (device === undefined) {
      stream.abort(new Error('gossip is for members'))
      return
    }
    const peer = connection.remotePeer.toString()
    if (!this.#speakers.has(peer)) this.#speakers.set(peer, 0)
    const held: HeldStream = { stream, connection, handler }
    if (this.#init.isTrusted(device)) {
      void handler(stream, connection)
      return
    }
    stream.pause()
    this.#held.add(held)
    stream.addEventListener('close', () => this.#held.delete(held))
  }

  #release(held: HeldStream): void {
    this.#held.delete(held)
    void held.handler(held.stream, held.connection)
    held.stream.resume()
  }

  /**
   * Gossipsub never reopens a stream that broke while its connection lives, and one oversize packet or one full
   * buffer breaks it. So what is missing twice in a row, or was given up by the far side, is made anew.
   */
  #mend(isRegular: boolean): void {
    const pubsub = this.#pubsub
    if (!this.#isRunning || pubsub === undefined) return
    const known = new Set(pubsub.getPeers().map(String))
    const connections = new Map(this.#init.connections().map((each) => [each.remotePeer.toString(), each]))
    for (const [peer, connection] of connections) {
      const missed = this.#speakers.get(peer)
      const device = this.#init.memberOf(connection)
      if (missed === undefined || device === undefined || !this.#init.isTrusted(device)) continue
      const outbound = pubsub.streamsOutbound.get(peer)
      if (known.has(peer) && this.to(peer) !== undefined) {
        this.#speakers.set(peer, 0)
        continue
      }
      if (isRegular) this.#speakers.set(peer, missed + 1)
      if (outbound !== undefined) outbound.rawStream.abort(new Error('the peer stopped listening'))
      // Not known at all: newly trusted. Otherwise a stream may be on its way, so it gets one more turn.
      if (known.has(peer) && outbound === undefined && missed === 0) continue
      for (const topology of this.#topologies) topology.onConnect?.(connection.remotePeer, connection)
    }
  }

  #scheduleCheck(): void {
    this.#cancelCheck = this.#init.runtime.timer(GOSSIP_CHECK_MS, () => {
      this.#mend(true)
      if (this.#isRunning) this.#scheduleCheck()
    })
  }
}
