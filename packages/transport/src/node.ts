import './runtime-shim.ts'
import {
  type AbortOptions,
  answerJoin,
  type DeviceId,
  encodeInvitation,
  INVITATION_SECRET_BYTES,
  type InvitationStore,
  invitationId,
  type Joiner,
  parsePath,
  type Replica,
  type SyncReport,
  SyncSession,
  serveSession
} from '@cis-memory/core'
import { TypedEventEmitter } from 'main-event'
import { broadcastOf, receiveBroadcast } from './broadcast.ts'
import type { Verdict } from './gossip.ts'
import { GAP_PAUSE_MS, GOSSIP_POLL_MS, GOSSIP_READY_MS, INVITATION_MS } from './limits.ts'
import { createNetwork } from './network.ts'
import type { Network } from './network-types.ts'
import { deviceOfAddress } from './peer-id.ts'
import { JOIN_PROTOCOL, SYNC_PROTOCOL } from './protocols.ts'

export interface NodeOptions {
  readonly replica: Replica
  /** Where to listen, such as `/ip4/0.0.0.0/tcp/4001`; port 0 takes any. @default only dial */
  readonly listen?: readonly string[]
  /** Addresses of members to keep connected. */
  readonly peers?: readonly string[]
  /** Addresses to learn of at the start, as if discovered. */
  readonly bootstrap?: readonly string[]
  /** Find members in the local network. @default false */
  readonly mdns?: boolean
  /** Scopes that members may ask for, as absolute paths. `[]` answers nobody. @default `['/']` */
  readonly share?: readonly string[]
  /** Asks the owner about a device that has proven an invitation. @default it may join */
  readonly onJoiner?: (joiner: Joiner) => boolean | Promise<boolean>
}

export interface NodeEvents {
  /** A member is connected and has proven that it belongs to the space. */
  'peer:connect': CustomEvent<DeviceId>
  'peer:disconnect': CustomEvent<DeviceId>
  /** A sync ended, whoever began it. */
  'sync:done': CustomEvent<SyncReport & { readonly device: DeviceId }>
  /** A device was admitted with an invitation of this one. */
  'peer:joined': CustomEvent<Joiner>
}

export interface NodeSyncOptions extends AbortOptions {
  /** Which way entries go, as this end sees it. @default 'both' */
  readonly direction?: 'push' | 'pull' | 'both'
  /** An absolute path to stay in. @default the whole space */
  readonly scope?: string
  /** Single memories, as absolute paths. @default everything in scope */
  readonly keys?: readonly string[]
  readonly onProgress?: (progress: { readonly sent: number; readonly received: number }) => void
}

/** An invitation that was just made. */
export interface MadeInvitation {
  /** Give it to one device, by a way you trust. */
  readonly code: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** Resolves with the device that joined with it. */
  joined(options?: AbortOptions): Promise<DeviceId>
}

/** Who is let in, as the network asks. */
interface Gate {
  /** Members that have proven on this connection that they have the space's secret. */
  readonly proven: Set<DeviceId>
  /** Milliseconds since 1970 until which devices that are no members may knock. */
  strangersUntil: number
}

/** Members of a space find each other by a name that others cannot connect with it. */
function serviceTagOf({ topic }: Replica): string {
  return `_${topic.slice(-16)}._udp.local`
}

/**
 * A running node: a replica on the network. It answers members who ask for what it shares, and sends only what its
 * owner asks it to.
 */
export class Node extends TypedEventEmitter<NodeEvents> implements AsyncDisposable {
  readonly #replica: Replica
  readonly #network: Network
  readonly #gate: Gate
  readonly #onJoiner: NodeOptions['onJoiner']
  readonly #shared: readonly Uint8Array[]
  readonly #sessions = new Map<DeviceId, Promise<SyncSession>>()
  readonly #filling = new Set<DeviceId>()
  readonly #joins = new TypedEventEmitter<{ joined: CustomEvent<{ id: Uint8Array; device: DeviceId }> }>()
  #hasGap = false
  #unsubscribe: (() => void) | undefined
  #stopping: Promise<void> | undefined

  private constructor(options: NodeOptions, network: Network, gate: Gate) {
    super()
    this.#replica = options.replica
    this.#network = network
    this.#gate = gate
    this.#onJoiner = options.onJoiner
    this.#shared = (options.share ?? ['/']).map((scope) => this.#tokenOf(scope))
  }

  /**
   * Starts a node on a replica.
   *
   * @throws {TransportError} `TRANSPORT_ADDRESS_IN_USE`, `TRANSPORT_CANNOT_LISTEN`, `TRANSPORT_BAD_ADDRESS`
   * @throws {CoreError} `CORE_BAD_PATH` for a shared scope that is no absolute path
   */
  static async start(options: NodeOptions): Promise<Node> {
    const { replica, mdns = false } = options
    const gate: Gate = { proven: new Set(), strangersUntil: await replica.invitations.openUntil() }
    const network = await createNetwork({
      deviceKey: replica.key,
      listen: options.listen ?? [],
      allow: (device) => replica.isMember(device),
      isTrusted: (device) => gate.proven.has(device),
      admitStrangers: () => replica.runtime.now() < gate.strangersUntil,
      bootstrap: options.bootstrap ?? [],
      peers: options.peers ?? [],
      runtime: replica.runtime,
      ...(mdns && { mdns: { serviceTag: serviceTagOf(replica) } })
    })
    const node = new Node(options, network, gate)
    try {
      await node.#start()
    } catch (error) {
      await node.stop()
      throw error
    }
    return node
  }

