import './runtime-shim.ts'

export { TransportError, type TransportErrorCode } from './errors.ts'
export type { PublishResult, TopicValidator, Verdict } from './gossip.ts'
export { inviterOf, type Joined, type JoinWithCodeOptions, joinWithCode } from './join.ts'
export { createNetwork } from './network.ts'
export type {
  ChannelHandler,
  GossipRejection,
  GossipSubscription,
  HandleOptions,
  Network,
  NetworkEvents,
  NetworkOptions,
  OpenOptions,
  PeerDiscovery
} from './network-types.ts'
export { Node, type NodeEvents, type NodeOptions, type NodeSyncOptions } from './node.ts'
export { deviceOfAddress } from './peer-id.ts'
export type { InviteOptions, MadeInvitation } from './reception.ts'
