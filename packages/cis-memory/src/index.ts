export {
  type AbortOptions,
  type AbsentRead,
  type Authorship,
  type Choice,
  type Conflict,
  type ConflictKind,
  type ConflictRead,
  ContestedError,
  CoreError,
  type CoreErrorCode,
  type CurateOptions,
  type DeleteOptions,
  type DeviceId,
  type Domain,
  type DomainMemory,
  type EntryEvent,
  type EntryId,
  type HistoryItem,
  type JsonValue,
  type ListOptions,
  type Memory,
  type MemoryDoc,
  type MemoryEvents,
  type MemoryItem,
  type MemorySnapshot,
  type MemoryValue,
  type PublicMemory,
  type PutOptions,
  type Read,
  type Resolution,
  type ResolveOptions,
  type Runtime,
  type SearchHit,
  type SearchOptions,
  type SourceVersion,
  StaleBaseError,
  StaleConflictError,
  SyncError,
  type SyncErrorCode,
  type ValueRead,
  type Version,
  type Written
} from '@cis-memory/core'
export {
  type Agent,
  AgentExecutor,
  type AgentFunction,
  ConflictGuard,
  type ConflictNotification,
  ConflictPendingError,
  type ContestedVersion,
  type ContextMemory,
  GuardError,
  type GuardErrorCode,
  type NamedAgent,
  type SafeMemoryContext
} from '@cis-memory/guard'
export { StoreError, type StoreErrorCode, StoreLockedError } from '@cis-memory/store'
export { type KeySource, keyFile, passphrase } from '@cis-memory/store/level'
export type { MadeInvitation, NodeEvents, TransportError, TransportErrorCode } from '@cis-memory/transport'
export { type CisConfig, readConfig } from './config/config.ts'
export {
  type CreateNodeOptions,
  createNode,
  type MemoryNode,
  type SyncWithNodeOptions
} from './create-node.ts'
export { CisError, type CisErrorCode, ConfigError, type ConfigProblem } from './errors.ts'
export { checkHome, defaultHome, type Home, homeAt } from './home.ts'
export { type ImportMarkdownOptions, type ImportProgress, importMarkdown } from './import/import-markdown.ts'
export { type MarkdownFile, type MarkdownPlan, planMarkdown } from './import/markdown.ts'
export { HolderError } from './local-socket/wire-errors.ts'
export { nodeRuntime } from './node-runtime.ts'
export { type OpenMemoryOptions, openMemory } from './open-memory.ts'
export { initHome, joinHome, openSession, runNode } from './open-session.ts'
export type {
  AddPeerArguments,
  CallArguments,
  CallName,
  CallOperations,
  CallResult,
  ConflictArguments,
  CurateArguments,
  DeleteArguments,
  DeleteResult,
  GuardArguments,
  GuardResult,
  ImportArguments,
  ImportItem,
  ImportOutcome,
  InviteArguments,
  InviteEvent,
  ListArguments,
  NoArguments,
  NodeInfo,
  OperationName,
  PathArguments,
  PeerInfo,
  PeerName,
  RemovePeerArguments,
  ResolveArguments,
  ResolveResult,
  SearchArguments,
  SetArguments,
  SetResult,
  ShownConflict,
  StatusResult,
  StreamArguments,
  StreamItem,
  StreamName,
  StreamOperations,
  SyncArguments,
  SyncEvent,
  SyncSummary,
  UndoArguments
} from './operations/contract.ts'
export type {
  CisSession,
  HomeResult,
  InitOptions,
  JoinOptions,
  RunNodeOptions,
  RunningNode,
  SessionOptions
} from './operations/session.ts'
export { type FoundScope, findScope, writeScopeFile } from './scope-file.ts'
