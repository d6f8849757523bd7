/*
 * The header of an entry: what every replica may judge by, without the keys to its payload. A CBOR array of 12:
 *
 *    0 v             1
 *    1 space         16 bytes
 *    2 path          κ: 16 bytes a segment, 1 to 16 segments
 *    3 actor         16 bytes
 *    4 n             1 …
 *    5 hlc           unsigned 64 bits: 48 of milliseconds, 16 of counter
 *    6 type          0 put · 1 delete · 2 ydoc
 *    7 context       canonical bytes of `@cis-memory/clock`, without the own actor
 *    8 parents       16 bytes each, ascending: exactly the live siblings it replaces
 *    9 keyId         16 bytes
 *   10 cipherHash    SHA-256 of the sealed payload
 *   11 cipherLength
 *
 * id = SHA-256("cis/entry/1" ‖ 0 ‖ header); its first 16 bytes name the entry.
 */
import {
  ACTOR_ID_BYTES,
  actorFromBytes,
  actorToBytes,
  type CausalEntry,
  type Dot,
  decodeContext,
  encodeContext,
  type Timestamp,
  timestamp,
  type VersionVector
} from '@cis-memory/clock'
import { MAX_CIPHER_BYTES, MAX_HEADER_BYTES, MAX_PARENTS, MAX_PATH_SEGMENTS } from '../limits.ts'
import type { EntryId } from '../versions.ts'
import { concat, fromHex, toHex } from './bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from './cbor.ts'
import { ID_BYTES, labelledHash } from './hash.ts'
import { TOKEN_BYTES } from './path.ts'
import type { KeyId, SpaceId } from './space-keys.ts'

export type EntryType = 'put' | 'delete' | 'ydoc'

const VERSION = 1
const TYPES: readonly EntryType[] = ['put', 'delete', 'ydoc']
const FIELD_COUNT = 12
const HASH_BYTES = 32

/** Everything a header says but the hash and length of the payload, which is sealed with this as its context. */
export interface UnsealedHeader {
  readonly space: SpaceId
  /** κ, see `path.ts`. */
  readonly path: Uint8Array
  readonly dot: Dot
  readonly hlc: Timestamp
  readonly type: EntryType
  readonly context: VersionVector
  /** Ascending, without duplicates. */
  readonly parents: readonly EntryId[]
  readonly keyId: KeyId
}

export interface Header extends UnsealedHeader, CausalEntry {
  readonly id: EntryId
  /** The whole hash that `id` is the start of: the leaf of the commit's tree. */
  readonly digest: Uint8Array
  /** The bytes all of this was read from. */
  readonly bytes: Uint8Array
  readonly cipherHash: Uint8Array
  readonly cipherLength: number
}

function unsealedFields(header: UnsealedHeader): unknown[] {
  return [
    VERSION,
    fromHex(header.space),
    header.path,
    actorToBytes(header.dot.actor),
    header.dot.n,
    header.hlc,
    TYPES.indexOf(header.type),
    encodeContext(header.context),
    concat(...header.parents.map(fromHex)),
    fromHex(header.keyId)
  ]
}

/** The associated data of a payload: a ciphertext cannot be passed off under another header. */
export function payloadContext(header: UnsealedHeader): Uint8Array {
  return encodeCbor(unsealedFields(header))
}

/** Completes a header with the hash and length of its sealed payload. */
export function sealHeader(header: UnsealedHeader, cipherHash: Uint8Array, cipherLength: number): Header {
  return decodeHeader(encodeCbor([...unsealedFields(header), cipherHash, cipherLength]))
}

/**
 * Reads a header. The result refers to `bytes`, which must not change afterwards.
 *
 * @throws {CoreError} `CORE_MALFORMED` for anything but the canonical form
 * @throws {ClockError} `CLOCK_MALFORMED`, `CLOCK_LIMIT` for its context
 */
export function decodeHeader(bytes: Uint8Array): Header {
  if (bytes.length > MAX_HEADER_BYTES)
    throw malformed('an entry header', `has more than ${MAX_HEADER_BYTES} bytes`)
  const fields = Fields.ofArray(decodeCbor(bytes), 'an entry header', FIELD_COUNT)
  fields.integer(0, VERSION, VERSION)
  const path = fields.bytes(2, TOKEN_BYTES, TOKEN_BYTES * MAX_PATH_SEGMENTS)
  if (path.length % TOKEN_BYTES !== 0) throw malformed('an entry header', 'has half a path token')
  const actor = actorFromBytes(fields.bytes(3, ACTOR_ID_BYTES))
  const context = decodeContext(fields.bytes(7, 0, MAX_HEADER_BYTES))
  if (context.has(actor)) throw malformed('an entry header', 'names its own actor in its context')
  const digest = labelledHash('cis/entry/1', bytes)
  return {
    id: toHex(digest.subarray(0, ID_BYTES)) as EntryId,
    digest,
    bytes,
    space: toHex(fields.bytes(1, ID_BYTES)) as SpaceId,
    path,
    dot: { actor, n: fields.integer(4, 1) },
    hlc: timestamp(fields.uint64(5)),
    type: TYPES[fields.integer(6, 0, TYPES.length - 1)] as EntryType,
    context,
    parents: decodeParents(fields.bytes(8, 0, MAX_PARENTS * ID_BYTES)),
    keyId: toHex(fields.bytes(9, ID_BYTES)) as KeyId,
    cipherHash: fields.bytes(10, HASH_BYTES),
    cipherLength: fields.integer(11, 1, MAX_CIPHER_BYTES)
  }
}

function decodeParents(bytes: Uint8Array): EntryId[] {
  if (bytes.length % ID_BYTES !== 0) throw malformed('an entry header', 'has half a parent')
  const parents: EntryId[] = []
  for (let at = 0; at < bytes.length; at += ID_BYTES) {
    const id = toHex(bytes.subarray(at, at + ID_BYTES)) as EntryId
    const previous = parents.at(-1)
    if (previous !== undefined && id <= previous)
      throw malformed('an entry header', 'has parents out of order')
    parents.push(id)
  }
  return parents
}
