import './runtime-shim.ts'
import type { AbortOptions, DeviceId, FrameChannel, Runtime } from '@cis-memory/core'
import { resolvers } from '@cis-memory/core/sync'
import type { Identify } from '@libp2p/identify'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'
import { TypedEventEmitter } from 'main-event'
import { Connections, type Role, TrackedConnection } from './connections.ts'
import {
  dialError,
  listenError,
  noAddress,
  notAllowed,
  notRunning,
  ownAddress,
  refused,
  TransportError,
  tooManyStreams
} from './errors.ts'
import { StreamChannel } from './framing.ts'
import { Gossip, type PublishResult, type TopicValidator } from './gossip.ts'
import { createNode } from './libp2p-node.ts'
import {
  DIAL_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  MAX_CHANNELS,
  MAX_KEPT_PEERS,
  MAX_PEER_ADDRESSES,
  MAX_PROTOCOL_STREAMS,
  MAX_STRANGER_STREAMS,
  MAX_STRANGERS,
  STOP_GOODBYE_MS,
  STOP_TIMEOUT_MS,
  STRANGER_CONNECTION_MS,
  STRANGER_IDLE_MS
} from './limits.ts'
import type {
  ChannelHandler,
  HandleOptions,
  Network,
  NetworkEvents,
  NetworkOptions,
  OpenOptions
} from './network-types.ts'
import { nodeRuntime } from './node-runtime.ts'
import { deviceOfPeer, parseAddress, peerOfDevice, privateKeyOf } from './peer-id.ts'
import { Redialer } from './redialer.ts'
import { untilAborted, withDeadline } from './waiting.ts'

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

type State = 'created' | 'running' | 'stopped'

class Libp2pNetwork extends TypedEventEmitter<NetworkEvents> implements Network {
  readonly device: DeviceId
  readonly #options: NetworkOptions
  readonly #runtime: Runtime
  readonly #connections = new Connections()
  readonly #channels = new Set<StreamChannel>()
  readonly #gossip: Gossip
  readonly #redialer: Redialer
  /** Addresses given to us, by device. Unlike discovered ones they never expire. */
  readonly #explicit = new Map<DeviceId, Set<string>>()
  /** Devices we are connecting to in order to join, and how many times over. */
  readonly #joining = new Map<DeviceId, number>()
  readonly #stopping = new AbortController()
  #libp2p: Libp2p | undefined
  #identify: Identify | undefined
  #state: State = 'created'
  #stopped: Promise<void> | undefined

