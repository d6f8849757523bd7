/*
 * How libp2p is put together and bounded. Nothing here decides anything: who may do what is asked of the network.
 */
import './runtime-shim.ts'
import type { GossipSub, GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bootstrap } from '@libp2p/bootstrap'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Ed25519PrivateKey, PeerId } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p, type Libp2p } from 'libp2p'
import { overlay, type Registrar } from './components.ts'
import {
  ADDRESS_DIAL_TIMEOUT_MS,
  DIAL_TIMEOUT_MS,
  IDENTIFY_TIMEOUT_MS,
  MAX_CONNECTION_STREAMS,
  MAX_CONNECTIONS,
  MAX_INBOUND_PENDING,
  MAX_INBOUND_PER_SECOND,
  MAX_PARALLEL_DIALS,
  MAX_PEER_ADDRESSES,
  MAX_STREAM_BUFFER_BYTES,
  MAX_STREAM_WINDOW_BYTES,
  MAX_WAITING_DIALS,
  PING_INTERVAL_MS,
  PING_TIMEOUT_MS
} from './limits.ts'

export interface NodeInit {
  readonly privateKey: Ed25519PrivateKey
  readonly listen: string[]
  /** Turns mDNS on. */
  readonly serviceTag: string | undefined
  readonly entryPoints: readonly string[]
  readonly mayDial: (peer: PeerId) => boolean
  /** Asked after the handshake that proves the peer's key. */
  readonly mayEnter: (peer: PeerId) => boolean
  readonly isMember: (connection: Connection) => boolean
  readonly gossip: (components: GossipSubComponents) => GossipSub
}

export interface Node {
  readonly libp2p: Libp2p
  /** Run by hand, on members' connections: it tells and asks for addresses and protocols. */
  readonly identify: Identify
}

/** A node that is not started. */
export async function createNode(init: NodeInit): Promise<Node> {
  let introduction: Identify | undefined
  const libp2p = await createLibp2p({
    start: false,
    privateKey: init.privateKey,
    nodeInfo: { name: 'cis', version: '1', userAgent: 'cis/1' },
    addresses: { listen: init.listen },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: MAX_CONNECTION_STREAMS,
        maxOutboundStreams: MAX_CONNECTION_STREAMS,
        streamOptions: {
          maxStreamWindowSize: MAX_STREAM_WINDOW_BYTES,
          maxReadBufferLength: MAX_STREAM_BUFFER_BYTES
        }
      })
    ],
    peerDiscovery: [
      ...(init.serviceTag === undefined ? [] : [mdns({ serviceTag: init.serviceTag })]),
      ...(init.entryPoints.length === 0 ? [] : [bootstrap({ list: [...init.entryPoints], timeout: 0 })])
    ],
    connectionGater: {
      denyDialPeer: (peer) => !init.mayDial(peer),
      denyOutboundEncryptedConnection: (peer) => !init.mayDial(peer),
      denyInboundEncryptedConnection: (peer) => !init.mayEnter(peer)
    },
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      maxParallelDials: MAX_PARALLEL_DIALS,
      maxDialQueueLength: MAX_WAITING_DIALS,
      maxPeerAddrsToDial: 2 * MAX_PEER_ADDRESSES,
      dialTimeout: DIAL_TIMEOUT_MS,
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: DIAL_TIMEOUT_MS,
      inboundConnectionThreshold: MAX_INBOUND_PER_SECOND,
      maxIncomingPendingConnections: MAX_INBOUND_PENDING,
      // Redialling is ours: libp2p's gives up for good.
      reconnectRetries: 0
    },
    connectionMonitor: {
      pingInterval: PING_INTERVAL_MS,
      pingTimeout: { minTimeout: PING_TIMEOUT_MS, maxTimeout: PING_TIMEOUT_MS }
    },
    services: {
      identify: (components) => {
        const registrar = membersOnly(components.registrar as Registrar, init.isMember)
        const create = identify({ runOnConnectionOpen: false, timeout: IDENTIFY_TIMEOUT_MS })
        introduction = create(overlay(components, { registrar: registrar as typeof components.registrar }))
        return introduction
      },
      ping: ping({ timeout: PING_TIMEOUT_MS }),
      pubsub: (components) => init.gossip(components)
    }
  })
  if (introduction === undefined) throw new Error('libp2p did not make its services')
  return { libp2p, identify: introduction }
}

function membersOnly(registrar: Registrar, isMember: (connection: Connection) => boolean): Registrar {
  return overlay(registrar, {
    handle: async (protocol, handler, options) =>
      registrar.handle(
        protocol,
        async (stream, connection) => {
          if (isMember(connection)) await handler(stream, connection)
          else stream.abort(new Error('for members only'))
        },
        options
      )
  })
}
