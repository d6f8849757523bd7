/*
 * What people read of an entry, sealed once by its author. A CBOR map:
 *
 *   0 path          text, absolute; κ is recomputed from it on opening
 *   1 alternatives  array of 1 to 64: [kind, contentType, value, category, tags, expiresAt]
 *                   kind 0 value · 1 deleted · 2 document; several only when an undo brought them back
 *   2 agent         text, absent when nobody said
 *   3 sources       array of [path, 16-byte entry id], absent unless curated
 *   4 overwrite     true: its writer replaced a value unseen, on purpose; absent otherwise
 *   5 dropped       context of what the save of a document covers and need not hold; absent when empty
 *
 * Sealed form, before encryption: one byte (0 as is · 1 raw deflate, RFC 1951), the length of what follows in four
 * bytes, big end first, then that, then zeros up to a multiple of 32.
 */

import { deflateRawSync, inflateRawSync, type ZlibOptions } from 'node:zlib'
import {
  ACTOR_ID_BYTES,
  decodeContext,
  EMPTY_VECTOR,
  encodeContext,
  MAX_CONTEXT_ACTORS,
  type VersionVector
} from '@cis-memory/clock'
import { open, type SealingKey, seal } from '@cis-memory/store'
import { CoreError } from '../errors.ts'
import {
  MAX_ALTERNATIVES,
  MAX_CIPHER_BYTES,
  MAX_LABEL_BYTES,
  MAX_PATH_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_SOURCES,
  MAX_TAGS
} from '../limits.ts'
import type { EntryId, SourceVersion } from '../versions.ts'
import { fromHex, toHex } from './bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from './cbor.ts'
import { ID_BYTES } from './hash.ts'
import { type Path, parsePath, ROOT } from './path.ts'
import { checkValue, type MemoryValue, plainValue } from './value.ts'

const KINDS = ['value', 'deleted', 'document'] as const
const ALTERNATIVE_FIELDS = 6
const MAX_DROPPED_BYTES = MAX_CONTEXT_ACTORS * (ACTOR_ID_BYTES + 8)

const PREFIX_BYTES = 5
const PADDING_BYTES = 32
/** Below this compression saves less than the padding takes. */
const MIN_DEFLATED_BYTES = 96
const SMALL_PAYLOAD_BYTES = 4096
const ZLIB_CHUNK_BYTES = 16 * 1024
const AS_IS = 0
const DEFLATED = 1

/** One value an entry stands for: what a reader sees of a version. */
export interface Alternative {
  readonly kind: (typeof KINDS)[number]
  readonly contentType: string | undefined
  readonly value: MemoryValue | undefined
  readonly category: string | undefined
  readonly tags: readonly string[]
  readonly expiresAt: number | undefined
}

export interface Payload {
  readonly path: Path
  readonly alternatives: readonly Alternative[]
  readonly agent: string | undefined
  readonly sources: readonly SourceVersion[]
  /** Whether its writer replaced a value without having seen it, and meant to. */
  readonly isOverwrite: boolean
  /** For the save of a document: what was dropped on purpose below it, so that it need not hold it. */
  readonly dropped: VersionVector
}

/** The alternative that says a memory was deleted. */
export const DELETED: Alternative = {
  kind: 'deleted',
  contentType: undefined,
  value: undefined,
  category: undefined,
  tags: [],
  expiresAt: undefined
}

/** The canonical bytes of an alternative: two are the same value if and only if these are equal. */
export function encodeAlternative(alternative: Alternative): Uint8Array {
  return encodeCbor(alternativeFields(alternative))
}

function alternativeFields(alternative: Alternative): unknown[] {
  return [
    KINDS.indexOf(alternative.kind),
    alternative.contentType ?? null,
    alternative.value ?? null,
    alternative.category ?? null,
    alternative.tags,
    alternative.expiresAt ?? null
  ]
}

