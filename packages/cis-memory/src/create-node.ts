import type { AbortOptions, DeviceId, Memory } from '@cis-memory/core'
import type { MadeInvitation, Node, NodeEvents } from '@cis-memory/transport'
import { given } from './given.ts'
import type { Holder } from './holder/holder.ts'
import { holderOf } from './open-memory.ts'
import type { SyncSummary } from './operations/contract.ts'
import { pullFromPeers } from './operations/pull.ts'

export interface CreateNodeOptions {
  /** What `openMemory` returned. Names given to the node start at its scope. */
  readonly memory: Memory
  /** Where to listen, such as `/ip4/0.0.0.0/tcp/4001`; port 0 takes any. @default only dial */
  readonly listen?: readonly string[]
  /** Addresses of members to keep connected. They are remembered. */
  readonly peers?: readonly string[]
  readonly discovery?: {
    /** Find members in the local network. @default false */
    readonly mdns?: boolean
    /** Addresses to learn of at the start. */
    readonly bootstrap?: readonly string[]
  }
  /** Scopes that members may ask for, as absolute paths. `[]` answers nobody. @default `['/']`, the whole space */
  readonly share?: readonly string[]
  /** Asks the owner about a device that has proven an invitation. @default it may join */
  readonly onJoiner?: (joiner: {
    readonly device: DeviceId
    readonly name: string
  }) => boolean | Promise<boolean>
}

export interface SyncWithNodeOptions extends AbortOptions {
  /** Which way entries go, as this end sees it. @default 'both' */
  readonly direction?: 'push' | 'pull' | 'both'
  /** A path within the memory's scope to stay in. @default the whole of it */
  readonly scope?: string
  /** Only these memories. @default all in scope */
  readonly keys?: readonly string[]
  readonly onProgress?: (progress: { readonly sent: number; readonly received: number }) => void
}

/**
 * A memory on the network. It answers members who ask for what it shares, and sends only what its owner asks it to.
 */
export interface MemoryNode extends AsyncDisposable {
  readonly device: DeviceId
  /** Where this node can be dialled. */
  addresses(): string[]
  connectedPeers(): DeviceId[]
  /**
   * Tells connected members about one public memory. `reached` counts whom it was handed to, and promises nothing
   * about delivery.
   *
   * @throws {CoreError} `CORE_NOT_FOUND`, `CORE_BAD_PATH`
   */
  broadcastUpdate(path: string): Promise<{ readonly reached: number }>
  /**
   * Syncs once, with a device whose address is known or with an address.
   *
   * @throws {TransportError} the codes of dialling
   * @throws {SyncError} what ends a session early; whole pages that had arrived are kept
   */
  syncWithNode(peer: DeviceId | string, options?: SyncWithNodeOptions): Promise<SyncSummary>
  /**
   * Brings in what every connected member has of a scope: what a guard needs for `fresh` memory.
   *
   * @example
   * ```ts
   * const guard = new ConflictGuard(memory, { refresh: (scope, options) => node.pull(scope, options) })
   * ```
   * @throws {CisError} `CIS_NO_PEER_REACHED` when no member is connected, unless there is none beside this device
   * @throws {SyncError} what ends one of the sessions early
   */
  pull(scope?: string, options?: AbortOptions): Promise<void>
  /** Makes a code that lets one device join. @throws {CoreError} `CORE_NOT_ADMIN` */
  invite(options?: { readonly expiresInMs?: number }): Promise<MadeInvitation>
  addEventListener<K extends keyof NodeEvents>(type: K, listener: (event: NodeEvents[K]) => void): void
  removeEventListener<K extends keyof NodeEvents>(type: K, listener: (event: NodeEvents[K]) => void): void
  /** Leaves the network. The memory stays open. May be called twice. */
  close(): Promise<void>
}

/**
 * Starts the node of a memory. A memory has one at a time.
 *
 * @throws {TransportError} `TRANSPORT_ADDRESS_IN_USE`, `TRANSPORT_CANNOT_LISTEN`, `TRANSPORT_BAD_ADDRESS`
 * @throws {CoreError} `CORE_BAD_PATH` for a shared scope that is no absolute path
 */
export async function createNode(options: CreateNodeOptions): Promise<MemoryNode> {
  const { memory, listen, peers, discovery, share, onJoiner } = options
  const holder = holderOf(memory)
  const node = await holder.startNode(given({ listen, peers, share, onJoiner, ...discovery }))
  return new ScopedNode(node, memory, holder)
}

class ScopedNode implements MemoryNode {
  readonly #node: Node
  readonly #memory: Memory
  readonly #holder: Holder

  constructor(node: Node, memory: Memory, holder: Holder) {
    this.#node = node
    this.#memory = memory
    this.#holder = holder
  }

  get device(): DeviceId {
    return this.#node.device
  }

  addresses(): string[] {
    return this.#node.addresses()
  }

  connectedPeers(): DeviceId[] {
    return this.#node.connectedPeers()
  }

  async broadcastUpdate(path: string): Promise<{ readonly reached: number }> {
    return this.#node.broadcastUpdate(this.#memory.within(path).scope)
  }

  async syncWithNode(peer: DeviceId | string, options: SyncWithNodeOptions = {}): Promise<SyncSummary> {
    const { scope, keys, ...others } = options
    const view = scope === undefined ? this.#memory : this.#memory.within(scope)
    const { sent, received, conflicts, bytes, rounds } = await this.#node.syncWithNode(peer, {
      ...others,
      scope: view.scope,
      ...given({ keys: keys?.map((key) => view.within(key).scope) })
    })
    return { sent, received, conflicts, bytes, rounds }
  }

  async pull(scope?: string, options: AbortOptions = {}): Promise<void> {
    const view = scope === undefined ? this.#memory : this.#memory.within(scope)
    await pullFromPeers(this.#holder, view.scope, options)
  }

  invite(options: { readonly expiresInMs?: number } = {}): Promise<MadeInvitation> {
    return this.#node.invite(options)
  }

  addEventListener<K extends keyof NodeEvents>(type: K, listener: (event: NodeEvents[K]) => void): void {
    this.#node.addEventListener(type, listener)
  }

  removeEventListener<K extends keyof NodeEvents>(type: K, listener: (event: NodeEvents[K]) => void): void {
    this.#node.removeEventListener(type, listener)
  }

  close(): Promise<void> {
    return this.#holder.stopNode()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
