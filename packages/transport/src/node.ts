import './runtime-shim.ts'
import { createHash } from 'node:crypto'
import { type AbortOptions, type DeviceId, parsePath, type Replica } from '@cis-memory/core'
import type { Joiner, SyncOptions, SyncReport } from '@cis-memory/core/sync'
import { TypedEventEmitter } from 'main-event'
import { broadcastOf, receiveBroadcast } from './broadcast.ts'
import type { Verdict } from './gossip.ts'
import { GAP_PAUSE_MS, GOSSIP_POLL_MS, GOSSIP_READY_MS } from './limits.ts'
import { createNetwork } from './network.ts'
import type { Network } from './network-types.ts'
import { type InviteOptions, type MadeInvitation, Reception } from './reception.ts'
import { Sessions } from './sessions.ts'

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
  /** A session that no caller here waits for ended with an error. */
  'sync:failed': CustomEvent<{ readonly device: DeviceId; readonly error: unknown }>
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

/** Members of a space find each other by a name that others cannot connect with it, nor with its topic. */
function serviceTagOf({ topic }: Replica): string {
  const hash = createHash('sha256').update('cis/mdns/1\0').update(topic).digest('hex')
  return `_cis-${hash.slice(0, 16)}._udp.local`
}

/**
 * A running node: a replica on the network. It answers members who ask for what it shares, and sends only what its
 * owner asks it to.
 */
export class Node extends TypedEventEmitter<NodeEvents> implements AsyncDisposable {
  readonly #replica: Replica
  readonly #network: Network
  /** Members that have proven on this connection that they have the space's secret. */
  readonly #proven: Set<DeviceId>
  readonly #sessions: Sessions
  readonly #reception: Reception
  readonly #filling = new Set<DeviceId>()
  /** Devices of whose writes some are known to be missing here. */
  readonly #behind = new Set<DeviceId>()
  #stopping: Promise<void> | undefined

