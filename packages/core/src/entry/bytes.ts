/** Small helpers on byte strings. */

export const NO_BYTES: Uint8Array = new Uint8Array(0)

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/**
 * The bytes of hex digits that were checked before.
 *
 * @throws {TypeError} when they were not: what cannot be read would be left out in silence
 */
export function fromHex(hex: string): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(hex, 'hex'))
  if (2 * bytes.length !== hex.length) throw new TypeError('expected pairs of hex digits')
  return bytes
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && equalBytes(bytes.subarray(0, prefix.length), prefix)
}

/** A whole number as 8 bytes, big end first, so that byte order is number order. */
export function uint64Bytes(value: number | bigint): Uint8Array {
  const out = new Uint8Array(8)
  new DataView(out.buffer).setBigUint64(0, BigInt(value))
  return out
}

export function readUint64(bytes: Uint8Array, offset: number = 0): bigint {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(offset)
}
