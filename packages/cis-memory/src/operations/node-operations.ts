import type { DeviceId, Memory, Notice, Replica, Runtime } from '@cis-memory/core'
import type { Node, NodeSyncOptions } from '@cis-memory/transport'
import { CisError } from '../errors.ts'
import { given } from '../given.ts'
import type { PeerBook } from '../holder/peer-book.ts'
import { CONNECT_WAIT_MS, MAX_COUNTED_MEMORIES, MAX_PARALLEL_SYNCS } from '../limits.ts'
import { countConflicts } from './conflict-operations.ts'
import type { NodeInfo, PeerInfo, PeerName, SyncArguments, SyncEvent } from './contract.ts'
import { EventQueue } from './event-queue.ts'
import { type CallHandlers, publicOf, type SessionMemory, type StreamHandlers } from './handlers.ts'

/** The process behind the operations: who it is, and its node. */
export interface NodeHost {
  readonly replica: Replica
  readonly runtime: Runtime
  readonly book: PeerBook
  /** The node, when it is up. */
  readonly runningNode: Node | undefined
  /** When it came up, in milliseconds since 1970. */
  readonly nodeStartedAt: number | undefined
  /** Starts the node when it is not up. @throws {CisError} `CIS_NODE_OFF` when this process has none */
  node(): Promise<Node>
  /** Ends the process, when that is what it is for. */
  readonly shutdown: (() => void) | undefined
}

type Calls = Pick<
  CallHandlers,
  'memory.broadcast' | 'node.info' | 'node.shutdown' | 'peers.add' | 'peers.remove' | 'status'
>
type Streams = Pick<StreamHandlers, 'memory.sync' | 'invite' | 'peers.list'>

export function nodeCalls(host: NodeHost, session: SessionMemory): Calls {
  return {
    'memory.broadcast': async ({ path }, signal) => {
      publicOf(session)
      const absolute = session.memory.within(path).scope
      const node = await host.node()
      await peersConnected(host, node, signal)
      return node.broadcastUpdate(absolute)
    },

    'node.info': async () => nodeInfo(host),

    'node.shutdown': async () => {
      if (host.shutdown === undefined) {
        throw new CisError(
          'CIS_NODE_OFF',
          'the process that has the store open is not `cis node run`; end it itself'
        )
      }
      host.shutdown()
      return { pid: process.pid }
    },

    'peers.add': async ({ address }) => {
      const device = await deviceAt(address)
      host.runningNode?.keepConnected([address])
      await host.book.add(device, [address])
      return { address, isMember: host.replica.isMember(device) }
    },

    'peers.remove': async ({ peer }) => {
      const { device, address } = await findPeer(host, peer)
      const addresses = await host.book.remove(device, address)
      if (addresses.length === 0) throw noSuchPeer(peer)
      if (address === undefined) await host.runningNode?.disconnect(device)
      return { addresses }
    },

    status: async (_, signal) => {
      const { memory } = session
      await using snapshot = memory.snapshot()
      const counts = { public: 0, private: 0, limit: MAX_COUNTED_MEMORIES }
      for (const domain of ['public', 'private'] as const) {
        if (session.domain !== undefined && session.domain !== domain) continue
        for await (const item of snapshot.list(domain, { signal })) {
          if (++counts[item.domain] === MAX_COUNTED_MEMORIES) break
        }
      }
      const info = nodeInfo(host)
      return {
        ...info,
        scope: memory.scope,
        memories: counts,
        openConflicts: await countConflicts(memory, { signal }),
        pending: await snapshot.pendingCount(),
        notices: await host.replica.notices(),
        peers: { known: otherMembers(host).length, connected: info.connectedPeers.length }
      }
    }
  }
}

export function nodeStreams(host: NodeHost, session: SessionMemory): Streams {
  return {
    'memory.sync': (args, signal) => {
      publicOf(session)
      return sync(host, session.memory, args, signal)
    },

    invite: async function* ({ expiresInMs, wait = false }, signal) {
      const node = await host.node()
      signal.throwIfAborted()
      if (node.addresses().length === 0) {
        throw new CisError(
          'CIS_NODE_OFF',
          'this device listens nowhere, so nobody could use a code. Say where in its configuration: [node] listen'
        )
      }
      const { code, expiresAt, joined } = await node.invite(given({ expiresInMs }))
      yield { type: 'code', code, expiresAt, addresses: node.addresses() }
      if (wait) yield { type: 'joined', peer: peerName(host, await joined({ signal })) }
    },

    'peers.list': async function* () {
      yield* peersOf(host)
    }
  }
}

