/* A record with its signature, in rows and in messages: `[bytes, signature]`. */
import { MAX_RECORD_BYTES } from '../limits.ts'
import { Fields } from './cbor.ts'
import { SIGNATURE_BYTES } from './ed25519.ts'
import { decodeRecord, type SystemRecord } from './records.ts'

export function recordToCbor({ bytes, signature }: SystemRecord): readonly Uint8Array[] {
  return [bytes, signature]
}

/** Reads a record without checking its signature. @throws {CoreError} as {@link decodeRecord} */
export function recordFromCbor(raw: unknown): SystemRecord {
  const fields = Fields.ofArray(raw, 'a signed record', 2)
  return decodeRecord(fields.bytes(0, 1, MAX_RECORD_BYTES), fields.bytes(1, 0, SIGNATURE_BYTES))
}
