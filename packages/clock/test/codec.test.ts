import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type ActorId,
  actorFromBytes,
  actorId,
  actorToBytes,
  ClockError,
  decodeContext,
  encodeContext,
  isCounter,
  MAX_CONTEXT_ACTORS,
  type Timestamp,
  timestamp,
  timestampCounter,
  timestampMs,
  type VersionVector
} from '../src/index.ts'
import { anyActor, anyContext, RUNS } from './arbitraries.ts'
import { actor } from './build.ts'

/** How many random and mutated byte strings each decoder is given. */
const FUZZ_RUNS = 20_000

const malformed = expect.objectContaining({ name: 'ClockError', code: 'CLOCK_MALFORMED' })
const overLimit = expect.objectContaining({ name: 'ClockError', code: 'CLOCK_LIMIT' })

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

/** A context of so many actors. */
function contextOf(actorCount: number): VersionVector {
  const rows = Array.from({ length: actorCount }, (_, i): [ActorId, number] => [
    i.toString(16).padStart(32, '0') as ActorId,
    1
  ])
  return new Map(rows)
}

/** Decodes, and encodes what came out; answers nothing where decoding refuses. */
function reencoded(bytes: Uint8Array): string | undefined {
  try {
    return hex(encodeContext(decodeContext(bytes)))
  } catch (error) {
    // Whatever the bytes, a caller meets one class with one of its codes.
    assert.ok(error instanceof ClockError)
    return undefined
  }
}

/** One way of damaging bytes. */
type Damage = (bytes: Uint8Array) => Uint8Array

const anyDamage: fc.Arbitrary<Damage> = fc
  .tuple(
    fc.constantFrom('flip', 'cut', 'insert', 'remove', 'repeat', 'swap'),
    fc.nat(),
    fc.nat(255),
    fc.nat(40)
  )
  .map(([kind, where, byte, size]): Damage => {
    return (bytes) => {
      const at = where % (bytes.length + 1)
      const [head, tail] = [[...bytes.subarray(0, at)], [...bytes.subarray(at)]]
      if (kind === 'cut') return Uint8Array.from(head)
      if (kind === 'insert') return Uint8Array.from([...head, byte, ...tail])
      if (kind === 'remove') return Uint8Array.from([...head, ...tail.slice(1)])
      if (kind === 'repeat') return Uint8Array.from([...head, ...tail.slice(0, size), ...tail])
      if (kind === 'swap') return Uint8Array.from([...tail, ...head])
      return Uint8Array.from([...head, ...tail.slice(0, 1).map((old) => old ^ (byte || 1)), ...tail.slice(1)])
    }
  })