/** Members of the space, then devices of which only an address is known. */
export function* peersOf(host: NodeHost): Generator<PeerInfo> {
  const connected = new Set(host.runningNode?.connectedPeers())
  const members = otherMembers(host)
  const known = new Set(members.map(({ device }) => device))
  const strangers = host.book
    .devices()
    .filter((device) => !known.has(device) && host.book.get(device).addresses.length > 0)
  for (const { device, name, role } of [
    ...members,
    ...strangers.map((device) => ({ ...peerName(host, device), role: 'unknown' as const }))
  ]) {
    const { addresses, lastSyncedAt } = host.book.get(device)
    yield { device, name, role, addresses, isConnected: connected.has(device), lastSyncedAt }
  }
}

/**
 * Syncs with one peer, or with every peer that can be reached, some at a time.
 *
 * @throws {CisError} `CIS_NO_PEER_REACHED`
 */
async function* sync(
  host: NodeHost,
  memory: Memory,
  { peer, direction = 'both', scope, keys }: SyncArguments,
  signal: AbortSignal
): AsyncGenerator<SyncEvent, void, undefined> {
  const view = scope === undefined ? memory : memory.within(scope)
  const paths = keys?.map((key) => view.within(key).scope)
  const named = peer === undefined ? undefined : await findPeer(host, peer)
  if (named === undefined && otherMembers(host).length === 0) {
    throw new CisError('CIS_NO_PEER_REACHED', 'this device is alone in its space; invite another first')
  }
  // Connecting to a peer brings things to light already.
  const known = new Set((await host.replica.notices()).map(nameOf))
  const node = await host.node()
  const targets = named === undefined ? await reachable(host, node, signal) : [named]
  const events = new EventQueue<SyncEvent>()
  const leaving = new AbortController()
  const options = {
    direction,
    scope: view.scope,
    ...given({ keys: paths }),
    signal: AbortSignal.any([signal, leaving.signal])
  }
  const counts = { synced: 0, failed: 0 }
  const waiting = [...targets]
  const work = async (): Promise<void> => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const isSynced = await syncWith(host, node, target, options, (event) => events.push(event))
      counts[isSynced ? 'synced' : 'failed']++
    }
  }
  const all = Promise.all(Array.from({ length: Math.min(MAX_PARALLEL_SYNCS, targets.length) }, work))
  all.then(
    () => events.end(),
    (error) => events.fail(error)
  )
  try {
    yield* events
  } finally {
    leaving.abort()
    await all.catch(() => {})
  }
  if (counts.synced === 0) {
    throw new CisError(
      'CIS_NO_PEER_REACHED',
      'no peer could be synced with. Check that one of those this device knows runs and can be reached'
    )
  }
  const openConflicts = await countConflicts(memory, { signal })
  const notices = (await host.replica.notices()).filter((notice) => !known.has(nameOf(notice)))
  yield { type: 'done', ...counts, openConflicts, ...(notices.length > 0 && { notices }) }
}

/** Tells notices apart. */
function nameOf(notice: Notice): string {
  return notice.kind === 'fork' ? notice.actor : `${notice.reason} ${notice.at}`
}

const PEER_FAILURE = /^(?:SYNC|TRANSPORT)_/

/** One peer of a sync: a device whose address is known, or an address to dial as it is. */
interface Target {
  readonly device: DeviceId
  readonly address?: string
}