  constructor(options: NetworkOptions) {
    super()
    this.device = options.deviceKey.id
    this.#options = options
    this.#runtime = options.runtime ?? nodeRuntime()
    this.#redialer = new Redialer({
      runtime: this.#runtime,
      isWanted: (device) => this.#isAllowed(device),
      dial: async (device) => {
        await this.dial(device)
        if (this.#connections.isMemberUp(device)) this.#redialer.connected(device)
      }
    })
    this.#gossip = new Gossip({
      runtime: this.#runtime,
      memberOf: (connection) => this.#memberOf(connection),
      isMember: (device) => this.#isAllowed(device),
      isTrusted: (device) => this.#isAllowed(device) && (options.isTrusted?.(device) ?? true),
      connections: () =>
        this.#connections
          .all()
          .filter((tracked) => tracked.role === 'member' && tracked.isUp)
          .map((tracked) => tracked.connection),
      onSubscription: (device, topic, isSubscribed) =>
        this.safeDispatchEvent('gossip:subscription', { detail: { device, topic, isSubscribed } }),
      onReject: (device, topic) => this.safeDispatchEvent('gossip:reject', { detail: { device, topic } })
    })
    for (const address of options.peers ?? []) this.#remember(address)
  }

  async create(): Promise<void> {
    const { deviceKey, listen, mdns: mdnsOptions, bootstrap: entryPoints = [] } = this.#options
    for (const address of entryPoints) parseAddress(address)
    const { libp2p, identify } = await createNode({
      privateKey: await privateKeyOf(deviceKey),
      listen: readListen(listen),
      serviceTag: mdnsOptions?.serviceTag,
      entryPoints,
      mayDial: (peer) => this.#mayDial(peer),
      mayEnter: (peer) => this.#mayEnter(peer),
      isMember: (connection) => this.#memberOf(connection) !== undefined,
      gossip: (components) => this.#gossip.service(components)
    })
    this.#libp2p = libp2p
    this.#identify = identify
    libp2p.addEventListener('connection:open', (event) => this.#onOpen(event.detail))
    libp2p.addEventListener('connection:close', (event) => this.#onClose(event.detail))
    libp2p.addEventListener('peer:discovery', (event) => this.#onDiscovery(event.detail))
    libp2p.addEventListener('peer:update', (event) => {
      const before = new Set(event.detail.previous?.addresses.map(({ multiaddr }) => multiaddr.toString()))
      const isNew = event.detail.peer.addresses.some(({ multiaddr }) => !before.has(multiaddr.toString()))
      if (isNew) this.#onNewAddress(event.detail.peer.id)
    })
  }

  async start(): Promise<void> {
    if (this.#state === 'running') return
    if (this.#state === 'stopped') throw notRunning()
    this.#state = 'running'
    try {
      await this.#node().start()
    } catch (error) {
      this.#state = 'stopped'
      throw listenError(this.#options.listen, error)
    }
    this.#gossip.start()
    for (const device of this.#explicit.keys()) this.#keep(device)
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
    return (await this.#addressesOf(device)).map((address) => address.toString())
  }

  keepConnected(addresses: readonly string[]): void {
    for (const device of addresses.map((address) => this.#remember(address))) this.#keep(device)
  }

  async dial(target: DeviceId | string, options: AbortOptions = {}): Promise<DeviceId> {
    const tracked = await this.#connect(target, 'member', options)
    return tracked.device
  }

  async disconnect(device: DeviceId): Promise<void> {
    this.#redialer.forget(device)
    await Promise.all(this.#connections.of(device).map((tracked) => this.#hangUp(tracked)))
  }

  async open(target: DeviceId | string, protocol: string, options: OpenOptions = {}): Promise<FrameChannel> {
    const role: Role = options.asStranger === true ? 'stranger' : 'member'
    if (this.#channels.size >= MAX_CHANNELS) throw tooManyStreams(protocol)
    // A connection can break between being picked and being used, and another may stand beside it: one more try.
    for (let isLastTry = false; ; isLastTry = true) {
      const tracked = await this.#connect(target, role, options)
      // Counted over all connections to the peer; libp2p counts each for itself.
      const opened = this.#connections.of(tracked.device).flatMap((other) => [...other.channels])
      if (opened.filter((channel) => channel.isOpenedByUs(protocol)).length >= MAX_PROTOCOL_STREAMS) {
        throw tooManyStreams(protocol)
      }
      try {
        const stream = await this.#bounded(options.signal, (signal) =>
          tracked.connection.newStream(protocol, { signal, maxOutboundStreams: MAX_PROTOCOL_STREAMS })
        )
        return this.#channel(stream, tracked)
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
        if (isLastTry || this.#state !== 'running') throw dialError(error, 'the peer')
      }
    }
  }

  async handle(protocol: string, handler: ChannelHandler, options: HandleOptions = {}): Promise<void> {
    const isOpenToStrangers = options.openToStrangers ?? false
    await this.#node().handle(
      protocol,
      (stream, connection) => {
        const tracked = this.#connections.get(connection)
        if (tracked === undefined || !this.#mayUse(tracked, isOpenToStrangers)) {
          stream.abort(new Error('this protocol is for members'))
          return
        }
        if (this.#channels.size >= MAX_CHANNELS) {
          stream.abort(new Error('too many channels'))
          return
        }
        // Before the first await, or the first frames would be missed.
        void serve(this.#channel(stream, tracked), handler)
      },
      { maxInboundStreams: MAX_PROTOCOL_STREAMS, maxOutboundStreams: MAX_PROTOCOL_STREAMS }
    )
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
    if (this.#state !== 'running') return
    for (const tracked of this.#connections.all()) {
      const isAllowed = this.#isAllowed(tracked.device)
      if (tracked.role === 'member' && !isAllowed) {
        this.#redialer.forget(tracked.device)
        tracked.connection.abort(new Error('no longer a member'))
      } else if (tracked.role === 'stranger' && (isAllowed || !this.#mayStay(tracked))) {
        this.#endSoon(tracked)
      }
    }
    for (const device of this.#explicit.keys()) {
      if (this.#isAllowed(device)) this.#redialer.ensure(device)
    }
    this.#gossip.refresh()
  }

  #node(): Libp2p {
    if (this.#libp2p === undefined || this.#state === 'stopped') throw notRunning()
    return this.#libp2p
  }

  #isAllowed(device: DeviceId): boolean {
    return device !== this.device && this.#options.allow(device)
  }

  #mayDial(peer: PeerId): boolean {
    const device = deviceOfPeer(peer)
    return device !== undefined && (this.#isAllowed(device) || this.#joining.has(device))
  }

  #mayEnter(peer: PeerId): boolean {
    const device = deviceOfPeer(peer)
    if (device === undefined || this.#state !== 'running') return false
    if (this.#isAllowed(device)) return true
    return this.#options.admitStrangers?.() === true && this.#connections.inboundStrangers() < MAX_STRANGERS
  }

  #mayStay(stranger: TrackedConnection): boolean {
    return this.#joining.has(stranger.device) || this.#options.admitStrangers?.() === true
  }

  #mayUse(tracked: TrackedConnection, isOpenToStrangers: boolean): boolean {
    if (tracked.role === 'member' && this.#isAllowed(tracked.device)) return true
    return isOpenToStrangers && tracked.channels.size < MAX_STRANGER_STREAMS
  }

  #memberOf(connection: Connection): DeviceId | undefined {
    const tracked = this.#connections.get(connection)
    return tracked?.role === 'member' && this.#isAllowed(tracked.device) ? tracked.device : undefined
  }

  #onOpen(connection: Connection): void {
    const device = deviceOfPeer(connection.remotePeer)
    if (device === undefined || this.#state !== 'running') {
      connection.abort(new Error('not expected'))
      return
    }
    const role: Role = this.#isAllowed(device) ? 'member' : 'stranger'
    const isCrowd = role === 'stranger' && this.#connections.inboundStrangers() >= MAX_STRANGERS
    if (isCrowd && connection.direction === 'inbound') {
      connection.abort(new Error('too many strangers'))
      return
    }
    const tracked = new TrackedConnection(connection, device, role)
    this.#connections.add(tracked)
    const isStranger = role === 'stranger'
    const abort = (): void => connection.abort(new Error('took too long'))
    tracked.cancelTimer = this.#runtime.timer(isStranger ? STRANGER_IDLE_MS : IDENTIFY_TIMEOUT_MS, () => {
      if (!isStranger || tracked.channels.size === 0) return abort()
      this.#endSoon(tracked)
      tracked.cancelTimer = this.#runtime.timer(STRANGER_CONNECTION_MS - STRANGER_IDLE_MS, abort)
    })
    void this.#introduce(tracked)
  }

  /**
   * libp2p's dial resolves before the far side has looked at who we are, so a connection counts only after an
   * exchange over it. Members identify each other, which each refuses to strangers; strangers probe the line.
   */
  async #introduce(tracked: TrackedConnection): Promise<void> {
    const { connection, role } = tracked
    try {
      if (role === 'member') {
        await this.#identify?.identify(connection)
      } else {
        const probe = await connection.newStream('/ipfs/ping/1.0.0')
        await probe.close()
      }
      if (connection.status !== 'open') return
    } catch (error) {
      connection.abort(error instanceof Error ? error : new Error('no introduction'))
      return
    }
    if (role === 'stranger') {
      tracked.markUp()
      return
    }
    tracked.cancelTimer()
    const isFirst = !this.#connections.isMemberUp(tracked.device)
    tracked.markUp()
    if (!isFirst) return
    this.#redialer.connected(tracked.device)
    this.safeDispatchEvent('peer:connect', { detail: tracked.device })
    this.#gossip.refresh()
  }

  #onClose(connection: Connection): void {
    const tracked = this.#connections.get(connection)
    if (tracked === undefined) return
    const wasUp = tracked.isUp && tracked.role === 'member'
    tracked.markGone(refused('the peer'))
    this.#connections.remove(tracked)
    if (tracked.role === 'stranger' && this.#connections.of(tracked.device).length === 0) {
      // Nothing is remembered of a stranger who did not become a member.
      if (!this.#isAllowed(tracked.device)) void this.#forgetPeer(connection.remotePeer)
    }
    if (!wasUp || this.#connections.isMemberUp(tracked.device)) return
    this.#redialer.disconnected(tracked.device)
    this.safeDispatchEvent('peer:disconnect', { detail: tracked.device })
  }

  async #forgetPeer(peer: PeerId): Promise<void> {
    try {
      await this.#libp2p?.peerStore.delete(peer)
    } catch {
      // The store is closing, and forgets everything with that.
    }
  }

  #onDiscovery(peer: { id: PeerId; multiaddrs: Multiaddr[] }): void {
    const device = deviceOfPeer(peer.id)
    if (device === undefined || device === this.device || this.#state !== 'running') return
    const addresses = peer.multiaddrs.map((address) => withPeer(address, peer.id).toString())
    this.safeDispatchEvent('peer:discovery', { detail: { device, addresses } })
  }

  #onNewAddress(peer: PeerId): void {
    const device = deviceOfPeer(peer)
    // A peer that is introducing itself needs no dial: its addresses are news because of that.
    if (device !== undefined && this.#connections.of(device).length === 0) this.#keep(device)
  }

  #keep(device: DeviceId): void {
    if (this.#state === 'running' && this.#isAllowed(device)) this.#redialer.keep(device)
  }

  #remember(address: string): DeviceId {
    const { device, multiaddr } = parseAddress(address)
    const known = this.#explicit.get(device) ?? new Set()
    known.delete(multiaddr.toString())
    known.add(multiaddr.toString())
    const [oldest] = known
    if (known.size > MAX_PEER_ADDRESSES && oldest !== undefined) known.delete(oldest)
    if (this.#explicit.has(device) || this.#explicit.size < MAX_KEPT_PEERS) this.#explicit.set(device, known)
    return device
  }

  async #addressesOf(device: DeviceId): Promise<Multiaddr[]> {
    const peer = peerOfDevice(device)
    const addresses = new Set(this.#explicit.get(device))
    try {
      const stored = await this.#libp2p?.peerStore.get(peer)
      for (const { multiaddr } of stored?.addresses ?? []) addresses.add(withPeer(multiaddr, peer).toString())
    } catch {
      // Nothing is known beyond what we were given.
    }
    return [...addresses].slice(0, 2 * MAX_PEER_ADDRESSES).map((address) => multiaddr(address))
  }

  async #connect(target: string, role: Role, options: AbortOptions): Promise<TrackedConnection> {
    options.signal?.throwIfAborted()
    const address = target.startsWith('/') ? parseAddress(target) : undefined
    const device = address?.device ?? (target as DeviceId)
    const name = `device ${device.slice(0, 8)}`
    if (this.#state !== 'running') throw notRunning()
    if (device === this.device) throw ownAddress()
    const [usable] = this.#connections.usable(device, role)
    if (usable !== undefined) return usable
    if (role === 'member' && !this.#isAllowed(device)) throw notAllowed(name)
    if (role === 'stranger') this.#joining.set(device, (this.#joining.get(device) ?? 0) + 1)
    try {
      const tracked = await this.#bounded(options.signal, async (signal) => {
        const pending = await this.#comingUp(device, role, signal)
        if (pending !== undefined) return pending
        const addresses = address === undefined ? await this.#addressesOf(device) : [address.multiaddr]
        if (addresses.length === 0) throw noAddress(name)
        // A stranger's connection that is still winding down must not be taken for a member's.
        const force = this.#connections.of(device).some((other) => other.role !== role || other.isEnding)
        const connection = await this.#node().dial(addresses, { signal, force })
        const dialled = this.#connections.get(connection)
        if (dialled === undefined) throw refused(name)
        await untilAborted(dialled.up, signal)
        return dialled
      })
      if (address !== undefined) this.#remember(target)
      return tracked
    } catch (error) {
      options.signal?.throwIfAborted()
      if (this.#state !== 'running') throw notRunning()
      throw dialError(error, name)
    } finally {
      const count = (this.#joining.get(device) ?? 0) - (role === 'stranger' ? 1 : 0)
      if (count > 0) this.#joining.set(device, count)
      else this.#joining.delete(device)
    }
  }

  /** A connection that both ends are about to accept, once they have. The peer may have dialled us meanwhile. */
  async #comingUp(device: DeviceId, role: Role, signal: AbortSignal): Promise<TrackedConnection | undefined> {
    for (const pending of this.#connections.of(device)) {
      if (pending.role !== role || pending.isUp || pending.isEnding) continue
      await untilAborted(Promise.allSettled([pending.up]), signal)
      if (pending.isUp) return pending
    }
    return undefined
  }

  #channel(stream: Stream, tracked: TrackedConnection): StreamChannel {
    const channel = new StreamChannel({
      stream,
      peer: tracked.device,
      runtime: this.#runtime,
      onClosed: () => {
        this.#channels.delete(channel)
        tracked.channels.delete(channel)
        if (tracked.isEnding && tracked.channels.size === 0) void this.#hangUp(tracked)
      }
    })
    if (stream.status === 'open') {
      this.#channels.add(channel)
      tracked.channels.add(channel)
    }
    return channel
  }

  /** Hangs up once the last channel is through; a stranger's time runs on meanwhile. */
  #endSoon(tracked: TrackedConnection): void {
    tracked.isEnding = true
    if (tracked.channels.size === 0) void this.#hangUp(tracked)
  }

  async #hangUp(tracked: TrackedConnection): Promise<void> {
    const goodbye = new AbortController()
    const cancel = this.#runtime.timer(STOP_GOODBYE_MS, () => goodbye.abort())
    try {
      await untilAborted(tracked.connection.close({ signal: goodbye.signal }), goodbye.signal)
    } catch {
      tracked.connection.abort(new Error('the peer did not say goodbye in time'))
    } finally {
      cancel()
    }
  }

  async #stop(): Promise<void> {
    const wasRunning = this.#state === 'running'
    this.#state = 'stopped'
    this.#stopping.abort(notRunning())
    this.#redialer.stop()
    this.#gossip.stop()
    if (!wasRunning) return
    for (const channel of this.#channels) channel.abort(new Error('the network is stopping'))
    // Gossipsub's own stop waits for its streams to drain, which those of a frozen peer never do. So connections
    // are ended first, politely and then not.
    const open = this.#connections.all()
    await Promise.all(open.map((tracked) => this.#hangUp(tracked)))
    const timeout = resolvers<void>()
    const cancel = this.#runtime.timer(STOP_TIMEOUT_MS, timeout.resolve)
    try {
      await Promise.race([this.#libp2p?.stop(), timeout.promise])
    } finally {
      cancel()
      for (const tracked of this.#connections.all()) tracked.markGone(notRunning())
    }
  }

  #bounded<T>(signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const signals = [this.#stopping.signal, signal]
    return withDeadline({ runtime: this.#runtime, ms: DIAL_TIMEOUT_MS, signals }, work)
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

function withPeer(address: Multiaddr, peer: PeerId): Multiaddr {
  const last = address.getComponents().at(-1)
  return last?.name === 'p2p' ? address : address.encapsulate(`/p2p/${peer.toString()}`)
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
