import { deflateRawSync } from 'node:zlib'
import { SealingKey, seal } from '@cis-memory/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '../../src/entry/bytes.ts'
import { encodeCbor } from '../../src/entry/cbor.ts'
import { parsePath } from '../../src/entry/path.ts'
import {
  type Alternative,
  DELETED,
  decodePayload,
  encodeAlternative,
  encodePayload,
  openPayload,
  type Payload,
  sealPayload
} from '../../src/entry/payload.ts'
import {
  MAX_ALTERNATIVES,
  MAX_CIPHER_BYTES,
  MAX_PAYLOAD_BYTES,
  MAX_TAGS,
  MAX_VALUE_BYTES
} from '../../src/limits.ts'
import type { EntryId } from '../../src/versions.ts'
import { anyAlternative, anyPayload } from './arbitraries.ts'
import { filled, refusal } from './build.ts'

const malformed = refusal('CORE_MALFORMED')
const KEY = new SealingKey(filled(1, 32))
const RANDOM = filled(2, 24)
const AD = filled(3, 100)

/** Fields of an alternative: kind, content type, value, category, tags, expiry. */
const plain = [0, null, 1, null, [], null]

/** A payload with some fields of the map replaced; `undefined` leaves a field out. */
function bytesWith(changes: Readonly<Record<number, unknown>>): Uint8Array {
  const fields = new Map<number, unknown>([
    [0, '/a'],
    [1, [plain]]
  ])
  for (const [key, value] of Object.entries(changes)) fields.set(Number(key), value)
  return encodeCbor(new Map([...fields].filter(([, value]) => value !== undefined)))
}

/** A payload whose one alternative has some fields replaced. */
function bytesWithAlternative(changes: Readonly<Record<number, unknown>>): Uint8Array {
  return bytesWith({ 1: [Object.assign([...plain], changes)] })
}

function value(of: Alternative['value'], more: Partial<Alternative> = {}): Alternative {
  return { ...DELETED, kind: 'value', value: of, ...more }
}

function payload(...alternatives: Alternative[]): Payload {
  return {
    path: parsePath('/acme/web'),
    alternatives,
    agent: undefined,
    sources: [],
    isOverwrite: false,
    dropped: new Map()
  }
}

