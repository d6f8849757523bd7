import './runtime-shim.ts'
import type { AbortOptions, DeviceId, FrameChannel, Runtime } from '@cis-memory/core'
import { resolvers } from '@cis-memory/core/sync'
import type { Identify } from '@libp2p/identify'
import type { PeerId } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import { TypedEventEmitter } from 'main-event'
import { Addresses } from './addresses.ts'
import { Admission } from './admission.ts'
import { Channels } from './channels.ts'
import { ConnectionLifecycle } from './connection-lifecycle.ts'
import { Connections } from './connections.ts'
import { Dialler } from './dialler.ts'
import { listenError, notRunning, TransportError } from './errors.ts'
import { Gossip, type PublishResult, type TopicValidator } from './gossip.ts'
import { createNode } from './libp2p-node.ts'
import { Life } from './life.ts'
import { STOP_TIMEOUT_MS } from './limits.ts'
import type {
  ChannelHandler,
  HandleOptions,
  Network,
  NetworkEvents,
  NetworkOptions,
  OpenOptions
} from './network-types.ts'
import { nodeRuntime } from './node-runtime.ts'
import { deviceOfPeer, parseAddress, privateKeyOf, withPeer } from './peer-id.ts'
import { Redialer } from './redialer.ts'

/**
 * Makes a node. It listens to nobody until it is started.
 *
 * @throws {TransportError} `TRANSPORT_BAD_ADDRESS`
 */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const network = new Libp2pNetwork(options)
  await network.create()
  return network
}

/** Puts the parts together: each of them knows what it needs of the others, and none of them this. */
class Libp2pNetwork extends TypedEventEmitter<NetworkEvents> implements Network {
  readonly device: DeviceId
  readonly #options: NetworkOptions
  readonly #runtime: Runtime
  readonly #life: Life
  readonly #connections = new Connections()
  readonly #admission: Admission
  readonly #addresses: Addresses
  readonly #lifecycle: ConnectionLifecycle
  readonly #dialler: Dialler
  readonly #channels: Channels
  readonly #gossip: Gossip
  readonly #redialer: Redialer
  #libp2p: Libp2p | undefined
  #identify: Identify | undefined
  #stopped: Promise<void> | undefined

