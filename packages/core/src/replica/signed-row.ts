/* Signed things as rows hold them: `[bytes, signature]`, and for a commit `[bytes, signature, leaves or null]`. */
import { concat } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type Commit, decodeCommit, MAX_COMMIT_BYTES } from '../entry/commit.ts'
import { SIGNATURE_BYTES } from '../entry/ed25519.ts'
import { NODE_BYTES } from '../entry/merkle.ts'
import type { SystemRecord } from '../entry/records.ts'
import { recordFromCbor, recordToCbor } from '../entry/signed-record.ts'
import { MAX_COMMIT_ENTRIES } from '../limits.ts'

export interface CommitRow {
  readonly commit: Commit
  /** The leaves of its tree, when all of them are known here. */
  readonly leaves: readonly Uint8Array[] | undefined
}

export function encodeCommitRow({ commit, leaves }: CommitRow): Uint8Array {
  return encodeCbor([commit.bytes, commit.signature, leaves === undefined ? null : concat(...leaves)])
}

export function decodeCommitRow(row: Uint8Array): CommitRow {
  const fields = Fields.ofArray(decodeCbor(row), 'a commit row', 3)
  const commit = decodeCommit(fields.bytes(0, 1, MAX_COMMIT_BYTES), fields.bytes(1, SIGNATURE_BYTES))
  if (fields.value(2) === null) return { commit, leaves: undefined }
  const joined = fields.bytes(2, NODE_BYTES, NODE_BYTES * MAX_COMMIT_ENTRIES)
  const leaves: Uint8Array[] = []
  for (let at = 0; at < joined.length; at += NODE_BYTES) leaves.push(joined.subarray(at, at + NODE_BYTES))
  return { commit, leaves }
}

export function encodeRecordRow(record: SystemRecord): Uint8Array {
  return encodeCbor(recordToCbor(record))
}

export function decodeRecordRow(row: Uint8Array): SystemRecord {
  return recordFromCbor(decodeCbor(row))
}