describe('payloads', () => {
  it('P27: come back as they were written', () => {
    fc.assert(
      fc.property(anyPayload, (made) => {
        const bytes = encodePayload(made)
        expect(decodePayload(bytes)).toEqual(made)
        expect(toHex(encodePayload(decodePayload(bytes)))).toBe(toHex(bytes))
      }),
      { numRuns: 1000 }
    )
  })

  it('ignore fields they do not know, which a later version may add', () => {
    expect(decodePayload(bytesWith({ 9: ['new'], 2: 'agent' })).agent).toBe('agent')
  })

  it.each<[string, Readonly<Record<number, unknown>>]>([
    ['no path', { 0: undefined }],
    ['a path that is no text', { 0: filled(47, 2) }],
    ['the root as its path', { 0: '/' }],
    ['a path that is not in NFC', { 0: '/cafe\u0301' }],
    ['no alternatives', { 1: undefined }],
    ['an empty list of alternatives', { 1: [] }],
    ['65 alternatives', { 1: Array.from({ length: MAX_ALTERNATIVES + 1 }, () => plain) }],
    ['alternatives in a map', { 1: new Map() }],
    ['an alternative of 5 fields', { 1: [plain.slice(1)] }],
    ['an agent of 256 bytes', { 2: 'a'.repeat(256) }],
    ['an agent that is null', { 2: null }],
    ['an empty list of sources', { 3: [] }],
    ['an empty list of what it dropped', { 5: new Uint8Array(0) }],
    ['what it dropped with an actor twice', { 5: concat(filled(1, 16), filled(1, 17), filled(1, 1)) }],
    ['more dropped than a context has', { 5: filled(1, 17 * 513) }],
    ['an overwrite that is false', { 4: false }],
    ['an overwrite that is a number', { 4: 1 }],
    ['65 sources', { 3: Array.from({ length: 65 }, () => ['/a', filled(1, 16)]) }],
    ['a source with an id of 15 bytes', { 3: [['/a', filled(1, 15)]] }],
    ['a source at the root', { 3: [['/', filled(1, 16)]] }],
    ['a source whose path is not in NFC', { 3: [['/cafe\u0301', filled(1, 16)]] }]
  ])('refuse %s', (_name, changes) => {
    expect(() => decodePayload(bytesWith(changes))).toThrow(malformed)
  })

  it.each(['relative', '/a/../b', '/a//b', '/a/', '/\u202e', '/a\u0000'])('refuse the path %j', (path) => {
    expect(() => decodePayload(bytesWith({ 0: path }))).toThrow(refusal('CORE_BAD_PATH'))
  })

  it.each<[string, Readonly<Record<number, unknown>>]>([
    ['a kind that does not exist', { 0: 3 }],
    ['a kind by its name', { 0: 'value' }],
    ['a deletion with a value', { 0: 1, 2: 'still here' }],
    ['a document without bytes', { 0: 2, 2: null }],
    ['a document of text', { 0: 2, 2: 'text' }],
    ['a content type of 256 bytes', { 1: 'a'.repeat(256) }],
    ['a content type that is a number', { 1: 1 }],
    ['a category of 256 bytes', { 3: 'ä'.repeat(128) }],
    ['tags that are text', { 4: 'tag' }],
    ['a tag that is a number', { 4: [1] }],
    ['a tag of 256 bytes', { 4: ['fine', 'ä'.repeat(128)] }],
    ['65 tags', { 4: Array.from({ length: MAX_TAGS + 1 }, (_, i) => `${i}`) }],
    ['an expiry before 1970', { 5: -1 }],
    ['a broken expiry', { 5: 1.5 }],
    ['an expiry beyond 2^53', { 5: 2n ** 60n }]
  ])('refuse %s', (_name, changes) => {
    expect(() => decodePayload(bytesWithAlternative(changes))).toThrow(malformed)
  })

  it.each<[string, unknown, string]>([
    ['bytes inside of it', [filled(1, 1)], 'CORE_BAD_VALUE'],
    ['a number that is no JSON number', 2n ** 60n, 'CORE_BAD_VALUE'],
    ['a key that is a number', new Map([[1, 1]]), 'CORE_BAD_VALUE'],
    ['the key __proto__', new Map([['__proto__', 1]]), 'CORE_BAD_VALUE'],
    ['more than a mebibyte', filled(1, MAX_VALUE_BYTES + 1), 'CORE_VALUE_TOO_LARGE']
  ])('refuse a value with %s', (_name, of, code) => {
    expect(() => decodePayload(bytesWithAlternative({ 2: of }))).toThrow(refusal(code))
  })

  it('refuse a value nested so deep that a walk through it would run out of stack', () => {
    for (const depth of [70, 1000, 3000, 10_000]) {
      const head = [0xa2, 0, 0x62, 0x2f, 0x61, 1, 0x81, 0x86, 0, 0xf6]
      const deep = new Uint8Array(depth).fill(0x81)
      const bytes = Buffer.concat([Uint8Array.from(head), deep, Uint8Array.of(0x80, 0xf6, 0x80, 0xf6)])
      expect(() => decodePayload(bytes), `${depth} levels`).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^CORE_(MALFORMED|BAD_VALUE)$/) })
      )
    }
  })

  it('are never quoted in an error', () => {
    const secrets = [
      bytesWith({ 0: '/secret/../secret' }),
      bytesWith({ 0: '/cafe\u0301/secret' }),
      bytesWith({ 2: 'secret'.repeat(50) }),
      bytesWithAlternative({ 4: ['secret', 1] }),
      bytesWithAlternative({ 2: { secret: filled(1, 1) } }),
      bytesWithAlternative({ 0: 1, 2: 'secret' })
    ]
    for (const bytes of secrets) {
      let text = ''
      try {
        decodePayload(bytes)
      } catch (error) {
        text = `${(error as Error).stack} ${String((error as Error).cause)}`
      }
      expect(text).not.toBe('')
      expect(text).not.toContain('secret')
    }
  })

  it('are refused when their labels take them over the limit', () => {
    const long = payload(...Array.from({ length: 2 }, () => value(filled(1, MAX_VALUE_BYTES))))
    expect(() => encodePayload(long)).toThrow(refusal('CORE_VALUE_TOO_LARGE'))
  })
})

describe('alternatives', () => {
  it('have equal bytes exactly when a reader sees the same', () => {
    fc.assert(
      fc.property(anyAlternative, anyAlternative, (a, b) => {
        const isSame = toHex(encodePayload(payload(a))) === toHex(encodePayload(payload(b)))
        expect(toHex(encodeAlternative(a)) === toHex(encodeAlternative(b))).toBe(isSame)
        expect(encodeAlternative(decodePayload(encodePayload(payload(a))).alternatives[0]!)).toEqual(
          encodeAlternative(a)
        )
      }),
      { numRuns: 500 }
    )
  })

  it('differ in each of their fields', () => {
    const all = [
      DELETED,
      value(null),
      value(0),
      value(''),
      value([]),
      value({}),
      value(new Uint8Array(0)),
      { ...value(new Uint8Array(0)), kind: 'document' as const },
      value(null, { contentType: 'text/plain' }),
      value(null, { contentType: '' }),
      value(null, { category: 'text/plain' }),
      value(null, { tags: ['a', 'b'] }),
      value(null, { tags: ['b', 'a'] }),
      value(null, { tags: ['ab'] }),
      value(null, { expiresAt: 0 })
    ]
    expect(new Set(all.map((each) => toHex(encodeAlternative(each)))).size).toBe(all.length)
  })

  it('are the same whatever the order in which keys were set', () => {
    expect(encodeAlternative(value({ a: 1, b: 2 }))).toEqual(encodeAlternative(value({ b: 2, a: 1 })))
  })
})

