import './runtime-shim.ts'
import { createHash } from 'node:crypto'
import {
  type GossipSub,
  type GossipSubComponents,
  gossipsub,
  type Message,
  StrictNoSign,
  type TopicValidatorResult
} from '@chainsafe/libp2p-gossipsub'
import { type DeviceId, MAX_GOSSIP_MESSAGE_BYTES, type Runtime } from '@cis-memory/core'
import { resolvers } from '@cis-memory/core/sync'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { overlay, type Registrar, type StreamHandler, type Topology } from './components.ts'
import { notRunning, TransportError } from './errors.ts'
import { handedOver } from './handed-over.ts'
import {
  GOSSIP_CHECK_MS,
  GOSSIP_HANDOVER_MS,
  GOSSIP_PENALTY_HALF_LIFE_MS,
  GOSSIP_REJECT_PENALTY,
  GOSSIP_SEEN_MS,
  MAX_GOSSIP_PACKET_BYTES,
  MAX_GOSSIP_TOPIC_BYTES,
  MAX_GOSSIP_UNSENT_BYTES,
  MAX_GOSSIP_VALIDATING,
  MAX_GOSSIP_VALIDATING_BYTES,
  MAX_TOPICS
} from './limits.ts'
import { deviceOfPeer } from './peer-id.ts'

/**
 * What becomes of a message: `accept` forwards it, `ignore` drops it, `reject` drops it and costs its sender
 * standing, up to no longer being listened to.
 */
export type Verdict = 'accept' | 'ignore' | 'reject'

/**
 * Decides on a message, and takes it in when it accepts it. Runs before the message is forwarded. Several may run
 * at once and end in any order.
 *
 * @param from the peer that passed the message on, not its author
 */
export type TopicValidator = (message: Uint8Array, from: DeviceId) => Verdict | Promise<Verdict>

/** How a publication went. */
export interface PublishResult {
  /**
   * Peers the message was handed to: all of it has left for them, also when the network is stopped right away. They
   * may still lose it, since gossip has no receipts.
   */
  readonly reached: readonly DeviceId[]
  /** The same bytes were published or seen within the last two minutes; nothing was sent. */
  readonly isRepeat: boolean
}

export interface GossipInit {
  readonly runtime: Runtime
  /** Whether this connection belongs to a member, and its device. */
  readonly memberOf: (connection: Connection) => DeviceId | undefined
  readonly isMember: (device: DeviceId) => boolean
  /** Whether gossip may be exchanged with a member by now. */
  readonly isTrusted: (device: DeviceId) => boolean
  /** Open connections of members. */
  readonly connections: () => Connection[]
  readonly onSubscription: (device: DeviceId, topic: string, isSubscribed: boolean) => void
  readonly onReject: (device: DeviceId, topic: string) => void
}

/** The parts of gossipsub that show whether a peer's streams live. Not in its interface; the version is pinned. */
interface GossipSubStreams {
  readonly streamsInbound: ReadonlyMap<string, unknown>
  readonly streamsOutbound: ReadonlyMap<string, { readonly rawStream: Stream }>
}

interface HeldStream {
  readonly stream: Stream
  readonly connection: Connection
  readonly handler: StreamHandler
}

interface Standing {
  penalty: number
  atMs: number
}

const MAX_STANDINGS = 1024

/**
 * Broadcast to the members of a space, over gossipsub.
 *
 * Messages carry no signature of their own: what they carry is signed. Their id is a hash over all of them, so that
 * a forgery never passes for its original. Gossipsub is told about a peer only once it is trusted; its streams wait
 * until then, unread.
 */
export class Gossip {
  readonly #init: GossipInit
  readonly #validators = new Map<string, TopicValidator>()
  readonly #held = new Set<HeldStream>()
  readonly #topologies = new Set<Topology>()
  /** Peers known to speak gossipsub, by peer id, and how often in a row they were found without streams. */
  readonly #speakers = new Map<string, number>()
  readonly #validating = new Map<DeviceId, { count: number; bytes: number }>()
  /** What rejections have cost, by peer id. */
  readonly #standings = new Map<string, Standing>()
  #pubsub: (GossipSub & GossipSubStreams) | undefined
  #isRunning = false
  #cancelCheck: () => void = () => {}

  constructor(init: GossipInit) {
    this.#init = init
  }

