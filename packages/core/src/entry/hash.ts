/*
 * Hashes and keyed hashes with a label in front, so that bytes made for one purpose mean nothing in another.
 */
import { createHash, createHmac, hkdfSync } from 'node:crypto'

export const ID_BYTES = 16

/** SHA-256 of `label ‖ 0x00 ‖ parts`, 32 bytes. Labels contain no zero byte, so none is a prefix of another. */
export function labelledHash(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256').update(`${label}\0`)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest())
}

/** The first 16 bytes of {@link labelledHash}. */
export function labelledId(label: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return labelledHash(label, ...parts).subarray(0, ID_BYTES)
}

/** SHA-256 of bytes alone. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

/** HMAC-SHA256, 32 bytes. */
export function hmac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const mac = createHmac('sha256', key)
  for (const part of parts) mac.update(part)
  return new Uint8Array(mac.digest())
}

/** HKDF-SHA256 (RFC 5869) with a label as `info`. */
export function deriveKey(
  secret: Uint8Array,
  salt: Uint8Array,
  label: string,
  length: number = 32
): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, salt, label, length))
}
