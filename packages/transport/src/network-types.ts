import type { AbortOptions, DeviceId, DeviceKey, FrameChannel, Runtime } from '@cis-memory/core'
import type { TypedEventTarget } from 'main-event'
import type { PublishResult, TopicValidator } from './gossip.ts'

/** A peer was found, by mDNS, through a bootstrap address or by its own introduction. Nobody has dialled it yet. */
export interface PeerDiscovery {
  readonly device: DeviceId
  readonly addresses: readonly string[]
}

export interface GossipSubscription {
  readonly device: DeviceId
  readonly topic: string
  readonly isSubscribed: boolean
}

export interface GossipRejection {
  readonly device: DeviceId
  readonly topic: string
}

export interface NetworkEvents {
  /** A member can be reached: both ends have accepted each other. Once per device, however many connections. */
  'peer:connect': CustomEvent<DeviceId>
  /** The last connection to a member is gone. */
  'peer:disconnect': CustomEvent<DeviceId>
  'peer:discovery': CustomEvent<PeerDiscovery>
  /** A member began or ceased to listen to a topic that this node listens to. */
  'gossip:subscription': CustomEvent<GossipSubscription>
  /** A validator rejected what this peer passed on. */
  'gossip:reject': CustomEvent<GossipRejection>
}

export interface NetworkOptions {
  /** The device whose network identity this is. */
  readonly deviceKey: DeviceKey
  /** Where to listen, such as `/ip4/0.0.0.0/tcp/4001`; port 0 takes any. Empty: only dial. */
  readonly listen: readonly string[]
  /** Whether a device is a member. Asked at every connection and every stream; keep it quick. */
  readonly allow: (device: DeviceId) => boolean
  /**
   * Whether gossip with a connected member may begin, for instance because its handshake is done. Call `refresh` when
   * it may. Once begun it lasts as long as the connection, or until `allow` says otherwise.
   *
   * @default always
   */
  readonly isTrusted?: (device: DeviceId) => boolean
  /**
   * Whether a device that is no member, or does not know yet that it is one, may connect, to speak the join protocol and
   * nothing else. True of everybody while an invitation is open.
   *
   * @default never
   */
  readonly admitStrangers?: (device: DeviceId) => boolean
  /** Find members in the local network. Nodes see each other when their service tags are equal. */
  readonly mdns?: { readonly serviceTag: string }
  /** Addresses to learn of at the start, as if discovered. */
  readonly bootstrap?: readonly string[]
  /** Addresses of members to keep connected, now and for ever. */
  readonly peers?: readonly string[]
  /** @default the real clock, randomness and timers */
  readonly runtime?: Runtime
}

export interface OpenOptions extends AbortOptions {
  /**
   * Connect even though the peer is not a member: for joining. On such a connection only protocols that are open to
   * strangers work, at both ends.
   *
   * @default false
   */
  readonly asStranger?: boolean
}

export interface HandleOptions {
  /**
   * Whether devices that are not members may use this protocol: for joining.
   *
   * @default false
   */
  readonly openToStrangers?: boolean
}

/** Answers a channel a peer opened. When it returns the channel is closed, when it throws the channel is dropped. */
export type ChannelHandler = (channel: FrameChannel) => void | Promise<void>

/**
 * This device on the network: who it is connected to, and lines of frames and broadcasts between them.
 *
 * Starts once and stops once. Every promise that waits rejects with the signal's reason when its signal is aborted.
 */
export interface Network extends TypedEventTarget<NetworkEvents>, AsyncDisposable {
  readonly device: DeviceId
  /** @throws {TransportError} `TRANSPORT_ADDRESS_IN_USE`, `TRANSPORT_CANNOT_LISTEN` */
  start(): Promise<void>
  /** Ends everything within two seconds, whatever state peers are in. May be called twice. */
  stop(): Promise<void>
  /** Where this node can be dialled, each address ending with its peer id. */
  addresses(): string[]
  /** Members that can be reached now. */
  connectedPeers(): DeviceId[]
  /** Every address known of a device. Keep them: the network forgets when it stops. */
  knownAddresses(device: DeviceId): Promise<string[]>
  /**
   * Keeps these members connected from now on: dials, and redials for ever with growing pauses. Members that have
   * connected once are kept anyway.
   *
   * @throws {TransportError} `TRANSPORT_BAD_ADDRESS`
   */
  keepConnected(addresses: readonly string[]): void
  /**
   * Connects to a member. Resolves once both ends have accepted each other.
   *
   * @param target a device whose address is known, or an address
   * @throws {TransportError} `TRANSPORT_BAD_ADDRESS`, `TRANSPORT_UNREACHABLE`, `TRANSPORT_WRONG_DEVICE`,
   * `TRANSPORT_NOT_ALLOWED` when the peer is no member, `TRANSPORT_REFUSED` when it says so of us,
   * `TRANSPORT_NOT_RUNNING`
   */
  dial(target: DeviceId | string, options?: AbortOptions): Promise<DeviceId>
  /** Hangs up, and does not redial until asked to or until the peer is back by itself. */
  disconnect(device: DeviceId): Promise<void>
  /**
   * Opens a line of frames to a peer, connecting first if need be.
   *
   * The peer's limit on streams shows only afterwards, as `SYNC_DISCONNECTED`.
   *
   * @throws {TransportError} as `dial`, and `TRANSPORT_NO_PROTOCOL`, `TRANSPORT_TOO_MANY_STREAMS`
   */
  open(target: DeviceId | string, protocol: string, options?: OpenOptions): Promise<FrameChannel>
  /** Answers a protocol. One handler per protocol. */
  handle(protocol: string, handler: ChannelHandler, options?: HandleOptions): Promise<void>
  /**
   * Hands a message to the connected members that listen to a topic. Waits a second at most for those that are slow
   * to take it.
   *
   * @throws {TransportError} `TRANSPORT_MESSAGE_TOO_LARGE`, `TRANSPORT_NOT_RUNNING`
   */
  publish(topic: string, message: Uint8Array): Promise<PublishResult>
  /** Listens to a topic. The returned function ends that. */
  subscribe(topic: string, validator: TopicValidator): () => void
  /** Members known to listen to a topic that a message published now would be handed to. */
  subscribers(topic: string): DeviceId[]
  /**
   * Asks `allow`, `isTrusted` and `admitStrangers` again about every connection: hangs up on whoever is no longer
   * allowed, lets new members connect as such, and starts gossip with those now trusted.
   */
  refresh(): void
}
