import './runtime-shim.ts'

export { TransportError, type TransportErrorCode } from './errors.ts'
export type { PublishResult, TopicValidator, Verdict } from './gossip.ts'
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
export { deviceOfAddress } from './peer-id.ts'
