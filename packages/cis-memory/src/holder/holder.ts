import { hostname } from 'node:os'
import {
  type Conflict,
  type ConflictSettings,
  CoreError,
  type Curator,
  createMemory,
  type HistorySettings,
  type Memory,
  type Merger,
  Replica,
  type Runtime,
  spaceIdentity
} from '@cis-memory/core'
import type { Store } from '@cis-memory/store'
import { type KeySource, openLevelStore } from '@cis-memory/store/level'
import type { Node, NodeOptions } from '@cis-memory/transport'
import { CisError } from '../errors.ts'
import { given } from '../given.ts'
import type { Home } from '../home.ts'
import type { ConnectionScope } from '../local-socket/handshake.ts'
import { prepareSocket, type SocketPlace } from '../local-socket/place.ts'
import { type LocalSocketServer, type OperationHandler, serveLocalSocket } from '../local-socket/server.ts'
import { mergeByPolicy } from '../merge-by-policy.ts'
import type { PeerName } from '../operations/contract.ts'
import type { MergeFailure } from '../operations/doctor-contract.ts'
import type { DoctorHost } from '../operations/doctor-operations.ts'
import type { MemoryHost } from '../operations/memory-operations.ts'
import { ConflictNotifier } from './conflict-notifier.ts'
import { operationsOf } from './operations.ts'
import { PeerBook } from './peer-book.ts'

/** How a holder's node is started. Peers are remembered in the home from then on. */
export type HolderNodeOptions = Omit<NodeOptions, 'replica'>

export interface HolderOptions {
  readonly home: Home
  readonly key: KeySource
  readonly runtime: Runtime
  /** Makes a store that belongs to no space part of one. @default `CORE_NO_SPACE` then */
  readonly adoptSpace?: (store: Store) => Promise<void>
  readonly createIfMissing: boolean
  readonly durability: 'disk' | 'os'
  readonly epoch: 'when-in-doubt' | 'per-open'
  /** Whether public memory is compressed where that saves. */
  readonly compression: boolean
  /** What this device makes of conflicts. */
  readonly conflict: ConflictSettings
  /** What a cleaning leaves of the history. */
  readonly history: HistorySettings
  /** What merges a conflict when its owner asks for it. @default nothing does */
  readonly merger?: Merger | undefined
  /** What adapts a memory when its owner asks for it. @default nothing does */
  readonly curator?: Curator | undefined
  /** Has conflicts merged as they come, where the policy is `ai_merge`. @default it waits to be asked */
  readonly isMergingByPolicy?: boolean
  /** A program that is told of conflicts, with its arguments; `[]` tells nobody. */
  readonly notify: readonly string[]
  /** How long it is on record what agents were given. @default 90 days */
  readonly auditRetentionMs?: number
  /** Whether other processes of this user are answered. */
  readonly localSocket: boolean
  /** How to start a node, once something needs one. @default `CIS_NODE_OFF` then */
  readonly node?: HolderNodeOptions
  /** Ends the process: what `node.shutdown` does. @default it is refused */
  readonly shutdown?: () => void
}

/** The name of a new space, and of a device, when nobody gave one. */
export const DEFAULT_SPACE_NAME = 'default'

export function defaultDeviceName(): string {
  return hostname() || 'device'
}

/** This process's hold on a home: the store, the replica in it, and the socket for everybody else. */
export class Holder implements DoctorHost, MemoryHost, AsyncDisposable {
  readonly home: Home
  readonly runtime: Runtime
  readonly replica: Replica
  readonly book: PeerBook
  /** Whether its store belonged to no space before. */
  readonly isNew: boolean
  /** A handle on the whole space, which all others of this process narrow. */
  readonly root: Memory
  readonly #store: Store
  readonly #place: SocketPlace | undefined
  readonly #options: HolderOptions
  readonly #notifier: ConflictNotifier | undefined
  #merging: AsyncDisposable | undefined
  #lastMergeFailure: MergeFailure | undefined
  #node: Node | undefined
  #nodeStartedAt: number | undefined
  #startingNode: Promise<Node> | undefined
  #server: LocalSocketServer | undefined
  #closed: Promise<void> | undefined

