/* What a vector is made of. */
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import type { JsonValue } from '../../../packages/core/src/entry/value.ts'

/** One case of a file. Its `name` says what it shows. */
export type Case = { readonly name: string; readonly [field: string]: JsonValue }

/** `count` bytes that are easy to recognise: from, from + 1, … */
export function run(from: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (from + i) & 255)
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export const MALFORMED = 'CORE_MALFORMED'

/** Cases that replace fields of an array: by their index. */
export function variants(
  bytes: Uint8Array,
  code: string,
  changes: readonly (readonly [name: string, at: number, value: unknown, code?: string])[]
): Case[] {
  return changes.map(([name, at, replacement, other]) => {
    const fields = decodeCbor(bytes) as unknown[]
    fields[at] = replacement
    return { name, hex: toHex(encodeCbor(fields)), code: other ?? code }
  })
}
