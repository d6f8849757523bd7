import type {
  Authorship,
  Domain,
  JsonValue,
  MemoryValue,
  SourceVersion,
  ValueRead,
  Version
} from '@cis-memory/core'
import { authorshipOf } from './notifications.ts'

/** A memory as an agent is given it. Nothing an agent does to it changes what the context holds. */
export interface ContextMemory {
  /** The absolute path. */
  readonly path: string
  readonly domain: Domain
  readonly kind: 'value' | 'document'
  /** JSON is frozen; bytes are a new copy each time. A document is its Yjs state as bytes. */
  readonly value: MemoryValue
  readonly contentType: string | undefined
  readonly category: string | undefined
  readonly tags: readonly string[]
  readonly expiresAt: number | undefined
  /** Who wrote it, on which device, when, as which version. */
  readonly origin: Authorship
  /** For curated memory: the public versions it was made from. */
  readonly sources: readonly SourceVersion[]
}

/** A frozen copy of what a snapshot read. */
export function contextMemory(domain: Domain, read: ValueRead): ContextMemory {
  const { version } = read
  const value = frozenCopy(read.value)
  return Object.freeze({
    path: read.path,
    domain,
    kind: deliverableKind(version),
    get value(): MemoryValue {
      return value instanceof Uint8Array ? copyBytes(value) : value
    },
    contentType: version.contentType,
    category: version.category,
    tags: Object.freeze([...version.tags]),
    expiresAt: version.expiresAt,
    origin: authorshipOf(version),
    sources: Object.freeze(
      version.sources.map(({ path, entryId }): SourceVersion => Object.freeze({ path, entryId }))
    )
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
