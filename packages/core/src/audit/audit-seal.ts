/*
 * The seal of an audit log: where its chain starts and ends, signed by the device. Whoever removes or alters records
 * cannot make another. A CBOR array of 5:
 *
 *   0 base         number of the last record that was let go of for its age; 0 when none was
 *   1 base digest  its digest; zeros when there is none
 *   2 head         number of the latest record
 *   3 head digest  its digest
 *   4 at           milliseconds since 1970
 *
 * signature = Ed25519("cis/audit-seal/1" ‖ 0 ‖ seal). The row is [seal, signature].
 */
import { concat } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { type DeviceId, type DeviceKey, SIGNATURE_BYTES, verifySignature } from '../entry/ed25519.ts'
import { type ChainLink, DIGEST_BYTES } from './audit-record.ts'

const SIGNED_LABEL = Buffer.from('cis/audit-seal/1\0')
const MAX_SEAL_BYTES = 128

export interface AuditSeal {
  readonly base: ChainLink
  readonly head: ChainLink
  readonly at: number
}

export function encodeSealRow(key: DeviceKey, { base, head, at }: AuditSeal): Uint8Array {
  const seal = encodeCbor([base.seq, base.digest, head.seq, head.digest, at])
  return encodeCbor([seal, key.sign(concat(SIGNED_LABEL, seal))])
}

/**
 * What a seal says, or `undefined` when the device has not signed it.
 *
 * @throws {CoreError} `CORE_MALFORMED`
 */
export function decodeSealRow(device: DeviceId, row: Uint8Array): AuditSeal | undefined {
  const signed = Fields.ofArray(decodeCbor(row), 'the row of the audit seal', 2)
  const seal = signed.bytes(0, 1, MAX_SEAL_BYTES)
  if (!verifySignature(device, concat(SIGNED_LABEL, seal), signed.bytes(1, SIGNATURE_BYTES))) return undefined
  const fields = Fields.ofArray(decodeCbor(seal), 'an audit seal', 5)
  return {
    base: { seq: fields.integer(0, 0), digest: fields.bytes(1, DIGEST_BYTES) },
    head: { seq: fields.integer(2, 1), digest: fields.bytes(3, DIGEST_BYTES) },
    at: fields.integer(4, 0)
  }
}
