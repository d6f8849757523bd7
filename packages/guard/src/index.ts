export { type Agent, AgentExecutor, type AgentFunction, type NamedAgent } from './agent-executor.ts'
export { ConflictGuard, type GuardConfig } from './conflict-guard.ts'
export type { CheckedContext, ContextBuilder } from './context-builder.ts'
export type { ContextDecision, ContextMemory, ContextVersion } from './context-memory.ts'
export { ConflictPendingError, GuardError, type GuardErrorCode } from './errors.ts'
export { DEFAULT_CONTEXT_MEMORIES, MAX_CONTEXT_BYTES, MAX_CONTEXT_MEMORIES } from './limits.ts'
export type { ConflictNotification, ContestedVersion } from './notifications.ts'
export type { CheckRequest, DeliveryRequest, DetectRequest, Selection } from './request.ts'
export type {
  ContextDeleteOptions,
  ContextGetOptions,
  ContextPutOptions,
  SafeMemoryContext
} from './safe-memory-context.ts'
