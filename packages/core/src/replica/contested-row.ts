import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'

/** What the conflict index says of a path: `[conflict id, milliseconds since 1970]`. */
export interface ContestedRow {
  readonly id: string
  readonly detectedAt: number
}

export function encodeContestedRow(row: ContestedRow): Uint8Array {
  return encodeCbor([row.id, row.detectedAt])
}

export function decodeContestedRow(bytes: Uint8Array): ContestedRow {
  const fields = Fields.ofArray(decodeCbor(bytes), 'a row of the conflict index', 2)
  return { id: fields.text(0, 32), detectedAt: fields.integer(1, 0) }
}
