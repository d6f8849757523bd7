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
import { type DeviceId, MAX_GOSSIP_MESSAGE_BYTES } from '@cis-memory/core'
import { resolvers } from '@cis-memory/core/sync'
import type { PeerId } from '@libp2p/interface'
import { overlay } from './components.ts'
import { notRunning, TransportError } from './errors.ts'
import { GossipStreams, type GossipStreamsInit } from './gossip-streams.ts'
import { handedOver } from './handed-over.ts'
import {
  GOSSIP_HANDOVER_MS,
  GOSSIP_SEEN_MS,
  MAX_GOSSIP_PACKET_BYTES,
  MAX_GOSSIP_TOPIC_BYTES,
  MAX_GOSSIP_UNSENT_BYTES,
  MAX_GOSSIP_VALIDATING,
  MAX_GOSSIP_VALIDATING_BYTES,
  MAX_TOPICS
} from './limits.ts'
import { deviceOfPeer } from './peer-id.ts'
import { Standings } from './standings.ts'

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

export interface GossipInit extends GossipStreamsInit {
  readonly isMember: (device: DeviceId) => boolean
  readonly onSubscription: (device: DeviceId, topic: string, isSubscribed: boolean) => void
  readonly onReject: (device: DeviceId, topic: string) => void
}

/**
 * Broadcast to the members of a space, over gossipsub.
 *
 * Messages carry no signature of their own: what they carry is signed. Their id is a hash over all of them, so that
 * a forgery never passes for its original.
 */
export class Gossip {
  readonly #init: GossipInit
  readonly #validators = new Map<string, TopicValidator>()
  readonly #validating = new Map<DeviceId, { count: number; bytes: number }>()
  readonly #streams: GossipStreams
  readonly #standings: Standings
  #pubsub: GossipSub | undefined
  #isRunning = false

  constructor(init: GossipInit) {
    this.#init = init
    this.#streams = new GossipStreams(init)
    this.#standings = new Standings(init.runtime)
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
        appSpecificScore: (peer) => -this.#standings.penaltyOf(peer),
        appSpecificWeight: 1
      },
      scoreThresholds: { gossipThreshold: -10, publishThreshold: -50, graylistThreshold: -80 }
    })
    const pubsub = create(overlay(components, { registrar: this.#streams.gate(components.registrar) }))
    pubsub.addEventListener('subscription-change', (event) => {
      const device = deviceOfPeer(event.detail.peerId)
      if (device === undefined) return
      for (const { topic, subscribe } of event.detail.subscriptions) {
        if (this.#validators.has(topic)) this.#init.onSubscription(device, topic, subscribe)
      }
    })
    this.#pubsub = pubsub
    return pubsub
  }

  start(): void {
    this.#isRunning = true
    for (const topic of this.#validators.keys()) this.#pubsub?.subscribe(topic)
    if (this.#pubsub !== undefined) this.#streams.start(this.#pubsub)
  }

  stop(): void {
    this.#isRunning = false
    this.#streams.stop()
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
    const heard = peers.filter((peer) => this.#streams.to(peer.toString()) !== undefined)
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
      const stream = this.#streams.to(peer.toString())
      const isHanded = stream !== undefined && (await Promise.race([handedOver(stream), timeout]))
      return isHanded && this.#streams.to(peer.toString()) === stream ? deviceOfPeer(peer) : undefined
    })
    try {
      return (await Promise.all(reached)).filter((device) => device !== undefined)
    } finally {
      cancel()
    }
  }

  /** Starts gossip with members that have become trusted, and looks after broken streams. */
  refresh(): void {
    this.#streams.refresh()
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
      if (verdict === 'reject') {
        this.#standings.punish(peer.toString())
        this.#init.onReject(device, topic)
      }
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
}

/** SHA-256 over topic and data. The length keeps the two apart. */
function messageId(message: Message): Uint8Array {
  const topic = Buffer.from(message.topic, 'utf8')
  const length = Buffer.alloc(4)
  length.writeUInt32BE(topic.length)
  return createHash('sha256').update(length).update(topic).update(message.data).digest()
}