describe('contexts as bytes', () => {
  it('P27: decoding what was encoded gives the same context, whatever its order of insertion', () => {
    fc.assert(
      fc.property(anyContext, (context) => {
        const bytes = encodeContext(context)
        expect(decodeContext(bytes)).toEqual(context)
        expect(encodeContext(new Map([...context].reverse()))).toEqual(bytes)
      }),
      { numRuns: RUNS }
    )
  })

  it('P27: random bytes are refused or are the one encoding of what they decode to', () => {
    const looksLikeRows = fc
      .array(fc.tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ maxLength: 9 })), {
        maxLength: 3
      })
      .map((rows) => Uint8Array.from(rows.flatMap(([who, n]) => [...who, ...n])))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 80 }), looksLikeRows), (bytes) => {
        assert.equal(reencoded(bytes) ?? hex(bytes), hex(bytes))
      }),
      { numRuns: FUZZ_RUNS }
    )
  })

  it('P27: damaged bytes are refused or are the one encoding of what they decode to', () => {
    fc.assert(
      fc.property(anyContext, fc.array(anyDamage, { minLength: 1, maxLength: 3 }), (context, damages) => {
        let bytes = encodeContext(context)
        for (const damage of damages) bytes = damage(bytes)
        assert.equal(reencoded(bytes) ?? hex(bytes), hex(bytes))
      }),
      { numRuns: FUZZ_RUNS }
    )
  })

  it('P27: different contexts have different bytes', () => {
    fc.assert(
      fc.property(anyContext, anyContext, (a, b) => {
        const isSame = a.size === b.size && [...a].every(([who, n]) => b.get(who) === n)
        expect(hex(encodeContext(a)) === hex(encodeContext(b))).toBe(isSame)
      }),
      { numRuns: RUNS }
    )
  })

  it('refuses every beginning of a context that does not end with a row', () => {
    const bytes = encodeContext(
      new Map([
        [actor('a'), 300],
        [actor('b'), 1]
      ])
    )
    for (let length = 0; length < bytes.length; length++) {
      const decode = () => decodeContext(bytes.subarray(0, length))
      if (length === 0 || length === 18) expect(decode().size).toBe(length === 0 ? 0 : 1)
      else expect(decode, `${length} bytes`).toThrow(malformed)
    }
  })

  it('refuses a varint that never ends, however long', () => {
    const endless = new Uint8Array(100_000).fill(0x80)
    expect(() => decodeContext(endless)).toThrow(malformed)
  })

  it('takes 512 actors and not one more', () => {
    const largest = contextOf(MAX_CONTEXT_ACTORS)
    expect(MAX_CONTEXT_ACTORS).toBe(512)
    expect(decodeContext(encodeContext(largest))).toEqual(largest)
    expect(() => encodeContext(contextOf(MAX_CONTEXT_ACTORS + 1))).toThrow(overLimit)
    const oneMore = Uint8Array.from([...encodeContext(largest), ...actorToBytes(actor('f')), 1])
    expect(() => decodeContext(oneMore)).toThrow(overLimit)
  })

  it('refuses to encode a counter that is none', () => {
    for (const n of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(isCounter(n)).toBe(false)
      expect(() => encodeContext(new Map([[actor('a'), n]]))).toThrow(malformed)
    }
  })

  it('does not keep the bytes it was given', () => {
    const bytes = encodeContext(new Map([[actor('a'), 7]]))
    const decoded = decodeContext(bytes)
    bytes.fill(0)
    expect(decoded).toEqual(new Map([[actor('a'), 7]]))
  })

  it('reads a view into a larger buffer by its own bounds', () => {
    const bytes = encodeContext(new Map([[actor('a'), 7]]))
    const frame = Uint8Array.from([0xff, ...bytes, 0xff])
    expect(decodeContext(frame.subarray(1, -1))).toEqual(new Map([[actor('a'), 7]]))
  })
})

describe('actor ids', () => {
  it('P27: have one text and one byte form', () => {
    fc.assert(
      fc.property(anyActor, (who) => {
        expect(actorFromBytes(actorToBytes(who))).toBe(who)
        expect(actorId(who)).toBe(who)
        expect(hex(actorToBytes(who))).toBe(who)
      }),
      { numRuns: RUNS }
    )
  })

  it('sort as text as they sort as bytes', () => {
    fc.assert(
      fc.property(anyActor, anyActor, (a, b) => {
        expect(Math.sign(Buffer.compare(actorToBytes(a), actorToBytes(b)))).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
      { numRuns: RUNS }
    )
  })

  it('refuses any other text', () => {
    const good = 'a'.repeat(32)
    for (const text of [
      '',
      good.slice(1),
      `${good}a`,
      good.toUpperCase(),
      `${good}\n`,
      ` ${good.slice(1)}`,
      'g'.repeat(32)
    ]) {
      expect(() => actorId(text), JSON.stringify(text)).toThrow(malformed)
    }
  })

  it('refuses any other number of bytes', () => {
    for (const length of [0, 15, 17]) expect(() => actorFromBytes(new Uint8Array(length))).toThrow(malformed)
  })
})

describe('golden vectors', () => {
  interface Vectors {
    readonly contexts: readonly { name: string; rows: [string, number][]; hex: string }[]
    readonly refused: readonly { name: string; hex: string; code: string }[]
    readonly timestamps: readonly { name: string; ms: number; counter: number; value: string }[]
  }
  const vectors = JSON.parse(
    readFileSync(new URL('./fixtures/vectors.json', import.meta.url), 'utf8')
  ) as Vectors

  it.each(vectors.contexts)('writes and reads $name', ({ rows, hex: expected }) => {
    const context = new Map(rows.map(([who, n]) => [actorId(who), n]))
    expect(hex(encodeContext(context))).toBe(expected)
    expect(decodeContext(fromHex(expected))).toEqual(context)
  })

  it.each(vectors.refused)('refuses $name', ({ hex: bytes, code }) => {
    expect(() => decodeContext(fromHex(bytes))).toThrow(expect.objectContaining({ code }))
  })

  it.each(vectors.timestamps)('reads the timestamp of $name', ({ ms, counter, value }) => {
    const reading: Timestamp = timestamp(BigInt(value))
    expect([timestampMs(reading), timestampCounter(reading)]).toEqual([ms, counter])
  })
})