  private constructor(options: NodeOptions, network: Network, proven: Set<DeviceId>) {
    super()
    const { replica } = options
    const shared = (options.share ?? ['/']).map((scope) => tokenOf(replica, scope))
    this.#replica = replica
    this.#network = network
    this.#proven = proven
    this.#sessions = new Sessions({
      network,
      replica,
      shared: () => shared,
      onProven: (device) => this.#onProven(device),
      onServed: (device, report) => this.#onSynced(device, report),
      onFailed: (device, error) => this.#emit('sync:failed', { device, error })
    })
    this.#reception = new Reception({
      network,
      replica,
      onJoiner: options.onJoiner,
      onAdmitted: (joiner) => this.#emit('peer:joined', joiner)
    })
  }

  /**
   * Starts a node on a replica.
   *
   * @throws {TransportError} `TRANSPORT_ADDRESS_IN_USE`, `TRANSPORT_CANNOT_LISTEN`, `TRANSPORT_BAD_ADDRESS`
   * @throws {CoreError} `CORE_BAD_PATH` for a shared scope that is no absolute path
   */
  static async start(options: NodeOptions): Promise<Node> {
    const { replica, mdns = false } = options
    const proven = new Set<DeviceId>()
    let reception: Reception | undefined
    const network = await createNetwork({
      deviceKey: replica.key,
      listen: options.listen ?? [],
      allow: (device) => replica.isMember(device),
      isTrusted: (device) => proven.has(device),
      admitStrangers: (device) => reception?.admits(device) === true,
      bootstrap: options.bootstrap ?? [],
      peers: options.peers ?? [],
      runtime: replica.runtime,
      ...(mdns && { mdns: { serviceTag: serviceTagOf(replica) } })
    })
    const node = new Node(options, network, proven)
    reception = node.#reception
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
    return this.#network.connectedPeers().filter((device) => this.#proven.has(device))
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
    const request: SyncOptions = {
      ...(direction !== undefined && { direction }),
      ...(scope !== undefined && { scope: tokenOf(this.#replica, scope) }),
      ...(keys !== undefined && { paths: keys.map((key) => tokenOf(this.#replica, key)) }),
      ...(signal !== undefined && { signal }),
      ...(onProgress !== undefined && { onProgress })
    }
    const device = await this.#network.dial(peer, signal === undefined ? {} : { signal })
    const report = await this.#sessions.sync(device, request)
    const isWhole = direction !== 'push' && scope === undefined && keys === undefined
    if (isWhole) this.#behind.delete(device)
    this.#onSynced(device, report)
    return { ...report, device }
  }

  /**
   * Tells every connected member of the versions of one public memory that are live. `reached` counts the peers that
   * all of it was handed to, also if this node is stopped right away. Gossip is lossy: it promises nothing about
   * what they do with it.
   *
   * @param path absolute
   * @throws {CoreError} `CORE_NOT_FOUND` when nothing is there
   */
  async broadcastUpdate(path: string): Promise<{ readonly reached: number }> {
    const messages = await broadcastOf(this.#replica, tokenOf(this.#replica, path))
    await this.#gossipReady()
    let reached: readonly DeviceId[] | undefined
    for (const message of messages) {
      const published = await this.#network.publish(this.#replica.topic, message)
      reached = published.reached.filter((device) => reached?.includes(device) ?? true)
    }
    return { reached: reached?.length ?? 0 }
  }

  /**
   * Makes a one-time code that lets one device join. While it is open, devices that are no members may connect, to
   * prove that they have it and to do nothing else.
   *
   * @throws {CoreError} `CORE_NOT_ADMIN`, `CORE_BAD_OPTION` when too many are open
   * @throws {TransportError} `TRANSPORT_CANNOT_LISTEN` when nobody could reach this device
   */
  invite(options: InviteOptions = {}): Promise<MadeInvitation> {
    return this.#reception.invite(options)
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
    // Whoever connects proves at once that it belongs to the space: before that it hears no gossip.
    network.addEventListener('peer:connect', ({ detail }) => {
      // The peer may have been quicker.
      if (this.#proven.has(detail)) this.#announce(detail)
      else this.#sessions.prove(detail)
    })
    network.addEventListener('peer:disconnect', ({ detail }) => {
      this.#sessions.forget(detail)
      const wasProven = this.#proven.delete(detail)
      if (wasProven) this.#emit('peer:disconnect', detail)
    })
    network.subscribe(this.#replica.topic, (message, from) => this.#onGossip(message, from))
    await this.#sessions.listen()
    await this.#reception.listen()
    await network.start()
  }

  async #stop(): Promise<void> {
    this.#reception.close()
    await this.#sessions.close()
    await this.#network.stop()
  }

  #onProven(device: DeviceId): void {
    if (this.#proven.has(device)) return
    this.#proven.add(device)
    this.#network.refresh()
    if (this.#network.connectedPeers().includes(device)) this.#announce(device)
  }

  #announce(device: DeviceId): void {
    this.#emit('peer:connect', device)
    if (this.#behind.size > 0) this.#fillGap(device)
  }

  #onSynced(device: DeviceId, report: SyncReport): void {
    this.#network.refresh()
    this.#emit('sync:done', { ...report, device })
  }

  async #onGossip(message: Uint8Array, from: DeviceId): Promise<Verdict> {
    const { verdict, behind, hasRecords } = await receiveBroadcast(this.#replica, message)
    if (hasRecords) this.#network.refresh()
    for (const actor of behind) {
      const author = this.#replica.membership.deviceOf(actor) ?? from
      this.#behind.add(author)
      // Whoever passed the message on may lack the same as we do; its author does not.
      this.#fillGap(this.#proven.has(author) ? author : from)
    }
    return verdict
  }

  /**
   * Asks a peer for what gossip has shown to be missing: at most once at a time, and not without pause. What only its
   * author is sure to have counts as missing until the author was asked; whoever connects meanwhile is asked too.
   */
  #fillGap(device: DeviceId): void {
    if (this.#filling.has(device)) return
    this.#filling.add(device)
    this.#replica.runtime.timer(GAP_PAUSE_MS, () => {
      if (this.#stopping !== undefined || this.#behind.size === 0) {
        this.#filling.delete(device)
        return
      }
      this.syncWithNode(device, { direction: 'pull' })
        .catch(() => {
          // Whoever connects next is asked instead.
        })
        .finally(() => this.#filling.delete(device))
    })
  }

  /** Waits a moment until every connected member listens: right after connecting it does not yet. */
  async #gossipReady(): Promise<void> {
    const { topic, runtime } = this.#replica
    for (let waitedMs = 0; waitedMs < GOSSIP_READY_MS; waitedMs += GOSSIP_POLL_MS) {
      const listening = this.#network.subscribers(topic)
      if (this.connectedPeers().every((device) => listening.includes(device))) return
      await new Promise<void>((resolve) => runtime.timer(GOSSIP_POLL_MS, resolve))
    }
  }

  #emit<K extends keyof NodeEvents>(type: K, detail: NodeEvents[K]['detail']): void {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

/** κ of a public path. */
function tokenOf(replica: Replica, path: string): Uint8Array {
  return replica.view('public').codec.tokens.of(parsePath(path))
}