  get device(): DeviceId {
    return this.#replica.device
  }

  /** Where this node can be dialled. */
  addresses(): string[] {
    return this.#network.addresses()
  }

  /** Members that are connected and have proven that they belong to the space. */
  connectedPeers(): DeviceId[] {
    return this.#network.connectedPeers().filter((device) => this.#gate.proven.has(device))
  }

  /** Every address known of a device. */
  knownAddresses(device: DeviceId): Promise<string[]> {
    return this.#network.knownAddresses(device)
  }

  /** Keeps these members connected from now on. @throws {TransportError} `TRANSPORT_BAD_ADDRESS` */
  keepConnected(addresses: readonly string[]): void {
    this.#network.keepConnected(addresses)
  }

  /** Hangs up on a member, until asked to dial it again or until it is back by itself. */
  disconnect(device: DeviceId): Promise<void> {
    return this.#network.disconnect(device)
  }

  /**
   * Syncs with one peer, once, connecting first if need be.
   *
   * @param peer a device whose address is known, or an address
   * @throws {TransportError} the codes of dialling
   * @throws {SyncError} whatever ends the session; whole pages that had arrived are kept
   */
  async syncWithNode(
    peer: DeviceId | string,
    options: NodeSyncOptions = {}
  ): Promise<SyncReport & { readonly device: DeviceId }> {
    const { direction, scope, keys, signal, onProgress } = options
    const session = await this.#session(peer, signal)
    const device = peer.startsWith('/') ? deviceOfAddress(peer) : (peer as DeviceId)
    const report = await session.sync({
      ...(direction !== undefined && { direction }),
      ...(scope !== undefined && { scope: this.#tokenOf(scope) }),
      ...(keys !== undefined && { paths: keys.map((key) => this.#tokenOf(key)) }),
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onProgress })
    })
    this.#onSynced(device, report)
    return { ...report, device }
  }

  /**
   * Tells every connected member of the versions of one public memory that are live. Gossip is lossy: `reached`
   * counts the peers it was handed to, and promises nothing about delivery.
   *
   * @param path absolute
   * @throws {CoreError} `CORE_NOT_FOUND` when nothing is there
   */
  async broadcastUpdate(path: string): Promise<{ readonly reached: number }> {
    const messages = await broadcastOf(this.#replica, this.#tokenOf(path))
    await this.#gossipReady()
    let reached = 0
    for (const message of messages) {
      const published = await this.#network.publish(this.#replica.topic, message)
      reached = Math.max(reached, published.reached)
    }
    return { reached }
  }

  /**
   * Makes a one-time code that lets one device join. While it is open, devices that are no members may connect, to
   * prove that they have it and to do nothing else.
   *
   * @throws {CoreError} `CORE_NOT_ADMIN`, `CORE_BAD_OPTION`
   */
  async invite(options: { readonly expiresInMs?: number } = {}): Promise<MadeInvitation> {
    const { expiresInMs = INVITATION_MS } = options
    const replica = this.#replica
    const secret = replica.random(INVITATION_SECRET_BYTES)
    const id = invitationId(secret)
    const expiresAt = replica.runtime.now() + expiresInMs
    await replica.invitations.addInvitation({ id, secret, expiresAt })
    const joined = this.#joinedWith(id)
    await this.#refreshMembers()
    const { space, device: inviter } = replica
    const code = encodeInvitation({ space, inviter, secret, expiresAt, addresses: this.addresses() })
    return { code, expiresAt, joined }
  }

  /** Ends everything within two seconds. The replica is the caller's to close. May be called twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #start(): Promise<void> {
    const network = this.#network
    network.addEventListener('peer:connect', ({ detail }) => {
      // Whoever connects proves at once that it belongs to the space: before that it hears no gossip.
      this.#session(detail).catch(() => {})
    })
    network.addEventListener('peer:disconnect', ({ detail }) => {
      this.#sessions.delete(detail)
      const wasProven = this.#gate.proven.delete(detail)
      if (wasProven) this.#emit('peer:disconnect', detail)
    })
    await network.handle(SYNC_PROTOCOL, async (channel) => {
      await serveSession({
        channel,
        replica: this.#replica,
        runtime: this.#replica.runtime,
        shared: () => this.#shared,
        onReady: () => this.#onProven(channel.peer),
        onSynced: (report) => this.#onSynced(channel.peer, report)
      })
    })
    await network.handle(JOIN_PROTOCOL, (channel) => this.#answerJoin(channel), { openToStrangers: true })
    await network.start()
    this.#unsubscribe = network.subscribe(this.#replica.topic, (message, from) =>
      this.#onGossip(message, from)
    )
  }

  async #stop(): Promise<void> {
    this.#unsubscribe?.()
    await this.#network.stop()
    await Promise.allSettled([...this.#sessions.values()].map(async (session) => (await session).close()))
  }

  #tokenOf(path: string): Uint8Array {
    return this.#replica.view('public').codec.tokens.of(parsePath(path))
  }

  /** The open session with a peer, or a new one. */
  async #session(peer: DeviceId | string, signal?: AbortSignal): Promise<SyncSession> {
    const device = peer.startsWith('/') ? deviceOfAddress(peer) : (peer as DeviceId)
    const known = this.#sessions.get(device)
    if (known !== undefined) return known
    const opening = this.#openSession(peer, signal)
    this.#sessions.set(device, opening)
    const forget = (): void => {
      if (this.#sessions.get(device) === opening) this.#sessions.delete(device)
    }
    opening.then((session) => session.ended.then(forget), forget)
    const session = await opening
    this.#onProven(device)
    return session
  }

  async #openSession(peer: DeviceId | string, signal: AbortSignal | undefined): Promise<SyncSession> {
    const options = signal === undefined ? {} : { signal }
    const channel = await this.#network.open(peer, SYNC_PROTOCOL, options)
    const { runtime } = this.#replica
    return SyncSession.open({ channel, replica: this.#replica, runtime, shared: () => this.#shared })
  }

  #onProven(device: DeviceId): void {
    if (this.#gate.proven.has(device)) return
    this.#gate.proven.add(device)
    this.#network.refresh()
    this.#emit('peer:connect', device)
    if (this.#hasGap) this.#fillGap(device)
  }

  #onSynced(device: DeviceId, report: SyncReport): void {
    this.#network.refresh()
    this.#emit('sync:done', { ...report, device })
  }

  async #onGossip(message: Uint8Array, from: DeviceId): Promise<Verdict> {
    const { verdict, hasGap, hasRecords } = await receiveBroadcast(this.#replica, message)
    if (hasRecords) this.#network.refresh()
    if (hasGap) this.#fillGap(from)
    return verdict
  }

  /** Asks a peer for what its gossip shows to be missing: at most once at a time, and not without pause. */
  #fillGap(device: DeviceId): void {
    this.#hasGap = true
    if (this.#filling.has(device)) return
    this.#filling.add(device)
    this.#replica.runtime.timer(GAP_PAUSE_MS, () => {
      this.#filling.delete(device)
      if (this.#stopping !== undefined) return
      this.#hasGap = false
      this.syncWithNode(device, { direction: 'pull' }).catch(() => {
        // Whoever connects next is asked instead.
        this.#hasGap = true
      })
    })
  }

  /** Waits a moment until some connected member listens: right after connecting nobody does yet. */
  async #gossipReady(): Promise<void> {
    const { topic, runtime } = this.#replica
    for (let waitedMs = 0; waitedMs < GOSSIP_READY_MS; waitedMs += GOSSIP_POLL_MS) {
      if (this.connectedPeers().length === 0 || this.#network.subscribers(topic).length > 0) return
      await new Promise<void>((resolve) => runtime.timer(GOSSIP_POLL_MS, resolve))
    }
  }

  async #answerJoin(channel: Parameters<typeof answerJoin>[0]['channel']): Promise<void> {
    const { invitations, runtime, device } = this.#replica
    const store: InvitationStore = {
      addInvitation: (invitation) => invitations.addInvitation(invitation),
      findInvitation: (id) => invitations.findInvitation(id),
      admit: async (id, joiner) => {
        const welcome = await invitations.admit(id, joiner)
        this.#joins.dispatchEvent(new CustomEvent('joined', { detail: { id, device: joiner.device } }))
        return welcome
      }
    }
    const onJoiner = this.#onJoiner
    const outcome = await answerJoin({
      channel,
      runtime,
      device,
      store,
      addresses: () => this.addresses(),
      ...(onJoiner !== undefined && { onJoiner })
    })
    await this.#refreshMembers()
    if (outcome.joiner !== undefined) this.#emit('peer:joined', outcome.joiner)
  }

  async #refreshMembers(): Promise<void> {
    this.#gate.strangersUntil = await this.#replica.invitations.openUntil()
    this.#network.refresh()
  }

  /** Listens from now on, so that nobody can join unheard. */
  #joinedWith(id: Uint8Array): MadeInvitation['joined'] {
    const joined = new Promise<DeviceId>((resolve) => {
      this.#joins.addEventListener('joined', ({ detail }) => {
        if (Buffer.compare(detail.id, id) === 0) resolve(detail.device)
      })
    })
    return async ({ signal } = {}) => {
      signal?.throwIfAborted()
      if (signal === undefined) return joined
      const aborted = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
      return Promise.race([joined, aborted])
    }
  }

  #emit<K extends keyof NodeEvents>(type: K, detail: NodeEvents[K]['detail']): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}
