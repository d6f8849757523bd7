import { encodeContext } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_BYTES, toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { encodePayload } from '../../src/entry/payload.ts'
import { type Again, again } from './again.ts'
import { anyCommit, anyHeader, anyJson, anyPayload, anyRecord, damaged } from './arbitraries.ts'
import { outcome } from './build.ts'

/** How often each format is damaged, and how often it is made of random parts. */
const RUNS = 3000

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
    write: Again,
    honest: fc.Arbitrary<Uint8Array>,
    shaped: fc.Arbitrary<Uint8Array>
  ][] = [
    ['an entry header', again.header, anyHeader.map((each) => each.bytes), fieldsLike(12)],
    ['a commit', again.commit, anyCommit.map((each) => each.bytes), fieldsLike(8)],
    [
      'a system record',
      again.record,
      anyRecord.map((each) => each.bytes),
      fc.integer({ min: 6, max: 8 }).chain(fieldsLike)
    ],
    [
      'a payload',
      again.payload,
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
      again.context,
      anyHeader.map((each) => encodeContext(each.context)),
      fc.uint8Array({ maxLength: 40 })
    ]
  ]

  const holds = (write: Again, bytes: Uint8Array): void => {
    const result = outcome(() => write(bytes))
    if (result !== toHex(bytes)) expect(result).toMatch(/^(CORE|CLOCK)_[A-Z_]+$/)
  }

  it.each(formats)('%s that is whole', (_name, write, honest) => {
    fc.assert(
      fc.property(honest, (bytes) => {
        expect(outcome(() => write(bytes))).toBe(toHex(bytes))
      }),
      { numRuns: 200 }
    )
  })

  it.each(formats)('%s that was damaged', (_name, write, honest) => {
    fc.assert(
      fc.property(honest.chain(damaged), (bytes) => holds(write, bytes)),
      { numRuns: RUNS }
    )
  })

  it.each(formats)('%s made of parts that fit or not', (_name, write, _honest, shaped) => {
    fc.assert(
      fc.property(shaped, (bytes) => holds(write, bytes)),
      { numRuns: RUNS }
    )
  })

  it.each(formats)('%s of random bytes, or none', (_name, write) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => holds(write, bytes)),
      { numRuns: RUNS }
    )
    holds(write, NO_BYTES)
  })
})