async function syncWith(
  host: NodeHost,
  node: Node,
  { device, address }: Target,
  options: NodeSyncOptions,
  tell: (event: SyncEvent) => void
): Promise<boolean> {
  const peer = peerName(host, device)
  const shown = address ?? peer.name
  tell({ type: 'connecting', peer: shown })
  try {
    const { sent, received, conflicts, bytes, rounds } = await node.syncWithNode(address ?? device, {
      ...options,
      onProgress: (progress) => tell({ type: 'progress', peer, ...progress })
    })
    await host.book.add(device, await node.knownAddresses(device))
    // What the peer is called may be news of this very sync.
    tell({ type: 'synced', peer: peerName(host, device), sent, received, conflicts, bytes, rounds })
    return true
  } catch (error) {
    options.signal?.throwIfAborted()
    const { code, message } = error as { readonly code?: unknown; readonly message: string }
    // What is wrong with the peer or the way there is one peer's matter; what is wrong here is everybody's.
    if (typeof code !== 'string' || !PEER_FAILURE.test(code)) throw error
    tell({ type: 'failed', peer: shown, code, message })
    return false
  }
}

/** Members that are connected or whose address is known; discovery is given a moment when nobody is. */
async function reachable(host: NodeHost, node: Node, signal: AbortSignal): Promise<readonly Target[]> {
  const now = (): readonly Target[] => {
    const connected = new Set(node.connectedPeers())
    return otherMembers(host).filter(
      ({ device }) => connected.has(device) || host.book.get(device).addresses.length > 0
    )
  }
  if (now().length === 0 && otherMembers(host).length > 0) await peersConnected(host, node, signal)
  return now()
}

/** Resolves when every other member is connected, or when the node has had time enough to reach those it can. */
export async function peersConnected(host: NodeHost, node: Node, signal: AbortSignal): Promise<void> {
  const isComplete = (): boolean => node.connectedPeers().length >= otherMembers(host).length
  const left = (host.nodeStartedAt ?? 0) + CONNECT_WAIT_MS - host.runtime.now()
  if (left <= 0 || isComplete()) return
  await new Promise<void>((resolve) => {
    const timeout = setTimeout(finish, left)
    const onConnect = (): void => {
      if (isComplete()) finish()
    }
    function finish(): void {
      clearTimeout(timeout)
      node.removeEventListener('peer:connect', onConnect)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    node.addEventListener('peer:connect', onConnect)
    signal.addEventListener('abort', finish, { once: true })
  })
  signal.throwIfAborted()
}

/**
 * A peer by name, device id or address.
 *
 * @throws {CisError} `CIS_PEER_NOT_FOUND`
 * @throws {TransportError} `TRANSPORT_BAD_ADDRESS`
 */
async function findPeer(host: NodeHost, peer: string): Promise<Target> {
  if (peer.startsWith('/')) return { device: await deviceAt(peer), address: peer }
  const { membership } = host.replica
  const named = otherMembers(host).filter(
    ({ device, name }) => device === peer || name === peer || membership.member(device)?.name === peer
  )
  const [only, ...others] = named
  if (only === undefined) throw noSuchPeer(peer)
  if (others.length > 0) {
    const ids = named.map(({ device }) => device).join(', ')
    throw new CisError('CIS_PEER_NOT_FOUND', `several devices are called ${peer}; name one by its id: ${ids}`)
  }
  return { device: only.device }
}

/** libp2p takes longer to load than anything else here takes to run. */
async function deviceAt(address: string): Promise<DeviceId> {
  const { deviceOfAddress } = await import('@cis-memory/transport')
  return deviceOfAddress(address)
}

function noSuchPeer(peer: string): CisError {
  return new CisError('CIS_PEER_NOT_FOUND', `no peer is known as ${peer}`)
}

/** Every member of the space but this device. */
export function otherMembers(
  host: NodeHost
): readonly { device: DeviceId; name: string; role: 'admin' | 'member' }[] {
  const { membership, device: self } = host.replica
  return membership
    .members()
    .filter(({ device }) => device !== self)
    .map(({ device, isAdmin }) => ({ ...peerName(host, device), role: isAdmin ? 'admin' : 'member' }))
}

function peerName({ replica }: NodeHost, device: DeviceId): PeerName & { readonly device: DeviceId } {
  return { device, name: replica.membership.nameOf(device) }
}

function nodeInfo(host: NodeHost): NodeInfo {
  const { replica, runningNode } = host
  return {
    device: peerName(host, replica.device),
    space: { id: replica.space, name: replica.spaceName },
    pid: process.pid,
    isListening: runningNode !== undefined,
    addresses: runningNode?.addresses() ?? [],
    connectedPeers: (runningNode?.connectedPeers() ?? []).map((device) => peerName(host, device))
  }
}
