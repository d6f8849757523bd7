/*
 * Entries as rows hold them. A live row is a CBOR array of entries, a history row one entry; each is
 *
 *   [lsn, header, cipher, path]
 *
 * path: the entry's path in its commit's tree, or null when the commit's row has the leaves.
 */

import type { CausalEntry } from '@cis-memory/clock'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
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
  /** Its number in the feed; 0 in the private partition. */
  readonly lsn: bigint
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

function fieldsOf(entry: StoredEntry): unknown[] {
  return [entry.lsn, entry.header.bytes, entry.cipher, entry.proofPath ?? null]
}

function decode(raw: unknown): StoredEntry {
  const fields = Fields.ofArray(raw, 'a stored entry', FIELD_COUNT)
  return storedEntry(
    decodeHeader(fields.bytes(1, 1, MAX_HEADER_BYTES)),
    fields.bytes(2, 1, MAX_CIPHER_BYTES),
    fields.value(3) === null ? undefined : fields.bytes(3, 0, MAX_PROOF_PATH_BYTES),
    fields.uint64(0)
  )
}

export function encodeLiveRow(entries: readonly StoredEntry[]): Uint8Array {
  return encodeCbor(entries.map(fieldsOf))
}

export function decodeLiveRow(row: Uint8Array): StoredEntry[] {
  const raw = decodeCbor(row)
  return Array.isArray(raw) ? raw.map(decode) : []
}

export function encodeHistoryRow(entry: StoredEntry): Uint8Array {
  return encodeCbor(fieldsOf(entry))
}

export function decodeHistoryRow(row: Uint8Array): StoredEntry {
  return decode(decodeCbor(row))
}