describe('sealed payloads', () => {
  const open = (sealed: Uint8Array): Uint8Array => openPayload(KEY, sealed, AD)
  /** Seals a frame as it is, as somebody with the key may. */
  const sealFrame = (frame: Uint8Array): Uint8Array => seal(KEY, frame, AD, RANDOM)
  const frame = (form: number, length: number, body: Uint8Array, total: number): Uint8Array => {
    const out = new Uint8Array(total)
    out[0] = form
    new DataView(out.buffer).setUint32(1, length)
    out.set(body.subarray(0, Math.max(total - 5, 0)), 5)
    return out
  }

  it('open to what was sealed, at every length around the padding', () => {
    for (let length = 0; length < 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 167 + length) & 255)
      const sealed = sealPayload(KEY, bytes, AD, RANDOM)
      expect(sealed.length % 32).toBe((24 + 16) % 32)
      expect(toHex(open(sealed))).toBe(toHex(bytes))
    }
  })

  it('open to what was sealed, compressed or not', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 500 }),
          fc.nat(5000).map((n) => filled(7, n))
        ),
        (bytes) => {
          expect(toHex(open(sealPayload(KEY, bytes, AD, RANDOM)))).toBe(toHex(bytes))
        }
      ),
      { numRuns: 300 }
    )
    expect(sealPayload(KEY, filled(7, 5000), AD, RANDOM).length).toBeLessThan(150)
    const asItIs = sealPayload(KEY, filled(7, 5000), AD, RANDOM, { compression: false })
    expect(asItIs.length).toBeGreaterThan(5000)
    expect(toHex(open(asItIs))).toBe(toHex(filled(7, 5000)))
  })

  it('fit their limit at the largest payload, however badly it compresses', () => {
    let state = 1
    const noise = Uint8Array.from({ length: MAX_PAYLOAD_BYTES }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return state >>> 24
    })
    const sealed = sealPayload(KEY, noise, AD, RANDOM)
    expect(sealed.length).toBeLessThanOrEqual(MAX_CIPHER_BYTES)
    expect(Buffer.compare(open(sealed), noise)).toBe(0)
  })

  it('do not open under another key or another header, nor changed, cut or too long', () => {
    const sealed = sealPayload(KEY, filled(1, 10), AD, RANDOM)
    expect(() => openPayload(new SealingKey(filled(9, 32)), sealed, AD)).toThrow(malformed)
    expect(() => openPayload(KEY, sealed, filled(4, 100))).toThrow(malformed)
    for (let at = 0; at < sealed.length; at++) {
      const altered = sealed.slice()
      altered[at] = (altered[at] as number) ^ 1
      expect(() => open(altered)).toThrow(malformed)
      expect(() => open(sealed.subarray(0, at))).toThrow(malformed)
    }
    expect(() => open(new Uint8Array(MAX_CIPHER_BYTES + 1))).toThrow(malformed)
  })

  it.each<[string, Uint8Array]>([
    ['nothing', new Uint8Array(0)],
    ['no whole prefix', new Uint8Array(4)],
    ['no padding', frame(0, 3, filled(1, 3), 8)],
    ['a block of padding too many', frame(0, 3, filled(1, 3), 64)],
    ['a block too few', frame(0, 28, filled(1, 28), 32)],
    ['padding that is not zero', frame(0, 3, filled(1, 4), 32)],
    ['a length of 4 GiB', frame(0, 0xffffffff, filled(1, 3), 32)],
    ['an unknown form', frame(2, 3, filled(1, 3), 32)],
    ['deflate that is none', frame(1, 3, filled(0xff, 3), 32)],
    ['deflate of no bytes', frame(1, 0, new Uint8Array(0), 32)],
    ['deflate cut short', frame(1, 5, deflateRawSync(filled(1, 100)), 32)]
  ])('refuse a frame with %s', (_name, framed) => {
    expect(() => open(sealFrame(framed))).toThrow(malformed)
  })

  it('refuse bytes behind the compressed part', () => {
    const deflated = deflateRawSync(filled(1, 100))
    const body = Buffer.concat([deflated, filled(7, 4)])
    expect(open(sealFrame(frame(1, deflated.length, deflated, 32)))).toEqual(filled(1, 100))
    expect(() => open(sealFrame(frame(1, body.length, body, 32)))).toThrow(malformed)
  })

  it('P28: refuse what inflates beyond the limit', () => {
    const fits = deflateRawSync(new Uint8Array(MAX_PAYLOAD_BYTES))
    const bomb = deflateRawSync(new Uint8Array(32 * 1024 * 1024))
    const framed = (body: Uint8Array): Uint8Array =>
      sealFrame(frame(1, body.length, body, Math.ceil((5 + body.length) / 32) * 32))
    expect(open(framed(fits))).toHaveLength(MAX_PAYLOAD_BYTES)
    expect(() => open(framed(deflateRawSync(new Uint8Array(MAX_PAYLOAD_BYTES + 1))))).toThrow(malformed)
    expect(() => open(framed(bomb))).toThrow(malformed)
  })

  it('carry their sources by id', () => {
    const made = {
      ...payload(value(1)),
      sources: [{ path: parsePath('/a'), entryId: '1f'.repeat(16) as EntryId }]
    }
    expect(decodePayload(open(sealPayload(KEY, encodePayload(made), AD, RANDOM)))).toEqual(made)
  })
})
