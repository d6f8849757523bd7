import { MAX_CONTEXT_ACTORS, timestamp } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { labelledHash } from '../../src/entry/hash.ts'
import { decodeHeader, payloadContext, sealHeader } from '../../src/entry/header.ts'
import { MAX_CIPHER_BYTES, MAX_HEADER_BYTES, MAX_PARENTS } from '../../src/limits.ts'
import type { EntryId } from '../../src/versions.ts'
import { anyHeader } from './arbitraries.ts'
import { ACTOR, filled, header, OTHER_ACTOR, refusal } from './build.ts'

const malformed = refusal('CORE_MALFORMED')

/** The bytes of a header with some of its fields replaced. */
function changed(changes: Readonly<Record<number, unknown>>): Uint8Array {
  const fields = decodeCbor(header().bytes) as unknown[]
  for (const [at, value] of Object.entries(changes)) fields[Number(at)] = value
  return encodeCbor(fields)
}

describe('headers', () => {
  it('P27: come back as they were sealed', () => {
    fc.assert(
      fc.property(anyHeader, (made) => {
        const { id, digest, bytes, cipherHash, cipherLength, ...fields } = made
        expect(decodeHeader(bytes)).toEqual(made)
        expect(toHex(sealHeader(fields, cipherHash, cipherLength).bytes)).toBe(toHex(bytes))
        expect(toHex(digest)).toBe(toHex(labelledHash('cis/entry/1', bytes)))
        expect(id).toBe(toHex(digest).slice(0, 32))
      }),
      { numRuns: 500 }
    )
  })

  it('P26: bind a payload to everything they say but its hash and length', () => {
    const base = header()
    const contexts = [
      base,
      header({ n: 2 }),
      header({ hlc: timestamp(5n) }),
      header({ type: 'delete' }),
      header({ path: filled(0x71, 16) }),
      header({ context: new Map([[OTHER_ACTOR, 1]]) }),
      header({ parents: ['00'.repeat(16) as EntryId] }),
      header({ dot: { actor: OTHER_ACTOR, n: 1 } })
    ].map((each) => toHex(payloadContext(each)))
    expect(new Set(contexts).size).toBe(contexts.length)
    expect(toHex(payloadContext(sealHeader(base, filled(1, 32), 99)))).toBe(contexts[0])
  })

  it('hold the largest context and the most parents', () => {
    const context = new Map(
      Array.from({ length: MAX_CONTEXT_ACTORS }, (_, i) => [
        i.toString(16).padStart(32, '0') as typeof ACTOR,
        Number.MAX_SAFE_INTEGER
      ])
    )
    const parents = Array.from({ length: MAX_PARENTS }, (_, i) => i.toString(16).padStart(32, '0') as EntryId)
    const largest = header({
      path: filled(1, 256),
      n: Number.MAX_SAFE_INTEGER,
      hlc: timestamp(2n ** 64n - 1n),
      context,
      parents
    })
    expect(largest.bytes.length).toBeLessThanOrEqual(MAX_HEADER_BYTES)
    expect(decodeHeader(largest.bytes).context).toEqual(context)
  })

  it.each<[string, Readonly<Record<number, unknown>>]>([
    ['another version', { 0: 2 }],
    ['a version as text', { 0: '1' }],
    ['a space of 15 bytes', { 1: filled(1, 15) }],
    ['no path', { 2: filled(1, 0) }],
    ['half a path token', { 2: filled(1, 24) }],
    ['17 path tokens', { 2: filled(1, 17 * 16) }],
    ['a path as text', { 2: 'a'.repeat(16) }],
    ['an actor of 17 bytes', { 3: filled(1, 17) }],
    ['the number zero', { 4: 0 }],
    ['a negative number', { 4: -1 }],
    ['a broken number', { 4: 1.5 }],
    ['a number beyond 2^53', { 4: 2n ** 53n }],
    ['a negative time', { 5: -1 }],
    ['a time that is a float', { 5: 2 ** 60 }],
    ['a type that does not exist', { 6: 3 }],
    ['a type by its name', { 6: 'put' }],
    ['a type by a method name', { 6: 'length' }],
    ['a context that lists its own actor', { 7: Uint8Array.of(...fromHex(ACTOR), 1) }],
    ['a parent of 15 bytes', { 8: filled(1, 15) }],
    ['parents out of order', { 8: Uint8Array.of(...filled(2, 16), ...filled(1, 16)) }],
    ['a parent twice', { 8: filled(1, 32) }],
    ['65 parents', { 8: filled(1, 65 * 16) }],
    ['parents as an array', { 8: [] }],
    ['a key id of 8 bytes', { 9: filled(1, 8) }],
    ['a hash of 16 bytes', { 10: filled(1, 16) }],
    ['a payload of no length', { 11: 0 }],
    ['a payload that is too long', { 11: MAX_CIPHER_BYTES + 1 }],
    ['a thirteenth field', { 12: 0 }]
  ])('refuse %s', (_name, changes) => {
    expect(() => decodeHeader(changed(changes))).toThrow(malformed)
  })

  it.each<[string, Uint8Array, string]>([
    ['half a row', filled(1, 8), 'CLOCK_MALFORMED'],
    ['a counter of zero', Uint8Array.of(...filled(1, 16), 0), 'CLOCK_MALFORMED'],
    ['a counter longer than it needs to be', Uint8Array.of(...filled(1, 16), 0x81, 0), 'CLOCK_MALFORMED'],
    [
      '513 actors',
      Uint8Array.from(Array.from({ length: 513 }, (_, i) => [...filled(0, 14), i >> 8, i & 255, 1]).flat()),
      'CLOCK_LIMIT'
    ]
  ])('refuse a context with %s', (_name, context, code) => {
    expect(() => decodeHeader(changed({ 7: context }))).toThrow(refusal(code))
  })

  it('refuse what is no array of 12, and more bytes than a header has', () => {
    const fields = decodeCbor(header().bytes) as unknown[]
    for (const value of [fields.slice(0, 11), new Map(fields.entries()), 1, null, [fields]]) {
      expect(() => decodeHeader(encodeCbor(value))).toThrow(malformed)
    }
    expect(() => decodeHeader(new Uint8Array(0))).toThrow(malformed)
    expect(() => decodeHeader(new Uint8Array(MAX_HEADER_BYTES + 1))).toThrow(malformed)
  })

  it('cannot be sealed in a form that would be refused', () => {
    expect(() => header({ parents: ['ff'.repeat(16), '00'.repeat(16)] as EntryId[] })).toThrow(malformed)
    expect(() => header({ context: new Map([[ACTOR, 1]]) })).toThrow(malformed)
    expect(() => header({ path: new Uint8Array(0) })).toThrow(malformed)
    expect(() => header({ parents: ['not an id' as EntryId] })).toThrow(TypeError)
  })
})
