export type { AuditKind } from './audit/audit-record.ts'
export type { AuditListOptions, AuditMemory, AuditRecord, AuditTrail } from './audit/audit-trail.ts'
export type { AuditHead, AuditProblem, AuditVerdict, VerifyOptions } from './audit/verify-chain.ts'
export type {
  ConflictPolicy,
  ConflictSettings,
  ConflictSettledEvent,
  ConflictStats,
  ConflictSuggestion,
  ConflictThresholdEvent,
  ConflictWindowEvent,
  DeviceLabel,
  Merge,
  MergeRequest,
  Merger,
  SettledOptions,
  StatsOptions
} from './conflict/conflict-types.ts'
export { contentDigest } from './conflict/content-digest.ts'
export { maySettle } from './conflict/policies.ts'
export type {
  CurateOptions,
  Curation,
  CurationRequest,
  Curator,
  StaleCurated
} from './curated/curated-types.ts'
export type { OverwrittenKey, OverwrittenSide } from './documents/overwritten.ts'
export { type DeviceId, DeviceKey, deviceId, devicePublicKey, verifySignature } from './entry/ed25519.ts'
export { type Path, parsePath, ROOT, resolvePath } from './entry/path.ts'
export type { JsonValue, MemoryValue } from './entry/value.ts'
export {
  ContestedError,
  CoreError,
  type CoreErrorCode,
  StaleBaseError,
  StaleConflictError,
  SyncError,
  type SyncErrorCode
} from './errors.ts'
export type { CleanedHistory, CleanHistoryOptions } from './history/clean.ts'
export type { HistorySettings } from './history/retention.ts'
export {
  MAX_FRAME_BYTES,
  MAX_GOSSIP_ENTRY_BYTES,
  MAX_GOSSIP_MESSAGE_BYTES,
  MAX_REQUEST_PATHS
} from './limits.ts'
export { createMemory } from './memory.ts'
export type {
  Choice,
  DeleteOptions,
  DomainMemory,
  EntryEvent,
  ListOptions,
  Memory,
  MemoryDoc,
  MemoryEvents,
  MemorySnapshot,
  PublicMemory,
  PutOptions,
  Resolution,
  ResolveConflictOptions,
  ResolveOptions,
  RestoreOptions,
  RestoreTarget,
  SearchHit,
  SearchOptions,
  Written
} from './memory-types.ts'
export type { AbortOptions, FrameChannel } from './ports/channel.ts'
export type { Runtime } from './ports/runtime.ts'
export type { DamagedRows, RowCheck } from './replica/check-rows.ts'
export type { EpochReason, EpochStart } from './replica/epoch-row.ts'
export {
  adoptSpace,
  createSpace,
  deviceIdentity,
  type SpaceIdentity,
  spaceIdentity
} from './replica/identity.ts'
export { Replica, type ReplicaOptions } from './replica/replica.ts'
export type {
  AbsentRead,
  Authorship,
  Conflict,
  ConflictKind,
  ConflictMode,
  ConflictRead,
  Domain,
  EntryId,
  HistoryItem,
  MemoryItem,
  MergeProposal,
  Notice,
  PolicyDecision,
  Read,
  SettledConflict,
  SourceVersion,
  ValueRead,
  Version,
  VersionSummary
} from './versions.ts'
