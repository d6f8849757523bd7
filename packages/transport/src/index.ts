import './runtime-shim.ts'

export { TransportError, type TransportErrorCode } from './errors.ts'
export type { PublishResult, TopicValidator, Verdict } from './gossip.ts'
export {
  type ChannelHandler,
  createNetwork,
  type GossipRejection,
  type GossipSubscription,
  type HandleOptions,
  type Network,
  type NetworkEvents,
  type NetworkOptions,
  type OpenOptions,
  type PeerDiscovery
} from './network.ts'
export { deviceOfAddress } from './peer-id.ts'
export { systemRuntime } from './system-runtime.ts'