  constructor(options: NetworkOptions) {
    super()
    const { deviceKey, allow, isTrusted, admitStrangers, runtime = nodeRuntime(), peers = [] } = options
    const self = deviceKey.id
    const life = new Life(runtime)
    const connections = this.#connections
    const libp2p = (): Libp2p => this.#node()
    const admission = new Admission({
      self,
      allow,
      admitStrangers: (device) => admitStrangers?.(device) === true,
      connections
    })
    const addresses = new Addresses(() => this.#libp2p?.peerStore)
    this.device = self
    this.#options = options
    this.#runtime = runtime
    this.#life = life
    this.#admission = admission
    this.#addresses = addresses
    this.#lifecycle = new ConnectionLifecycle({
      runtime,
      life,
      connections,
      admission,
      identify: () => this.#identify,
      onMemberUp: (device) => this.#onMemberUp(device),
      onMemberGone: (device) => this.#onMemberGone(device),
      // Nothing is remembered of a stranger who did not become a member.
      onStrangerGone: (peer) => void addresses.forget(peer)
    })
    this.#dialler = new Dialler({ self, life, connections, admission, addresses, libp2p })
    this.#channels = new Channels({
      runtime,
      life,
      connections,
      admission,
      dialler: this.#dialler,
      libp2p,
      onIdle: (tracked) => this.#lifecycle.idle(tracked)
    })
    this.#redialer = new Redialer({
      runtime,
      isWanted: (device) => admission.isAllowed(device),
      dial: async (device) => {
        await this.dial(device)
        if (connections.isMemberUp(device)) this.#redialer.connected(device)
      }
    })
    this.#gossip = new Gossip({
      runtime,
      memberOf: (connection) => admission.memberOf(connection),
      isMember: (device) => admission.isAllowed(device),
      isTrusted: (device) => admission.isAllowed(device) && (isTrusted?.(device) ?? true),
      connections: () =>
        connections
          .all()
          .filter((tracked) => tracked.role === 'member' && tracked.isUp)
          .map((tracked) => tracked.connection),
      onSubscription: (device, topic, isSubscribed) =>
        this.safeDispatchEvent('gossip:subscription', { detail: { device, topic, isSubscribed } }),
      onReject: (device, topic) => this.safeDispatchEvent('gossip:reject', { detail: { device, topic } })
    })
    for (const address of peers) addresses.remember(address)
  }

  async create(): Promise<void> {
    const { deviceKey, listen, mdns: mdnsOptions, bootstrap: entryPoints = [] } = this.#options
    for (const address of entryPoints) parseAddress(address)
    const { libp2p, identify } = await createNode({
      privateKey: await privateKeyOf(deviceKey),
      listen: readListen(listen),
      serviceTag: mdnsOptions?.serviceTag,
      entryPoints,
      mayDial: (peer) => this.#admission.mayDial(peer),
      mayEnter: (peer) => this.#life.isRunning && this.#admission.mayEnter(peer),
      isMember: (connection) => this.#admission.memberOf(connection) !== undefined,
      gossip: (components) => this.#gossip.service(components)
    })
    this.#libp2p = libp2p
    this.#identify = identify
    libp2p.addEventListener('connection:open', (event) => this.#lifecycle.opened(event.detail))
    libp2p.addEventListener('connection:close', (event) => this.#lifecycle.closed(event.detail))
    libp2p.addEventListener('peer:discovery', (event) => this.#onDiscovery(event.detail))
    libp2p.addEventListener('peer:update', (event) => {
      const before = new Set(event.detail.previous?.addresses.map(({ multiaddr }) => multiaddr.toString()))
      const isNew = event.detail.peer.addresses.some(({ multiaddr }) => !before.has(multiaddr.toString()))
      if (isNew) this.#onNewAddress(event.detail.peer.id)
    })
  }

  async start(): Promise<void> {
    if (this.#life.isRunning) return
    if (this.#life.isOver) throw notRunning()
    this.#life.begin()
    try {
      await this.#node().start()
    } catch (error) {
      this.#life.end()
      throw listenError(this.#options.listen, error)
    }
    this.#gossip.start()
    for (const device of this.#addresses.given()) this.#keep(device)
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  addresses(): string[] {
    return this.#libp2p?.getMultiaddrs().map((address) => address.toString()) ?? []
  }

  connectedPeers(): DeviceId[] {
    return this.#connections.members()
  }

  async knownAddresses(device: DeviceId): Promise<string[]> {
    return (await this.#addresses.of(device)).map((address) => address.toString())
  }

  keepConnected(addresses: readonly string[]): void {
    for (const device of addresses.map((address) => this.#addresses.remember(address))) this.#keep(device)
  }

  async dial(target: DeviceId | string, options: AbortOptions = {}): Promise<DeviceId> {
    const tracked = await this.#dialler.connect(target, 'member', options)
    return tracked.device
  }

  async disconnect(device: DeviceId): Promise<void> {
    this.#redialer.forget(device)
    await Promise.all(this.#connections.of(device).map((tracked) => this.#lifecycle.hangUp(tracked)))
  }

  open(target: DeviceId | string, protocol: string, options: OpenOptions = {}): Promise<FrameChannel> {
    return this.#channels.open(target, protocol, options)
  }

  handle(protocol: string, handler: ChannelHandler, options: HandleOptions = {}): Promise<void> {
    return this.#channels.handle(protocol, handler, options)
  }

  publish(topic: string, message: Uint8Array): Promise<PublishResult> {
    return this.#gossip.publish(topic, message)
  }

  subscribe(topic: string, validator: TopicValidator): () => void {
    return this.#gossip.subscribe(topic, validator)
  }

  subscribers(topic: string): DeviceId[] {
    return this.#gossip.subscribers(topic)
  }

  refresh(): void {
    if (!this.#life.isRunning) return
    for (const tracked of this.#connections.all()) {
      const isAllowed = this.#admission.isAllowed(tracked.device)
      if (tracked.role === 'member' && !isAllowed) {
        this.#redialer.forget(tracked.device)
        tracked.connection.abort(new Error('no longer a member'))
      } else if (tracked.role === 'stranger' && (isAllowed || !this.#admission.mayStay(tracked))) {
        this.#lifecycle.endSoon(tracked)
      }
    }
    for (const device of this.#addresses.given()) {
      if (this.#admission.isAllowed(device)) this.#redialer.ensure(device)
    }
    this.#gossip.refresh()
  }

  #node(): Libp2p {
    if (this.#libp2p === undefined || this.#life.isOver) throw notRunning()
    return this.#libp2p
  }

  #onMemberUp(device: DeviceId): void {
    this.#redialer.connected(device)
    this.safeDispatchEvent('peer:connect', { detail: device })
    this.#gossip.refresh()
  }

  #onMemberGone(device: DeviceId): void {
    this.#redialer.disconnected(device)
    this.safeDispatchEvent('peer:disconnect', { detail: device })
  }

  #onDiscovery(peer: { id: PeerId; multiaddrs: Multiaddr[] }): void {
    const device = deviceOfPeer(peer.id)
    if (device === undefined || device === this.device || !this.#life.isRunning) return
    const addresses = peer.multiaddrs.map((address) => withPeer(address, peer.id).toString())
    this.safeDispatchEvent('peer:discovery', { detail: { device, addresses } })
  }

  #onNewAddress(peer: PeerId): void {
    const device = deviceOfPeer(peer)
    // A peer that is introducing itself needs no dial: its addresses are news because of that.
    if (device !== undefined && this.#connections.of(device).length === 0) this.#keep(device)
  }

  #keep(device: DeviceId): void {
    if (this.#life.isRunning && this.#admission.isAllowed(device)) this.#redialer.keep(device)
  }

  async #stop(): Promise<void> {
    const wasRunning = this.#life.isRunning
    this.#life.end()
    this.#redialer.stop()
    this.#gossip.stop()
    if (!wasRunning) return
    this.#channels.abortAll(new Error('the network is stopping'))
    // Gossipsub's own stop waits for its streams to drain, which those of a frozen peer never do. So connections
    // are ended first, politely and then not.
    const open = this.#connections.all()
    await Promise.all(open.map((tracked) => this.#lifecycle.hangUp(tracked)))
    const timeout = resolvers<void>()
    const cancel = this.#runtime.timer(STOP_TIMEOUT_MS, timeout.resolve)
    try {
      await Promise.race([this.#libp2p?.stop(), timeout.promise])
    } finally {
      cancel()
      for (const tracked of this.#connections.all()) tracked.markGone(notRunning())
    }
  }
}

function readListen(listen: readonly string[]): string[] {
  for (const address of listen) {
    try {
      multiaddr(address)
    } catch (cause) {
      throw new TransportError(
        'TRANSPORT_BAD_ADDRESS',
        `"${address}" is not an address to listen on. It looks like /ip4/0.0.0.0/tcp/4001`,
        { cause }
      )
    }
  }
  return [...listen]
}
