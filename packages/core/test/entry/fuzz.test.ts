import { decodeContext, encodeContext } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_BYTES, toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { decodeCommit, signCommit } from '../../src/entry/commit.ts'
import { decodeHeader, sealHeader } from '../../src/entry/header.ts'
import { decodePayload, encodePayload } from '../../src/entry/payload.ts'
import { decodeRecord } from '../../src/entry/records.ts'
import { anyCommit, anyHeader, anyJson, anyPayload, anyRecord, damaged } from './arbitraries.ts'
import { alice, outcome } from './build.ts'

/** How often each format is damaged, and how often it is made of random parts. */
const RUNS = 3000

/** Decodes, and encodes from what came out alone, not from the bytes it remembers. */
type Again = (bytes: Uint8Array) => Uint8Array

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

/** Arrays as the formats are: the right number of fields, each of a type that could be there. */
function fieldsLike(length: number): fc.Arbitrary<Uint8Array> {
  const field = fc.oneof(
    fc.integer({ min: -1, max: 4 }),
    fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    fc.constantFrom(16, 32, 0, 64).chain((size) => fc.uint8Array({ minLength: size, maxLength: size })),
    fc.uint8Array({ maxLength: 40 }),
    anyJson
  )
  return fc
    .array(field, { minLength: length, maxLength: length })
    .map((fields) => encodeCbor([1, ...fields.slice(1)]))
}

describe('P27: bytes are refused with a code, or they are the one encoding of what they decode to', () => {
  const formats: [
    name: string,
    again: Again,
    honest: fc.Arbitrary<Uint8Array>,
    shaped: fc.Arbitrary<Uint8Array>
  ][] = [
    ['an entry header', header, anyHeader.map((each) => each.bytes), fieldsLike(12)],
    ['a commit', commit, anyCommit.map((each) => each.bytes), fieldsLike(8)],
    [
      'a system record',
      record,
      anyRecord.map((each) => each.bytes),
      fc.integer({ min: 6, max: 8 }).chain(fieldsLike)
    ],
    [
      'a payload',
      payload,
      anyPayload.map(encodePayload),
      fieldsLike(6).map((bytes) =>
        encodeCbor(
          new Map<number, unknown>([
            [0, '/a'],
            [1, [decodeCbor(bytes)]]
          ])
        )
      )
    ],
    [
      'a context',
      context,
      anyHeader.map((each) => encodeContext(each.context)),
      fc.uint8Array({ maxLength: 40 })
    ]
  ]

  const holds = (again: Again, bytes: Uint8Array): void => {
    const result = outcome(() => again(bytes))
    if (result !== toHex(bytes)) expect(result).toMatch(/^(CORE|CLOCK)_[A-Z_]+$/)
  }

  it.each(formats)('%s that is whole', (_name, again, honest) => {
    fc.assert(
      fc.property(honest, (bytes) => {
        expect(outcome(() => again(bytes))).toBe(toHex(bytes))
      }),
      { numRuns: 200 }
    )
  })

  it.each(formats)('%s that was damaged', (_name, again, honest) => {
    fc.assert(
      fc.property(honest.chain(damaged), (bytes) => holds(again, bytes)),
      { numRuns: RUNS }
    )
  })

  it.each(formats)('%s made of parts that fit or not', (_name, again, _honest, shaped) => {
    fc.assert(
      fc.property(shaped, (bytes) => holds(again, bytes)),
      { numRuns: RUNS }
    )
  })

  it.each(formats)('%s of random bytes, or none', (_name, again) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => holds(again, bytes)),
      { numRuns: RUNS }
    )
    holds(again, NO_BYTES)
  })
})