/** Encodes a payload that was built from checked parts. */
export function encodePayload(payload: Payload): Uint8Array {
  const fields = new Map<number, unknown>([
    [0, payload.path],
    [1, payload.alternatives.map(alternativeFields)]
  ])
  if (payload.agent !== undefined) fields.set(2, payload.agent)
  if (payload.sources.length > 0) {
    fields.set(
      3,
      payload.sources.map((source) => [source.path, fromHex(source.entryId)])
    )
  }
  if (payload.isOverwrite) fields.set(4, true)
  if (payload.dropped.size > 0) fields.set(5, encodeContext(payload.dropped))
  const bytes = encodeCbor(fields)
  if (bytes.length > MAX_PAYLOAD_BYTES) {
    throw new CoreError(
      'CORE_VALUE_TOO_LARGE',
      `a memory with its labels has at most ${MAX_PAYLOAD_BYTES} bytes; nothing was written`
    )
  }
  return bytes
}

/**
 * Reads a payload.
 *
 * @throws {CoreError} `CORE_MALFORMED`, or the code of the part that is not what it should be
 */
export function decodePayload(bytes: Uint8Array): Payload {
  const fields = Fields.ofMap(decodeCbor(bytes), 'a payload')
  const path = decodePath(fields)
  const alternatives = fields.array(1, MAX_ALTERNATIVES).map(decodeAlternative)
  if (alternatives.length === 0) throw malformed('a payload', 'has no value')
  if (fields.has(4) && fields.value(4) !== true)
    throw malformed('a payload', 'is an overwrite that is not true')
  return {
    path,
    alternatives,
    agent: fields.has(2) ? fields.text(2, MAX_LABEL_BYTES) : undefined,
    sources: fields.has(3) ? decodeSources(fields.array(3, MAX_SOURCES)) : [],
    isOverwrite: fields.has(4),
    dropped: fields.has(5) ? decodeDropped(fields.bytes(5, 1, MAX_DROPPED_BYTES)) : EMPTY_VECTOR
  }
}

function decodeDropped(bytes: Uint8Array): VersionVector {
  try {
    return decodeContext(bytes)
  } catch (cause) {
    throw new CoreError('CORE_MALFORMED', 'a payload is malformed: it has dropped what is no context', {
      cause
    })
  }
}

/** The path in field 0: one that a memory can have, in its one form. */
function decodePath(fields: Fields): Path {
  const text = fields.text(0, MAX_PATH_BYTES)
  const path = parsePath(text)
  if (path !== text) throw malformed('a payload', 'has a path in another than its one form')
  if (path === ROOT) throw malformed('a payload', 'has the root as its path')
  return path
}

function decodeAlternative(raw: unknown): Alternative {
  const fields = Fields.ofArray(raw, 'a value', ALTERNATIVE_FIELDS)
  const optionalText = (key: number): string | undefined =>
    fields.value(key) === null ? undefined : fields.text(key, MAX_LABEL_BYTES)
  const kind = KINDS[fields.integer(0, 0, KINDS.length - 1)] as Alternative['kind']
  if (kind === 'deleted' && fields.value(2) !== null) throw malformed('a value', 'is deleted and has one')
  const value = kind === 'deleted' ? undefined : plainValue(fields.value(2))
  if (value !== undefined) checkValue(value)
  if (kind === 'document' && !(value instanceof Uint8Array))
    throw malformed('a value', 'is a document without bytes')
  return {
    kind,
    contentType: optionalText(1),
    value,
    category: optionalText(3),
    tags: decodeTags(fields.array(4, MAX_TAGS)),
    expiresAt: fields.value(5) === null ? undefined : fields.integer(5, 0)
  }
}

function decodeTags(raw: readonly unknown[]): string[] {
  const tags = Fields.ofArray(raw, 'a list of tags', raw.length)
  return raw.map((_, index) => tags.text(index, MAX_LABEL_BYTES))
}

function decodeSources(raw: readonly unknown[]): SourceVersion[] {
  if (raw.length === 0) throw malformed('a payload', 'has an empty list of sources')
  return raw.map((source) => {
    const fields = Fields.ofArray(source, 'a source', 2)
    return { path: decodePath(fields), entryId: toHex(fields.bytes(1, ID_BYTES)) as EntryId }
  })
}