  private constructor(
    options: HolderOptions,
    parts: {
      readonly store: Store
      readonly replica: Replica
      readonly book: PeerBook
      readonly place: SocketPlace | undefined
      readonly isNew: boolean
    }
  ) {
    this.home = options.home
    this.runtime = options.runtime
    this.replica = parts.replica
    this.book = parts.book
    this.isNew = parts.isNew
    this.root = createMemory(parts.replica, '/')
    this.#options = options
    const { notify } = options
    this.#notifier = notify.length > 0 ? new ConflictNotifier(this.root, notify) : undefined
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
    const { home, key, runtime, durability, createIfMissing, adoptSpace } = options
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
      const isNew = (await spaceIdentity(store)) === undefined
      if (isNew) await adoptSpace?.(store)
      const { epoch, compression, conflict, history, auditRetentionMs } = options
      replica = await Replica.open({
        store,
        runtime,
        epoch,
        compression,
        conflict,
        history,
        ...given({ auditRetentionMs })
      })
      const book = await PeerBook.open(home.peersFile)
      const holder = new Holder(options, { store, replica, book, place, isNew })
      await holder.#listen()
      holder.#mergeByPolicy()
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
    return { device, name: membership.nameOf(device) }
  }

  get merger(): Merger | undefined {
    return this.#options.merger
  }

  get lastMergeFailure(): MergeFailure | undefined {
    return this.#lastMergeFailure
  }

  get curator(): Curator | undefined {
    return this.#options.curator
  }

  get shutdown(): (() => void) | undefined {
    return this.#options.shutdown
  }

  get runningNode(): Node | undefined {
    return this.#node
  }

  get nodeStartedAt(): number | undefined {
    return this.#nodeStartedAt
  }

  node(): Promise<Node> {
    const { node } = this.#options
    if (this.#startingNode === undefined && node === undefined) {
      throw new CisError(
        'CIS_NODE_OFF',
        'the program that has the store open runs no node, so it reaches no peers. Start one in it, or end it'
      )
    }
    this.#startingNode ??= this.#startNode(node ?? {})
    return this.#startingNode
  }

  /**
   * Starts the node of this process. There is one at most: it is the device on the network.
   *
   * @throws {TypeError} when there is one already
   */
  startNode(options: HolderNodeOptions): Promise<Node> {
    if (this.#startingNode !== undefined)
      throw new TypeError('memory: it has a node already; close that first')
    this.#startingNode = this.#startNode(options)
    return this.#startingNode
  }

  /** Ends the node, so that another can be started. */
  async stopNode(): Promise<void> {
    const node = await this.#startingNode?.catch(() => undefined)
    await node?.stop()
    this.#node = undefined
    this.#nodeStartedAt = undefined
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

  #mergeByPolicy(): void {
    const { merger, isMergingByPolicy = false } = this.#options
    if (merger === undefined || !isMergingByPolicy) return
    const onError = (error: unknown, { id, path }: Conflict): void => {
      const { code: said } = error as { readonly code?: unknown }
      const code = typeof said === 'string' ? said : 'CIS_UNEXPECTED'
      this.#lastMergeFailure = { path, code, at: this.runtime.now() }
      this.#notifier?.mergeFailed(id, path, code)
    }
    this.#merging = mergeByPolicy(this.root, merger, { onError })
  }

  async #listen(): Promise<void> {
    if (this.#place === undefined) return
    const { path, key } = this.#place
    const open = (connection: ConnectionScope): OperationHandler => this.open(connection)
    this.#server = await serveLocalSocket({ path, key, runtime: this.runtime, open })
  }

  async #startNode(options: HolderNodeOptions): Promise<Node> {
    try {
      const { deviceOfAddress, Node } = await import('@cis-memory/transport')
      const { peers = [], ...others } = options
      for (const address of peers) await this.book.add(deviceOfAddress(address), [address])
      const node = await Node.start({ ...others, replica: this.replica, peers: this.book.addresses() })
      // Where a peer was reached once it is looked for again. Losing a note of that loses nothing else.
      node.addEventListener('peer:connect', ({ detail: device }) => {
        const noted = node.knownAddresses(device).then((addresses) => this.book.add(device, addresses))
        noted.catch(() => {})
      })
      node.addEventListener('sync:done', ({ detail: { device } }) => {
        this.book.synced(device, this.runtime.now()).catch(() => {})
      })
      this.#node = node
      this.#nodeStartedAt = this.runtime.now()
      return node
    } catch (error) {
      this.#startingNode = undefined
      throw error
    }
  }

  async #close(): Promise<void> {
    try {
      await this.#merging?.[Symbol.asyncDispose]()
      await this.#server?.close()
      await this.#place?.remove()
      await this.stopNode()
      await this.book.close()
      await this.root.close()
    } finally {
      // What it has to tell is told before the program hears no more.
      await this.replica.close()
      await this.#notifier?.close()
      await this.#store.close()
    }
  }
}

/** Windows has other sockets, with other rights; there a store has one process at a time. */
function canListen({ localSocket }: HolderOptions): boolean {
  return localSocket && process.platform !== 'win32'
}
