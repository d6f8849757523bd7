import type { AbortOptions, Domain } from '@cis-memory/core'
import {
  DEFAULT_CONTEXT_MEMORIES,
  DEFAULT_QUERY_MEMORIES,
  MAX_AGENT_NAME_BYTES,
  MAX_CONTEXT_MEMORIES,
  MAX_SELECTED_PATHS
} from './limits.ts'

/** Where to look for conflicts. */
export interface CheckRequest extends AbortOptions {
  /** A path within the scope of the guard's memory, relative to it or absolute. @default the whole of it */
  readonly scope?: string
}

/** Which new conflicts to tell about. */
export interface DetectRequest extends CheckRequest {
  /** Milliseconds since 1970: conflicts this device noticed then or later. */
  readonly since: number
}

/**
 * What of a scope an agent needs. Several fields add up; without any of them it is everything in scope. The check
 * always covers the whole scope: a contested memory blocks even when it is not selected.
 */
export interface Selection {
  /** Exactly these paths. */
  readonly keys?: readonly string[]
  /** Everything at or below these paths, compared segment by segment. */
  readonly prefixes?: readonly string[]
  /** What a search for this finds, best first; 20 memories unless there is a `limit`. */
  readonly query?: string
  /** Memories in all, 1 to 4096. @default 256 */
  readonly limit?: number
}

/** What an agent is to be given. */
export interface DeliveryRequest extends CheckRequest {
  /** The agent's name. Labels what it writes. */
  readonly agent: string
  /** @default everything in scope */
  readonly select?: Selection
  /** Which domains the agent reads and writes, the one it writes to by default first. @default public, private */
  readonly domains?: readonly Domain[]
  /**
   * What a conflict does that reaches the scope while the agent runs: `abort` ends the context and aborts its
   * signal, `finish` only turns `isFresh` false. Neither starts an agent on it any more.
   * @default 'abort'
   */
  readonly onConflict?: 'abort' | 'finish'
  /** Milliseconds until the context gives nothing any more. @default it does not expire */
  readonly maxAgeMs?: number
  /**
   * Pull what connected peers have of the scope first, by the `refresh` of the guard. When that fails, nothing is
   * delivered.
   * @default false
   */
  readonly fresh?: boolean
}

/** A selection with its defaults in place. `keys` and `prefixes` come from the caller and are not resolved yet. */
export interface CheckedSelection {
  readonly keys: readonly string[]
  /** `undefined` stands for the scope itself. */
  readonly prefixes: readonly (string | undefined)[]
  readonly query: string | undefined
  readonly queryLimit: number
  readonly limit: number
}

export interface CheckedRequest {
  readonly scope: string | undefined
  readonly agent: string
  readonly selection: CheckedSelection
  readonly domains: readonly Domain[]
  readonly onConflict: 'abort' | 'finish'
  readonly maxAgeMs: number
  readonly fresh: boolean
  readonly signal: AbortSignal | undefined
}

const DOMAINS: readonly Domain[] = ['public', 'private']

/**
 * Reads every field once and copies what can change, so that what was checked is what is used.
 *
 * @throws {TypeError | RangeError} for a request that makes no sense.
 */
export function checkRequest(request: DeliveryRequest): CheckedRequest {
  const { agent, scope, select = {}, domains = DOMAINS, onConflict = 'abort', maxAgeMs, signal } = request
  const { fresh = false } = request
  if (typeof agent !== 'string' || agent.trim() === '') throw new TypeError('agent: expected a name')
  if (!agent.isWellFormed() || new TextEncoder().encode(agent).length > MAX_AGENT_NAME_BYTES) {
    throw new RangeError(`agent: expected a name of at most ${MAX_AGENT_NAME_BYTES} bytes`)
  }
  if (typeof fresh !== 'boolean') throw new TypeError('fresh: expected true or false')
  if (onConflict !== 'abort' && onConflict !== 'finish') {
    throw new RangeError("onConflict: expected 'abort' or 'finish'")
  }
  if (maxAgeMs !== undefined && !(maxAgeMs > 0)) throw new RangeError('maxAgeMs: expected more than 0')
  return {
    scope: optionalText('scope', scope),
    agent,
    selection: checkSelection(select),
    domains: checkDomains(domains),
    onConflict,
    maxAgeMs: maxAgeMs ?? Number.POSITIVE_INFINITY,
    fresh,
    signal
  }
}

function checkSelection(select: Selection): CheckedSelection {
  const { keys, prefixes, query, limit } = select
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit >= 1 && limit <= MAX_CONTEXT_MEMORIES)) {
    throw new RangeError(`select.limit: expected a whole number from 1 to ${MAX_CONTEXT_MEMORIES}`)
  }
  const isEverything = keys === undefined && prefixes === undefined && query === undefined
  return {
    keys: paths('keys', keys ?? []),
    prefixes: isEverything ? [undefined] : paths('prefixes', prefixes ?? []),
    query: optionalText('select.query', query),
    queryLimit: limit ?? DEFAULT_QUERY_MEMORIES,
    limit: limit ?? DEFAULT_CONTEXT_MEMORIES
  }
}

function checkDomains(domains: readonly Domain[]): readonly Domain[] {
  const copy = [...new Set(domains)]
  if (copy.length === 0 || copy.some((domain) => !DOMAINS.includes(domain))) {
    throw new RangeError("domains: expected 'public', 'private' or both")
  }
  return Object.freeze(copy)
}

function paths(name: string, given: readonly string[]): readonly string[] {
  const copy = [...given]
  if (copy.length > MAX_SELECTED_PATHS) {
    throw new RangeError(`select.${name}: expected at most ${MAX_SELECTED_PATHS} paths, got ${copy.length}`)
  }
  if (copy.some((path) => typeof path !== 'string')) throw new TypeError(`select.${name}: expected paths`)
  return copy
}

function optionalText(name: string, given: string | undefined): string | undefined {
  if (given !== undefined && typeof given !== 'string') throw new TypeError(`${name}: expected text`)
  return given
}
