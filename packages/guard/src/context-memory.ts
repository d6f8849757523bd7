import type {
  Authorship,
  Domain,
  JsonValue,
  MemoryValue,
  PolicyDecision,
  SourceVersion,
  ValueRead,
  Version
} from '@cis-memory/core'
import { authorshipOf, type ContestedVersion, contestedVersion } from './notifications.ts'

/** What one version says, and where it comes from. Nothing an agent does to it changes what the context holds. */
export interface ContextVersion {
  readonly kind: 'value' | 'document'
  /** JSON is frozen; bytes are a new copy each time. A document is its Yjs state as bytes. */
  readonly value: MemoryValue
  readonly contentType: string | undefined
  readonly category: string | undefined
  readonly tags: readonly string[]
  readonly expiresAt: number | undefined
  /** Who wrote it, on which device, when, as which version. */
  readonly origin: Authorship
}

/** A memory as an agent is given it. */
export interface ContextMemory extends ContextVersion {
  /** The absolute path. */
  readonly path: string
  readonly domain: Domain
  /** For curated memory: the public versions it was made from. */
  readonly sources: readonly SourceVersion[]
  /** How a policy of the owner came to this where versions differ; `undefined` where none does. */
  readonly decision: ContextDecision | undefined
}

/**
 * What a policy made of versions that contradict each other. An agent can tell from it that what it is given was
 * chosen by a rule and not by a person.
 */
export interface ContextDecision {
  readonly mode: PolicyDecision['mode']
  readonly conflictId: string
  /** `keep_all`: every version that can be read, earliest first, the one that stands for all among them. */
  readonly kept: readonly ContextVersion[]
  /** Who wrote the versions that are not given, or that were merged; never what they say. */
  readonly putAside: readonly ContestedVersion[]
  /** `ai_merge`: what made the merge that is given. */
  readonly model: string | undefined
}

/**
 * A frozen copy of what a snapshot read.
 *
 * @param now decides which of several versions have expired
 */
export function contextMemory(domain: Domain, read: ValueRead, now: number): ContextMemory {
  const { path, version, settledBy } = read
  const sources = Object.freeze(
    version.sources.map(({ path, entryId }): SourceVersion => Object.freeze({ path, entryId }))
  )
  const decision = settledBy === undefined ? undefined : contextDecision(settledBy, version, now)
  return frozenVersion(version, read.value, { path, domain, sources, decision })
}

function contextDecision(
  { mode, conflict, proposal }: PolicyDecision,
  chosen: Version,
  now: number
): ContextDecision {
  const isGiven = (version: Version): boolean => {
    if (mode === 'keep_all') return isReadable(version, now)
    // A merge goes by the name of the latest version in it, and is none of them.
    return mode === 'auto_lww' && version.entryId === chosen.entryId && version.index === chosen.index
  }
  const kept = mode === 'keep_all' ? conflict.versions.filter(isGiven) : []
  return Object.freeze({
    mode,
    conflictId: conflict.id,
    kept: Object.freeze(kept.map((version) => frozenVersion(version, version.value ?? null, {}))),
    putAside: Object.freeze(conflict.versions.filter((version) => !isGiven(version)).map(contestedVersion)),
    model: proposal?.model
  })
}

function isReadable({ kind, expiresAt }: Version, now: number): boolean {
  return (kind === 'value' || kind === 'document') && !(expiresAt !== undefined && expiresAt <= now)
}

function frozenVersion<More extends object>(
  version: Version,
  given: MemoryValue,
  more: More
): ContextVersion & More {
  const value = frozenCopy(given)
  const { contentType, category, expiresAt } = version
  return Object.freeze({
    ...more,
    kind: deliverableKind(version),
    get value(): MemoryValue {
      return value instanceof Uint8Array ? copyBytes(value) : value
    },
    contentType,
    category,
    tags: Object.freeze([...version.tags]),
    expiresAt,
    origin: authorshipOf(version)
  })
}

function deliverableKind(version: Version): 'value' | 'document' {
  const { kind } = version
  if (kind === 'value' || kind === 'document') return kind
  throw new Error(`cis broke a promise to itself: a version that is ${kind} was read as a value`)
}

function frozenCopy(value: MemoryValue): MemoryValue {
  return value instanceof Uint8Array ? copyBytes(value) : frozenJson(value)
}

/** Not `slice`: that of a Buffer shares its bytes. */
function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}

function frozenJson(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value
  if (isArray(value)) return Object.freeze(value.map(frozenJson))
  return Object.freeze(
    Object.fromEntries(Object.entries(value).map(([key, item]) => [key, frozenJson(item)]))
  )
}

/** `Array.isArray` does not narrow readonly arrays. */
function isArray(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}
