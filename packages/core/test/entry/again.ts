import { decodeContext, encodeContext } from '@cis-memory/clock'
import { NO_BYTES, toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { decodeCommit, signCommit } from '../../src/entry/commit.ts'
import { decodeHeader, sealHeader } from '../../src/entry/header.ts'
import { decodePayload, encodePayload } from '../../src/entry/payload.ts'
import { decodeRecord } from '../../src/entry/records.ts'
import { alice } from './build.ts'

/** Decodes, and encodes from what came out alone, not from the bytes it remembers. */
export type Again = (bytes: Uint8Array) => Uint8Array

const header: Again = (bytes) => {
  const { cipherHash, cipherLength, ...fields } = decodeHeader(bytes)
  return sealHeader(fields, cipherHash, cipherLength).bytes
}

const commit: Again = (bytes) => signCommit(alice, decodeCommit(bytes, new Uint8Array(64))).bytes

const record: Again = (bytes) => {
  const isFork = toHex(bytes.subarray(0, 3)) === '870103'
  const decoded = decodeRecord(bytes, isFork ? NO_BYTES : new Uint8Array(64))
  const raw = decodeCbor(bytes) as unknown[]
  const said: Record<string, unknown[]> = {
    genesis: [1, 0, raw[2], raw[3], raw[4], raw[5]],
    member: [1, 1, raw[2], raw[3], raw[4], raw[5], raw[6], raw[7]],
    epoch: [1, 2, raw[2], raw[3], raw[4], raw[5], raw[6]],
    fork: [1, 3, raw[2], raw[3], raw[4], raw[5], raw[6]]
  }
  return encodeCbor(said[decoded.kind])
}

/** Fields that this version does not know are left out: they may be ignored. */
const payload: Again = (bytes) => {
  const decoded = decodePayload(bytes)
  const unknown = [...(decodeCbor(bytes) as Map<unknown, unknown>)].filter(
    ([key]) => typeof key !== 'number' || key > 3
  )
  const known = decodeCbor(encodePayload(decoded)) as Map<unknown, unknown>
  return encodeCbor(new Map([...known, ...unknown]))
}

const context: Again = (bytes) => encodeContext(decodeContext(bytes))

export const again = { header, commit, record, payload, context }