/**
 * Compresses when that saves and may be done, pads and seals. `random` is 24 fresh bytes.
 *
 * @param options.compression whether it may be done: the size of what is compressed tells of its content
 */
export function sealPayload(
  key: SealingKey,
  payload: Uint8Array,
  associatedData: Uint8Array,
  random: Uint8Array,
  { compression = true }: { readonly compression?: boolean } = {}
): Uint8Array {
  return seal(key, frame(payload, compression ? deflated(payload) : payload), associatedData, random)
}

/**
 * Opens and inflates a sealed payload.
 *
 * @throws {CoreError} `CORE_MALFORMED` when it was not sealed under this key and header, or inflates beyond its
 * limit
 */
export function openPayload(key: SealingKey, sealed: Uint8Array, associatedData: Uint8Array): Uint8Array {
  if (sealed.length > MAX_CIPHER_BYTES) throw malformed('a sealed payload', 'is too large')
  const framed = open(key, sealed, associatedData)
  if (framed === undefined) throw malformed('a sealed payload', 'does not open with this key')
  return unframe(framed)
}

/** The shorter of a payload and its compressed form. */
function deflated(payload: Uint8Array): Uint8Array {
  if (payload.length < MIN_DEFLATED_BYTES) return payload
  const body = deflateRawSync(payload, deflateOptions(payload))
  return body.length < payload.length ? body : payload
}

function frame(payload: Uint8Array, body: Uint8Array): Uint8Array {
  const unpadded = PREFIX_BYTES + body.length
  const framed = new Uint8Array(Math.ceil(unpadded / PADDING_BYTES) * PADDING_BYTES)
  framed[0] = body === payload ? AS_IS : DEFLATED
  new DataView(framed.buffer).setUint32(1, body.length)
  framed.set(body, PREFIX_BYTES)
  return framed
}

/** Small payloads get a small window and a small output buffer: zlib's usual ones cost more than the work. */
function deflateOptions(payload: Uint8Array): ZlibOptions {
  if (payload.length > SMALL_PAYLOAD_BYTES) return {}
  return { windowBits: 12, memLevel: 5, chunkSize: SMALL_PAYLOAD_BYTES }
}

function unframe(framed: Uint8Array): Uint8Array {
  if (framed.length < PREFIX_BYTES) throw malformed('a sealed payload', 'is too short')
  const length = new DataView(framed.buffer, framed.byteOffset, framed.byteLength).getUint32(1)
  const end = PREFIX_BYTES + length
  const isPadded = framed.length === Math.ceil(end / PADDING_BYTES) * PADDING_BYTES
  if (!isPadded || framed.subarray(end).some((byte) => byte !== 0)) {
    throw malformed('a sealed payload', 'is not padded as it should be')
  }
  const body = framed.subarray(PREFIX_BYTES, end)
  if (framed[0] === AS_IS) return body
  if (framed[0] !== DEFLATED) throw malformed('a sealed payload', 'is compressed in an unknown way')
  return inflate(body)
}

/** Stops at the limit instead of filling memory, and takes no bytes after the end of the stream. */
function inflate(body: Uint8Array): Uint8Array {
  let inflated: Inflated
  try {
    const chunkSize = Math.min(Math.max(body.length * 4, 1024), ZLIB_CHUNK_BYTES)
    const options = { maxOutputLength: MAX_PAYLOAD_BYTES, info: true, chunkSize }
    inflated = inflateRawSync(body, options) as unknown as Inflated
  } catch (cause) {
    throw new CoreError('CORE_MALFORMED', 'a sealed payload does not inflate within its limit', { cause })
  }
  if (inflated.engine.bytesWritten !== body.length) {
    throw malformed('a sealed payload', 'goes on after its compressed part')
  }
  return new Uint8Array(inflated.buffer)
}

/** What zlib answers with the option `info`, which its types leave out. */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}
