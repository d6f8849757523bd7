import type { DeviceId, Memory, Replica, Runtime } from '@cis-memory/core'
import { deviceOfAddress } from '@cis-memory/transport'
import { CisError } from '../errors.ts'
import { given } from '../given.ts'
import type { NodePort, PeerSyncOptions } from '../holder/node-port.ts'
import type { PeerBook } from '../holder/peer-book.ts'
import { MAX_PARALLEL_SYNCS } from '../limits.ts'
import { countConflicts } from './conflict-operations.ts'
import type { NodeInfo, PeerInfo, PeerName, SyncArguments, SyncEvent } from './contract.ts'
import { EventQueue } from './event-queue.ts'
import { type CallHandlers, publicOf, type SessionMemory, type StreamHandlers } from './handlers.ts'

/** The process behind the operations: who it is, and its network part. */
export interface NodeHost {
  readonly replica: Replica
  readonly runtime: Runtime
  readonly book: PeerBook
  /** The network part, when it is up. */
  readonly runningNode: NodePort | undefined
  /** Starts the network part when it is not up. @throws {CisError} `CIS_NODE_OFF` when this process has none */
  node(): Promise<NodePort>
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
      const { path: absolute } = await publicOf(session).get(path, { signal })
      return (await host.node()).broadcast(absolute)
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
      const device = deviceOfAddress(address)
      host.runningNode?.keepConnected([address])
      await host.book.add(device, [address])
      return { address }
    },

    'peers.remove': async ({ peer }) => {
      const { device, address } = findPeer(host, peer)
      const addresses = await host.book.remove(device, address)
      if (addresses.length === 0) throw noSuchPeer(peer)
      if (address === undefined) await host.runningNode?.disconnect(device)
      return { addresses }
    },

    status: async (_, signal) => {
      const { memory } = session
      await using snapshot = memory.snapshot()
      const counts = { public: 0, private: 0 }
      for (const domain of ['public', 'private'] as const) {
        if (session.domain !== undefined && session.domain !== domain) continue
        for await (const item of snapshot.list(domain, { signal })) counts[item.domain]++
      }
      const info = nodeInfo(host)
      return {
        ...info,
        scope: memory.scope,
        memories: counts,
        openConflicts: await countConflicts(memory, { signal }),
        pending: await snapshot.pendingCount(),
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
      const { code, expiresAt, joined } = await node.invite(given({ expiresInMs }))
      yield { type: 'code', code, expiresAt, addresses: node.addresses() }
      if (wait) yield { type: 'joined', peer: peerName(host, await joined({ signal })) }
    },

    'peers.list': async function* () {
      const connected = new Set(host.runningNode?.connectedPeers())
      for (const { device, isAdmin } of otherMembers(host)) {
        const { addresses, lastSyncedAt } = host.book.get(device)
        const info: PeerInfo = {
          ...peerName(host, device),
          role: isAdmin ? 'admin' : 'member',
          addresses,
          isConnected: connected.has(device),
          lastSyncedAt
        }
        yield info
      }
    }
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
  const node = await host.node()
  const targets = peer === undefined ? reachable(host, node) : [targetOf(host, peer)]
  if (targets.length === 0) {
    throw new CisError(
      'CIS_NO_PEER_REACHED',
      'no peer is known yet. Invite a device with: cis invite, or name one with: cis peers add ADDRESS'
    )
  }
  const within = scope === undefined ? memory.scope : memory.within(scope).scope
  const events = new EventQueue<SyncEvent>()
  const leaving = new AbortController()
  const options = {
    direction,
    scope: within,
    ...given({ keys }),
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
    throw new CisError('CIS_NO_PEER_REACHED', 'no peer could be reached; nothing was sent or received')
  }
  yield { type: 'done', ...counts, openConflicts: await countConflicts(memory, { signal }) }
}

async function syncWith(
  host: NodeHost,
  node: NodePort,
  target: DeviceId | string,
  options: PeerSyncOptions,
  tell: (event: SyncEvent) => void
): Promise<boolean> {
  const isDevice = DEVICE_ID.test(target)
  const shown = isDevice ? peerName(host, target as DeviceId).name : target
  tell({ type: 'connecting', peer: shown })
  try {
    const device = isDevice ? (target as DeviceId) : deviceOfAddress(target)
    const peer = peerName(host, device)
    const onProgress: PeerSyncOptions['onProgress'] = (progress) =>
      tell({ type: 'progress', peer, ...progress })
    const { device: reached, ...summary } = await node.sync(target, { ...options, onProgress })
    await host.book.add(reached, await node.knownAddresses(reached))
    await host.book.synced(reached, host.runtime.now())
    tell({ type: 'synced', peer: peerName(host, reached), ...summary })
    return true
  } catch (error) {
    options.signal?.throwIfAborted()
    const { code, message } = error as { readonly code?: unknown; readonly message: string }
    if (typeof code !== 'string') throw error
    tell({ type: 'failed', peer: shown, code, message })
    return false
  }
}

const DEVICE_ID = /^[0-9a-f]{64}$/

/** Members that are connected or whose address is known. */
function reachable(host: NodeHost, node: NodePort): readonly DeviceId[] {
  const connected = new Set(node.connectedPeers())
  return otherMembers(host)
    .map(({ device }) => device)
    .filter((device) => connected.has(device) || host.book.get(device).addresses.length > 0)
}

/**
 * A peer as `sync` is given it: an address is dialled as it is.
 *
 * @throws {CisError} `CIS_PEER_NOT_FOUND`
 * @throws {TransportError} `TRANSPORT_BAD_ADDRESS`
 */
function targetOf(host: NodeHost, peer: string): DeviceId | string {
  const { device, address } = findPeer(host, peer)
  return address ?? device
}

/** A peer by name, device id or address. @throws {CisError} `CIS_PEER_NOT_FOUND` */
function findPeer(host: NodeHost, peer: string): { readonly device: DeviceId; readonly address?: string } {
  if (peer.startsWith('/')) return { device: deviceOfAddress(peer), address: peer }
  const members = otherMembers(host)
  const named = members.filter(({ device, name }) => device === peer || name === peer)
  const [only, ...others] = named
  if (only === undefined) throw noSuchPeer(peer)
  if (others.length > 0) {
    const ids = named.map(({ device }) => device).join(', ')
    throw new CisError('CIS_PEER_NOT_FOUND', `several devices are called ${peer}; name one by its id: ${ids}`)
  }
  return { device: only.device }
}

function noSuchPeer(peer: string): CisError {
  return new CisError('CIS_PEER_NOT_FOUND', `no peer is known as ${peer}. See who is: cis peers list`)
}

function otherMembers({ replica }: NodeHost): readonly {
  readonly device: DeviceId
  readonly name: string
  readonly isAdmin: boolean
}[] {
  return replica.membership
    .members()
    .filter(({ device }) => device !== replica.device)
    .map(({ isAdmin, device }) => ({ ...peerName({ replica }, device), isAdmin, device }))
}

function peerName({ replica }: Pick<NodeHost, 'replica'>, device: DeviceId): PeerName & { device: DeviceId } {
  return { device, name: replica.membership.member(device)?.name || device.slice(0, 8) }
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
