import { hostname } from 'node:os'
import {
  CoreError,
  createMemory,
  createSpace,
  type Memory,
  Replica,
  type Runtime,
  spaceIdentity
} from '@cis-memory/core'
import type { Store } from '@cis-memory/store'
import { type KeySource, openLevelStore } from '@cis-memory/store/level'
import { CisError } from '../errors.ts'
import type { Home } from '../home.ts'
import type { ConnectionScope } from '../local-socket/handshake.ts'
import { prepareSocket, type SocketPlace } from '../local-socket/place.ts'
import { type LocalSocketServer, type OperationHandler, serveLocalSocket } from '../local-socket/server.ts'
import type { PeerName } from '../operations/contract.ts'
import type { NodeHost } from '../operations/node-operations.ts'
import type { NodePort } from './node-port.ts'
import { operationsOf } from './operations.ts'
import { PeerBook } from './peer-book.ts'

export interface HolderOptions {
  readonly home: Home
  readonly key: KeySource
  readonly runtime: Runtime
  /** Start a space with these names when the store belongs to none. @default `CORE_NO_SPACE` then */
  readonly newSpace?: { readonly space: string; readonly device: string }
  readonly createIfMissing: boolean
  readonly durability: 'disk' | 'os'
  readonly epoch: 'when-in-doubt' | 'per-open'
  /** Whether other processes of this user are answered. */
  readonly localSocket: boolean
  /** Makes the network part, once something needs it. @default `CIS_NODE_OFF` then */
  readonly createNode?: (holder: Holder) => Promise<NodePort>
  /** Ends the process: what `node.shutdown` does. @default it is refused */
  readonly shutdown?: () => void
}

/** The name of a new space, and of a device, when nobody gave one. */
export const DEFAULT_SPACE_NAME = 'default'

export function defaultDeviceName(): string {
  return hostname() || 'device'
}

/** This process's hold on a home: the store, the replica in it, and the socket for everybody else. */
export class Holder implements NodeHost, AsyncDisposable {
  readonly home: Home
  readonly runtime: Runtime
  readonly replica: Replica
  readonly book: PeerBook
  /** Whether the store belonged to no space before. */
  readonly hasStartedSpace: boolean
  /** A handle on the whole space, which all others of this process narrow. */
  readonly root: Memory
  readonly #store: Store
  readonly #place: SocketPlace | undefined
  readonly #options: HolderOptions
  #node: NodePort | undefined
  #startingNode: Promise<NodePort> | undefined
  #server: LocalSocketServer | undefined
  #closed: Promise<void> | undefined

  private constructor(
    options: HolderOptions,
    parts: {
      readonly store: Store
      readonly replica: Replica
      readonly book: PeerBook
      readonly place: SocketPlace | undefined
      readonly hasStartedSpace: boolean
    }
  ) {
    this.home = options.home
    this.runtime = options.runtime
    this.replica = parts.replica
    this.book = parts.book
    this.hasStartedSpace = parts.hasStartedSpace
    this.root = createMemory(parts.replica, '/')
    this.#options = options
    this.#store = parts.store
    this.#place = parts.place
  }

  /**
   * Opens the store and answers others from then on.
   *
   * @throws {StoreError} what `openLevelStore` throws, {@link StoreLockedError} first of all
   * @throws {CoreError} `CORE_NO_SPACE`
   * @throws {CisError} `CIS_SOCKET_NOT_PRIVATE`, `CIS_SOCKET_PATH_TOO_LONG`
   */
  static async open(options: HolderOptions): Promise<Holder> {
    const { home, key, runtime, durability, createIfMissing, epoch, newSpace } = options
    const place = canListen(options) ? await prepareSocket(home.socketDirectory) : undefined
    let store: Store | undefined
    let replica: Replica | undefined
    try {
      store = await openLevelStore({
        directory: home.storeDirectory,
        key,
        durability,
        createIfMissing,
        ...(place !== undefined && { socketPath: place.path })
      })
      const hasStartedSpace = newSpace !== undefined && (await spaceIdentity(store)) === undefined
      if (hasStartedSpace) await createSpace(store, runtime, newSpace)
      replica = await Replica.open({ store, runtime, epoch })
      const book = await PeerBook.open(home.peersFile)
      const holder = new Holder(options, { store, replica, book, place, hasStartedSpace })
      await holder.#listen()
      return holder
    } catch (error) {
      await replica?.close()
      await store?.close()
      await place?.remove()
      throw error
    }
  }

  /**
   * What a session of that scope and domain may ask. Close it to let go of the documents it opened.
   *
   * @throws {CoreError} `CORE_BAD_PATH` for a scope that is no absolute path
   */
  open(connection: ConnectionScope): OperationHandler {
    if (!connection.scope.startsWith('/')) {
      throw new CoreError(
        'CORE_BAD_PATH',
        'a scope is an absolute path such as /acme/web; nothing was opened'
      )
    }
    const memory = this.root.within(connection.scope)
    return { ...operationsOf(this, { memory, domain: connection.domain }), close: () => memory.close() }
  }

  /** This device, as its space knows it. */
  get device(): PeerName {
    const { device, membership } = this.replica
    return { device, name: membership.member(device)?.name || device.slice(0, 8) }
  }

  get shutdown(): (() => void) | undefined {
    return this.#options.shutdown
  }

  get runningNode(): NodePort | undefined {
    return this.#node
  }

  node(): Promise<NodePort> {
    this.#startingNode ??= this.#startNode()
    return this.#startingNode
  }

  /** Takes a network part that was made outside, as `createNode` does. The maker closes it. */
  attachNode(node: NodePort): void {
    this.#node = node
    this.#startingNode = Promise.resolve(node)
  }

  detachNode(node: NodePort): void {
    if (this.#node !== node) return
    this.#node = undefined
    this.#startingNode = undefined
  }

  /** Lets requests of others finish, then closes what was opened. May be called twice. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #listen(): Promise<void> {
    if (this.#place === undefined) return
    const { path, key } = this.#place
    const open = (connection: ConnectionScope): OperationHandler => this.open(connection)
    this.#server = await serveLocalSocket({ path, key, runtime: this.runtime, open })
  }

  async #startNode(): Promise<NodePort> {
    const { createNode } = this.#options
    if (createNode === undefined) {
      throw new CisError(
        'CIS_NODE_OFF',
        'the program that has the store open runs no node, so it reaches no peers. Start one in it, or end it'
      )
    }
    try {
      this.#node = await createNode(this)
      return this.#node
    } catch (error) {
      this.#startingNode = undefined
      throw error
    }
  }

  async #close(): Promise<void> {
    try {
      await this.#server?.close()
      await this.#place?.remove()
      await this.#startingNode?.catch(() => {})
      if (this.#options.createNode !== undefined) await this.#node?.close()
      await this.book.close()
      await this.root.close()
    } finally {
      await this.replica.close()
      await this.#store.close()
    }
  }
}

/** Windows has other sockets, with other rights; there a store has one process at a time. */
function canListen({ localSocket }: HolderOptions): boolean {
  return localSocket && process.platform !== 'win32'
}
