import type { Domain, DomainMemory, Memory, PublicMemory } from '@cis-memory/core'
import { CisError } from '../errors.ts'
import type {
  CallArguments,
  CallName,
  CallResult,
  StreamArguments,
  StreamItem,
  StreamName
} from './contract.ts'

/** What the operations of one session reach: a handle on its scope, and the domain it is limited to. */
export interface SessionMemory {
  readonly memory: Memory
  readonly domain: Domain | undefined
}

export type CallHandlers = {
  readonly [K in CallName]: (args: CallArguments<K>, signal: AbortSignal) => Promise<CallResult<K>>
}

export type StreamHandlers = {
  readonly [K in StreamName]: (args: StreamArguments<K>, signal: AbortSignal) => AsyncIterable<StreamItem<K>>
}

/**
 * The memories of a domain that the session may use.
 *
 * @throws {CisError} `CIS_OUTSIDE_SESSION`
 */
export function domainOf(session: SessionMemory, asked: Domain = 'public'): DomainMemory {
  requireDomain(session, asked)
  return session.memory[asked]
}

/** @throws {CisError} `CIS_OUTSIDE_SESSION` */
export function publicOf(session: SessionMemory): PublicMemory {
  requireDomain(session, 'public')
  return session.memory.public
}

/** There is nothing that could answer. */
export function noModel(): CisError {
  return new CisError(
    'CIS_NO_MODEL',
    'no model is set up here, so none was asked and nothing was written. Name one under [ai] in config.toml; a process that has the store open reads that when it starts'
  )
}

/** @throws {CisError} `CIS_OUTSIDE_SESSION` unless the session reaches a domain */
export function requireDomain(session: SessionMemory, asked: Domain): void {
  if (session.domain === undefined || session.domain === asked) return
  throw new CisError(
    'CIS_OUTSIDE_SESSION',
    `this session was opened for ${session.domain} memory only; open another for ${asked} memory`
  )
}
