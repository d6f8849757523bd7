/**
 * The part of this package that the `cis` command uses, quick to load: the store, the network and the rest are loaded
 * once an operation needs them.
 *
 * @packageDocumentation
 */
export type {
  AbortOptions,
  AuditHead,
  AuditKind,
  AuditMemory,
  AuditProblem,
  AuditRecord,
  AuditVerdict,
  Authorship,
  Choice,
  CleanedHistory,
  Conflict,
  ConflictKind,
  ConflictMode,
  ConflictStats,
  ConflictSuggestion,
  ConflictThresholdEvent,
  DamagedRows,
  DeviceLabel,
  Domain,
  EntryId,
  HistoryItem,
  MemoryItem,
  MemoryValue,
  MergeProposal,
  Notice,
  PolicyDecision,
  Read,
  Resolution,
  RowCheck,
  SearchHit,
  SettledConflict,
  SourceVersion,
  StaleCurated,
  Version,
  VersionSummary,
  Written
} from '@cis-memory/core'
export type { ConflictNotification, ContestedVersion } from '@cis-memory/guard'
export { examineHome, type HomeFinding } from './doctor/examine-home.ts'
export { CisError, type CisErrorCode, ConfigError, type ConfigProblem } from './errors.ts'
export { defaultHome } from './home.ts'
export { type ExportOptions, exportMemories } from './import/export-memories.ts'
export type { ExportedMemory } from './import/exported.ts'
export { type ImportOptions, type ImportProgress, importMemories } from './import/import-memories.ts'
export { HolderError } from './local-socket/wire-errors.ts'
export { initHome, joinHome, openSession, runNode } from './open-session.ts'
export type * from './operations/audit-contract.ts'
export type * from './operations/conflict-contract.ts'
export type * from './operations/contract.ts'
export type * from './operations/doctor-contract.ts'
export type * from './operations/session.ts'
export { type FoundScope, findScope, writeScopeFile } from './scope-file.ts'