  /** The libp2p service. */
  service(components: GossipSubComponents): GossipSub {
    const create = gossipsub({
      globalSignaturePolicy: StrictNoSign,
      msgIdFn: messageId,
      emitSelf: false,
      fallbackToFloodsub: false,
      allowPublishToZeroTopicPeers: true,
      tagMeshPeers: false,
      seenTTL: GOSSIP_SEEN_MS,
      maxInboundDataLength: MAX_GOSSIP_PACKET_BYTES,
      maxOutboundBufferSize: MAX_GOSSIP_UNSENT_BYTES,
      maxTopicBytesPerPeer: MAX_GOSSIP_TOPIC_BYTES,
      maxInboundStreams: 4,
      maxOutboundStreams: 4,
      dataTransform: {
        // The first look at a message: before its id is remembered and before it can be cached or forwarded.
        inboundTransform: (topic, data) => {
          if (!this.#validators.has(topic)) throw new Error('not a topic of ours')
          if (data.length > MAX_GOSSIP_MESSAGE_BYTES) throw new Error('over the limit')
          return data
        },
        outboundTransform: (_topic, data) => data
      },
      scoreParams: {
        // Many agents on one machine are one address, which is no sign of an attack here.
        IPColocationFactorWeight: 0,
        // Our own account of rejections. Gossipsub's costs nothing for a topic it has no parameters for, and with
        // its default ones a long-standing peer is rejected many times before it shows.
        appSpecificScore: (peer) => -this.#penalty(peer),
        appSpecificWeight: 1
      },
      scoreThresholds: { gossipThreshold: -10, publishThreshold: -50, graylistThreshold: -80 }
    })
    const pubsub = create(overlay(components, { registrar: this.#gate(components.registrar) }))
    pubsub.addEventListener('subscription-change', (event) => {
      const device = deviceOfPeer(event.detail.peerId)
      if (device === undefined) return
      for (const { topic, subscribe } of event.detail.subscriptions) {
        if (this.#validators.has(topic)) this.#init.onSubscription(device, topic, subscribe)
      }
    })
    this.#pubsub = pubsub as GossipSub & GossipSubStreams
    return pubsub
  }

  start(): void {
    this.#isRunning = true
    for (const topic of this.#validators.keys()) this.#pubsub?.subscribe(topic)
    this.#scheduleCheck()
  }

  stop(): void {
    this.#isRunning = false
    this.#cancelCheck()
    for (const held of this.#held) held.stream.abort(new Error('the network is stopping'))
    this.#held.clear()
  }

  subscribe(topic: string, validator: TopicValidator): () => void {
    if (this.#validators.has(topic)) throw new TypeError('this topic has a validator already')
    if (this.#validators.size >= MAX_TOPICS) throw new RangeError(`at most ${MAX_TOPICS} topics`)
    this.#validators.set(topic, validator)
    this.#pubsub?.topicValidators.set(topic, (peer, message) => this.#validate(topic, peer, message))
    if (this.#isRunning) this.#pubsub?.subscribe(topic)
    return () => {
      if (this.#validators.get(topic) !== validator) return
      this.#validators.delete(topic)
      this.#pubsub?.topicValidators.delete(topic)
      if (this.#isRunning) this.#pubsub?.unsubscribe(topic)
    }
  }

  subscribers(topic: string): DeviceId[] {
    const peers = this.#pubsub?.getSubscribers(topic) ?? []
    const heard = peers.filter((peer) => this.#streamTo(peer.toString()) !== undefined)
    return heard.map(deviceOfPeer).filter((device) => device !== undefined)
  }

  async publish(topic: string, message: Uint8Array): Promise<PublishResult> {
    if (message.length > MAX_GOSSIP_MESSAGE_BYTES) {
      throw new TransportError(
        'TRANSPORT_MESSAGE_TOO_LARGE',
        `a broadcast of ${message.length} bytes is over the limit of ${MAX_GOSSIP_MESSAGE_BYTES}; nothing was sent. Announce it and let peers sync it`
      )
    }
    if (!this.#isRunning || this.#pubsub === undefined) throw notRunning()
    try {
      const { recipients } = await this.#pubsub.publish(topic, message)
      return { reached: await this.#handedTo(recipients), isRepeat: false }
    } catch (error) {
      if (error instanceof Error && error.message === 'PublishError.Duplicate') {
        return { reached: [], isRepeat: true }
      }
      if (!this.#isRunning) throw notRunning()
      throw error
    }
  }

  /**
   * Those whose stream takes all it was given while we wait. Gossipsub counts whoever has a stream: also a frozen peer,
   * whose stream fills up, and one that has given it up.
   */
  async #handedTo(peers: readonly PeerId[]): Promise<DeviceId[]> {
    const { promise: timeout, resolve } = resolvers<boolean>()
    const cancel = this.#init.runtime.timer(GOSSIP_HANDOVER_MS, () => resolve(false))
    const reached = peers.map(async (peer) => {
      const stream = this.#streamTo(peer.toString())
      const isHanded = stream !== undefined && (await Promise.race([handedOver(stream), timeout]))
      return isHanded && this.#streamTo(peer.toString()) === stream ? deviceOfPeer(peer) : undefined
    })
    try {
      return (await Promise.all(reached)).filter((device) => device !== undefined)
    } finally {
      cancel()
    }
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

  /** Keeps strangers out of gossip, and members until they are trusted. */
  #gate(registrar: Registrar): Registrar {
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
      if (known.has(peer) && this.#streamTo(peer) !== undefined) {
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

  /** The stream by which a peer still reads what we send: one that gave up on it has closed its side. */
  #streamTo(peer: string): Stream | undefined {
    const stream = this.#pubsub?.streamsOutbound.get(peer)?.rawStream
    return stream?.status === 'open' && stream.remoteWriteStatus === 'writable' ? stream : undefined
  }

  #scheduleCheck(): void {
    this.#cancelCheck = this.#init.runtime.timer(GOSSIP_CHECK_MS, () => {
      this.#mend(true)
      if (this.#isRunning) this.#scheduleCheck()
    })
  }

  async #validate(topic: string, peer: PeerId, message: Message): Promise<TopicValidatorResult> {
    return (await this.#judge(topic, peer, message.data)) as TopicValidatorResult
  }

  async #judge(topic: string, peer: PeerId, data: Uint8Array): Promise<Verdict> {
    const validator = this.#validators.get(topic)
    const device = deviceOfPeer(peer)
    // Its sender was trusted, or its stream would not have been read. By now that connection may be gone, and the trust
    // in it; a peer that says something and leaves is heard nevertheless.
    if (validator === undefined || device === undefined || !this.#init.isMember(device)) return 'ignore'
    const load = this.#validating.get(device) ?? { count: 0, bytes: 0 }
    if (load.count >= MAX_GOSSIP_VALIDATING || load.bytes + data.length > MAX_GOSSIP_VALIDATING_BYTES) {
      return 'ignore'
    }
    load.count++
    load.bytes += data.length
    this.#validating.set(device, load)
    try {
      const verdict = await validator(data, device)
      if (verdict === 'reject') this.#punish(peer, device, topic)
      return verdict
    } catch {
      // A validator that fails says nothing about the message. Its owner hears of failures in its own way.
      return 'ignore'
    } finally {
      load.count--
      load.bytes -= data.length
      if (load.count === 0) this.#validating.delete(device)
    }
  }

  #punish(peer: PeerId, device: DeviceId, topic: string): void {
    const key = peer.toString()
    const penalty = this.#penalty(key) + GOSSIP_REJECT_PENALTY
    this.#standings.delete(key)
    this.#standings.set(key, { penalty, atMs: this.#init.runtime.now() })
    if (this.#standings.size > MAX_STANDINGS) {
      const oldest = this.#standings.keys().next().value
      if (oldest !== undefined) this.#standings.delete(oldest)
    }
    this.#init.onReject(device, topic)
  }

  #penalty(peer: string): number {
    const standing = this.#standings.get(peer)
    if (standing === undefined) return 0
    const ageMs = Math.max(0, this.#init.runtime.now() - standing.atMs)
    return standing.penalty * 2 ** (-ageMs / GOSSIP_PENALTY_HALF_LIFE_MS)
  }
}

/** SHA-256 over topic and data. The length keeps the two apart. */
function messageId(message: Message): Uint8Array {
  const topic = Buffer.from(message.topic, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(topic.length)
  return createHash('sha256').update(length).update(topic).update(message.data).digest()
}
