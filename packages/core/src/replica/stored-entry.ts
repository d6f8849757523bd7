/*
 * Entries as rows hold them. A live row is a CBOR array of entries, a history row one entry; each is
 *
 *   [number, header, cipher, path]
 *
 * number: a live entry's in the feed; of a replaced one, when it was replaced here, in milliseconds since 1970.
 * path: the entry's path in its commit's tree, or null when the commit's row has the leaves.
 */

import type { CausalEntry } from '@cis-memory/clock'
import { decodeCbor, encodeCbor, Fields, malformed } from '../entry/cbor.ts'
import { decodeHeader, type Header } from '../entry/header.ts'
import { MAX_CIPHER_BYTES, MAX_HEADER_BYTES } from '../limits.ts'

const FIELD_COUNT = 4
const MAX_PROOF_PATH_BYTES = 6 * 16

/** An entry with where it stands in this store. Causal like its header, so that the sibling rules apply to it. */
export interface StoredEntry extends CausalEntry {
  readonly id: Header['id']
  readonly header: Header
  /** The sealed payload; in the private partition, where rows are sealed anyway, the payload itself. */
  readonly cipher: Uint8Array
  readonly proofPath: Uint8Array | undefined
  /** Its number in the feed; 0 in the private partition and in history. */
  readonly lsn: bigint
}

/** An entry of the history. */
export interface ReplacedEntry extends StoredEntry {
  /** When it was replaced here, in milliseconds since 1970. */
  readonly replacedAt: number
}

/** Joins a header with what belongs to it. */
export function storedEntry(
  header: Header,
  cipher: Uint8Array,
  proofPath: Uint8Array | undefined,
  lsn: bigint
): StoredEntry {
  const { id, dot, hlc, context } = header
  return { id, dot, hlc, context, header, cipher, proofPath, lsn }
}

function fieldsOf(number: bigint | number, { header, cipher, proofPath }: StoredEntry): unknown[] {
  return [number, header.bytes, cipher, proofPath ?? null]
}

function decode(fields: Fields, lsn: bigint): StoredEntry {
  return storedEntry(
    decodeHeader(fields.bytes(1, 1, MAX_HEADER_BYTES)),
    fields.bytes(2, 1, MAX_CIPHER_BYTES),
    fields.value(3) === null ? undefined : fields.bytes(3, 0, MAX_PROOF_PATH_BYTES),
    lsn
  )
}

function fieldsIn(raw: unknown): Fields {
  return Fields.ofArray(raw, 'a stored entry', FIELD_COUNT)
}

export function encodeLiveRow(entries: readonly StoredEntry[]): Uint8Array {
  return encodeCbor(entries.map((entry) => fieldsOf(entry.lsn, entry)))
}

export function decodeLiveRow(row: Uint8Array): StoredEntry[] {
  const raw = decodeCbor(row)
  if (!Array.isArray(raw)) throw malformed('a live row', 'is no list of entries')
  return raw.map(fieldsIn).map((fields) => decode(fields, fields.uint64(0)))
}

export function encodeHistoryRow(entry: StoredEntry, replacedAt: number): Uint8Array {
  return encodeCbor(fieldsOf(replacedAt, entry))
}

export function decodeHistoryRow(row: Uint8Array): ReplacedEntry {
  const fields = fieldsIn(decodeCbor(row))
  return { ...decode(fields, 0n), replacedAt: fields.integer(0, 0) }
}
