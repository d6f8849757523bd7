import { isDeepStrictEqual } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { checkValue, type MemoryValue, plainValue } from '../../src/entry/value.ts'
import { MAX_VALUE_BYTES, MAX_VALUE_DEPTH } from '../../src/limits.ts'
import { anyMemoryValue } from './arbitraries.ts'
import { refusal } from './build.ts'

const badValue = refusal('CORE_BAD_VALUE')
const tooLarge = refusal('CORE_VALUE_TOO_LARGE')

/** A value after it was stored and read. */
function stored(value: MemoryValue): unknown {
  checkValue(value)
  return plainValue(decodeCbor(encodeCbor(value)))
}

/** Arrays in arrays, so many of them. */
function nested(depth: number): unknown {
  let value: unknown = []
  for (let i = 1; i < depth; i++) value = [value]
  return value
}

describe('values', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(anyMemoryValue, (value) => {
        expect(isDeepStrictEqual(stored(value), value)).toBe(true)
      }),
      { numRuns: 3000 }
    )
  })

  it.each<[string, MemoryValue]>([
    ['an integer beyond 2^53', 2 ** 53 + 2],
    ['an integer beyond 2^64', 2 ** 70],
    ['1e300', 1e300],
    ['the smallest number', 5e-324],
    ['an empty key', { '': { '': 1 } }],
    ['keys that look like numbers', { 10: 'a', 9: 'b', '-1': 'c', '1e3': 'd' }],
    ['keys that name methods', { constructor: 1, toString: 2, hasOwnProperty: 3, prototype: 4 }],
    ['a byte order mark', '\ufefftext'],
    ['text of zeros', '\u0000\u0000'],
    ['emoji', '👩‍👩‍👧 \u{10ffff}'],
    ['bytes', Uint8Array.of(0, 255)],
    ['no bytes', new Uint8Array(0)]
  ])('come back exactly: %s', (_name, value) => {
    expect(isDeepStrictEqual(stored(value), value)).toBe(true)
  })

  it('bring -0 back as 0, as JSON does', () => {
    expect(stored([-0])).toStrictEqual([0])
  })

  it('have equal bytes exactly when they are equal', () => {
    const ordered = encodeCbor({ a: 1, b: { c: [1.5], d: null } })
    expect(encodeCbor({ b: { d: null, c: [1.5] }, a: 1 })).toEqual(ordered)
    fc.assert(
      fc.property(anyMemoryValue, anyMemoryValue, (a, b) => {
        expect(Buffer.compare(encodeCbor(a), encodeCbor(b)) === 0).toBe(isDeepStrictEqual(a, b))
      }),
      { numRuns: 500 }
    )
  })

  it.each([
    ['undefined', undefined],
    ['undefined in an object', { a: undefined }],
    ['a hole', new Array(2)],
    ['a bigint', 1n],
    ['a bigint in an array', [2n ** 60n]],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a symbol as a key', { [Symbol('s')]: 1 }],
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a date', new Date(0)],
    ['a map', new Map()],
    ['an object with a class', new (class Thing {})()],
    ['an object with a method', { toJSON: () => 1 }],
    ['bytes below the top', { bytes: new Uint8Array(1) }],
    ['other typed arrays', new Float32Array(1)],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate as a key', { '\udc00': 1 }],
    ['the key __proto__', JSON.parse('{"__proto__": {"isAdmin": true}}')]
  ])('refuse %s', (_name, value) => {
    expect(() => checkValue(value)).toThrow(badValue)
  })

  it('take plain objects without a prototype', () => {
    expect(stored(Object.assign(Object.create(null), { a: 1 }))).toEqual({ a: 1 })
  })

  it('refuse an object of another realm rather than guess what it is', () => {
    expect(() => checkValue(runInNewContext('({ a: 1 })'))).toThrow(badValue)
  })

  it(`nest ${MAX_VALUE_DEPTH} levels and not one more`, () => {
    expect(stored(nested(MAX_VALUE_DEPTH + 1) as MemoryValue)).toEqual(nested(MAX_VALUE_DEPTH + 1))
    expect(() => checkValue(nested(MAX_VALUE_DEPTH + 2))).toThrow(badValue)
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => checkValue(circle)).toThrow(badValue)
  })

  it('have at most a mebibyte, whatever they are', () => {
    expect(() => checkValue(new Uint8Array(MAX_VALUE_BYTES))).not.toThrow()
    expect(() => checkValue(new Uint8Array(MAX_VALUE_BYTES + 1))).toThrow(tooLarge)
    expect(() => checkValue('a'.repeat(MAX_VALUE_BYTES - 5))).not.toThrow()
    expect(() => checkValue('a'.repeat(MAX_VALUE_BYTES - 4))).toThrow(tooLarge)
    expect(() => checkValue('ä'.repeat(MAX_VALUE_BYTES / 2))).toThrow(tooLarge)
  })

  it('are refused, soon, when one part is reached along very many ways', () => {
    let pairs: unknown = []
    for (let i = 0; i < 60; i++) pairs = [pairs, pairs]
    const long = 'a'.repeat(MAX_VALUE_BYTES / 2)
    expect(() => checkValue(pairs)).toThrow(tooLarge)
    expect(() => checkValue(Array.from({ length: 100_000 }, () => long))).toThrow(tooLarge)
  })

  it('are never quoted in an error', () => {
    for (const value of [{ secret: undefined }, { secret: 'secret\ud800' }, ['secret', 1n]]) {
      let message = ''
      try {
        checkValue(value)
      } catch (error) {
        message = String((error as Error).stack)
      }
      expect(message).not.toBe('')
      expect(message).not.toContain('secret')
    }
  })

  it('decode to plain objects whose keys are all text', () => {
    expect(() => plainValue(new Map([[1, 2]]))).toThrow(badValue)
    const decoded = plainValue(new Map([['__proto__', 1]])) as object
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype)
    expect(() => checkValue(decoded)).toThrow(badValue)
  })
})
