export {
  type AbsentRead,
  type AuditListOptions,
  type AuditTrail,
  type CleanHistoryOptions,
  type ConflictPolicy,
  type ConflictRead,
  type ConflictSettings,
  type ConflictSettledEvent,
  type ConflictThresholdEvent,
  type ConflictWindowEvent,
  ContestedError,
  CoreError,
  type CoreErrorCode,
  type CurateOptions,
  type DeleteOptions,
  type DeviceId,
  type DomainMemory,
  type EntryEvent,
  type HistorySettings,
  type JsonValue,
  type ListOptions,
  type Memory,
  type MemoryDoc,
  type MemoryEvents,
  type MemorySnapshot,
  type Merge,
  type MergeRequest,
  type Merger,
  type OverwrittenKey,
  type PublicMemory,
  type PutOptions,
  type ResolveOptions,
  type RestoreOptions,
  type RestoreTarget,
  type Runtime,
  type SearchOptions,
  type SettledOptions,
  StaleBaseError,
  StaleConflictError,
  type StatsOptions,
  SyncError,
  type SyncErrorCode,
  type ValueRead
} from '@cis-memory/core'
export {
  type Agent,
  AgentExecutor,
  type AgentFunction,
  ConflictGuard,
  ConflictPendingError,
  type ContextDecision,
  type ContextMemory,
  type ContextVersion,
  type DeliveryRequest,
  type GuardConfig,
  GuardError,
  type GuardErrorCode,
  type NamedAgent,
  type SafeMemoryContext
} from '@cis-memory/guard'
export { StoreError, type StoreErrorCode, StoreLockedError } from '@cis-memory/store'
export { type KeySource, keyFile, passphrase } from '@cis-memory/store/level'
export type { MadeInvitation, NodeEvents, TransportError, TransportErrorCode } from '@cis-memory/transport'
export { nodeRuntime } from '@cis-memory/transport/node-runtime'
export { type CisConfig, readConfig } from './config/config.ts'
export {
  type CreateNodeOptions,
  createNode,
  type MemoryNode,
  type SyncWithNodeOptions
} from './create-node.ts'
export { checkHome, type Home, homeAt } from './home.ts'
export { type MergeByPolicyOptions, mergeByPolicy } from './merge-by-policy.ts'
export { type OpenMemoryOptions, openMemory } from './open-memory.ts'
/* What both entries have is listed there, once. */
export * from './session.ts'
