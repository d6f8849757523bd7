import { decode as decodeElsewhere, encode as encodeElsewhere, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../../src/entry/cbor.ts'
import { anyJson, damaged } from './arbitraries.ts'
import { bytesOf, outcome, refusal } from './build.ts'

const malformed = refusal('CORE_MALFORMED')

function encoded(value: unknown): string {
  return toHex(encodeCbor(value))
}

/** A half float by the formula of RFC 8949 appendix D. */
function half(bits: number): number {
  const exponent = (bits >> 10) & 0x1f
  const mantissa = bits & 0x3ff
  const size =
    exponent === 0
      ? mantissa * 2 ** -24
      : exponent === 31
        ? mantissa === 0
          ? Number.POSITIVE_INFINITY
          : Number.NaN
        : (mantissa + 1024) * 2 ** (exponent - 25)
  return bits & 0x8000 ? -size : size
}

describe('encoding', () => {
  // RFC 8949 appendix A, as far as these types go.
  const published: [value: unknown, hex: string][] = [
    [0, '00'],
    [10, '0a'],
    [23, '17'],
    [24, '1818'],
    [100, '1864'],
    [1000, '1903e8'],
    [1000000, '1a000f4240'],
    [1000000000000, '1b000000e8d4a51000'],
    [18446744073709551615n, '1bffffffffffffffff'],
    [-1, '20'],
    [-10, '29'],
    [-100, '3863'],
    [-1000, '3903e7'],
    [1.1, 'fb3ff199999999999a'],
    [1.5, 'f93e00'],
    [100000, '1a000186a0'],
    [3.4028234663852886e38, 'fa7f7fffff'],
    [1.0e300, 'fb7e37e43c8800759c'],
    [2 ** -24, 'f90001'],
    [0.00006103515625, 'f90400'],
    [-4.1, 'fbc010666666666666'],
    [false, 'f4'],
    [true, 'f5'],
    [null, 'f6'],
    [new Uint8Array(0), '40'],
    [Uint8Array.of(1, 2, 3, 4), '4401020304'],
    ['', '60'],
    ['IETF', '6449455446'],
    ['"\\', '62225c'],
    ['\u00fc', '62c3bc'],
    ['\u6c34', '63e6b0b4'],
    ['\ud800\udd51', '64f0908591'],
    [[], '80'],
    [[1, [2, 3], [4, 5]], '8301820203820405'],
    [{}, 'a0'],
    [
      new Map([
        [1, 2],
        [3, 4]
      ]),
      'a201020304'
    ],
    [{ a: 1, b: [2, 3] }, 'a26161016162820203'],
    [
      Array.from({ length: 25 }, (_, i) => i + 1),
      '98190102030405060708090a0b0c0d0e0f101112131415161718181819'
    ]
  ]
  it.each(published.map(([value, hex]) => ({ value, hex })))(
    'writes $hex as RFC 8949 does',
    ({ value, hex }) => {
      expect(encoded(value)).toBe(hex)
      expect(fromMaps(decodeCbor(bytesOf(hex)))).toEqual(fromMaps(value))
    }
  )

  it('gives every number one form: whole ones up to 2^53 - 1 as integers, others as the shortest exact float', () => {
    expect(encoded(Number.MAX_SAFE_INTEGER)).toBe('1b001fffffffffffff')
    expect(encoded(Number.MIN_SAFE_INTEGER)).toBe('3b001ffffffffffffe')
    expect(encoded(2 ** 53)).toBe('fa5a000000')
    expect(encoded(-(2 ** 53))).toBe('fada000000')
    expect(encoded(2 ** 53 + 2)).toBe('fb4340000000000001')
    expect(encoded(3 * 2 ** -24)).toBe('f90003')
    expect(encoded(2 ** -25)).toBe('fa33000000')
    expect(encoded(5e-324)).toBe('fb0000000000000001')
  })

  it('writes -0 as 0, as JSON does', () => {
    expect(encoded(-0)).toBe('00')
    expect(encoded([-0])).toBe('8100')
  })

  it('writes and reads every half float there is', () => {
    for (let bits = 0; bits < 2 ** 16; bits++) {
      const value = half(bits)
      if (!Number.isFinite(value) || Number.isSafeInteger(value)) continue
      const bytes = Uint8Array.of(0xf9, bits >> 8, bits & 255)
      if (toHex(encodeCbor(value)) !== toHex(bytes) || decodeCbor(bytes) !== value) {
        expect.fail(`${value} is the half float ${bits.toString(16)}`)
      }
    }
  })

  it('sorts keys by their encoded bytes, shorter text first', () => {
    expect(encoded({ b: 0, aa: 0, '': 0, a: 0 })).toBe(
      'a4 60 00 6161 00 6162 00 626161 00'.replaceAll(' ', '')
    )
    expect(
      encoded(
        new Map<unknown, number>([
          ['a', 0],
          [256, 0],
          [24, 0],
          [3, 0]
        ])
      )
    ).toBe('a4 03 00 1818 00 190100 00 6161 00'.replaceAll(' ', ''))
  })

  it('refuses text that is not valid Unicode', () => {
    expect(() => encodeCbor('\ud800')).toThrow(refusal('CORE_BAD_VALUE'))
    expect(() => encodeCbor({ '\udc00': 1 })).toThrow(refusal('CORE_BAD_VALUE'))
  })

  it.each([
    ['undefined', undefined],
    ['not a number', Number.NaN],
    ['infinity', Number.POSITIVE_INFINITY],
    ['a negative bigint', -1n],
    ['a bigint of 65 bits', 1n << 64n],
    ['a date', new Date(0)],
    ['a set', new Set([1])],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a map with bytes as a key', new Map([[new Uint8Array(1), 1]])],
    ['a map with a negative key', new Map([[-1, 1]])],
    ['a hole in an array', new Array(1)]
  ])('has no way to write %s', (_name, value) => {
    expect(() => encodeCbor(value)).toThrow(TypeError)
  })

  it('refuses a circle instead of following it', () => {
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => encodeCbor(circle)).toThrow(TypeError)
  })

  it('agrees with another encoder wherever that one keeps to the shortest form', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        fc.pre(!hasTinyHalfFloat(value))
        expect(encoded(value)).toBe(toHex(encodeElsewhere(value, rfc8949EncodeOptions)))
      }),
      { numRuns: 2000 }
    )
  })
})

describe('decoding', () => {
  it('gives back what was encoded', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        expect(fromMaps(decodeCbor(encodeCbor(value)))).toEqual(value)
      }),
      { numRuns: 2000 }
    )
  })

  it('agrees with another decoder, which drops byte order marks', () => {
    fc.assert(
      fc.property(anyJson, (value) => {
        fc.pre(!JSON.stringify(value).includes('\ufeff'))
        const bytes = encodeCbor(value)
        expect(decodeElsewhere(bytes)).toEqual(fromMaps(decodeCbor(bytes)))
      }),
      { numRuns: 1000 }
    )
  })

  it('keeps a byte order mark, and keys that differ in one apart', () => {
    expect(decodeCbor(encodeCbor('\ufeffhello'))).toBe('\ufeffhello')
    expect(decodeCbor(encodeCbor({ '\ufeffkey': 1, key: 2 }))).toEqual(
      new Map([
        ['\ufeffkey', 1],
        ['key', 2]
      ])
    )
  })

  it('reads whole numbers from 2^53 on as bigint', () => {
    expect(decodeCbor(bytesOf('1b0020000000000000'))).toBe(2n ** 53n)
    expect(decodeCbor(bytesOf('1b001fffffffffffff'))).toBe(2 ** 53 - 1)
  })

  it('does not keep the bytes it was given', () => {
    const bytes = encodeCbor([Uint8Array.of(1, 2, 3)])
    const decoded = decodeCbor(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length))
    bytes.fill(0)
    expect(decoded).toEqual([Uint8Array.of(1, 2, 3)])
  })

  it('reads a view into a larger buffer by its own bounds', () => {
    const frame = bytesOf('ff 8201 19 03e8 ff')
    expect(decodeCbor(frame.subarray(1, -1))).toEqual([1, 1000])
  })

  it.each([
    ['nothing', ''],
    ['two items', '0000'],
    ['a number of 1 byte that fits in none', '1817'],
    ['a number of 2 bytes that fits in 1', '1900ff'],
    ['a number of 4 bytes that fits in 2', '1a0000ffff'],
    ['a number of 8 bytes that fits in 4', '1b00000000ffffffff'],
    ['a negative number of 1 byte that fits in none', '3817'],
    ['a negative number of 8 bytes that fits in 4', '3b00000000ffffffff'],
    ['a negative number below -(2^53 - 1)', '3b001fffffffffffff'],
    ['the lowest negative number', '3bffffffffffffffff'],
    ['a length longer than it needs to be', '580161'],
    ['a text length longer than it needs to be', '780161'],
    ['an array length longer than it needs to be', '980100'],
    ['a map length longer than it needs to be', 'b8010000'],
    ['reserved additional information', '1c'],
    ['reserved additional information of bytes', '5d00'],
    ['bytes without end', '5f4100ff'],
    ['text without end', '7f6161ff'],
    ['an array without end', '9f00ff'],
    ['a map without end', 'bf0000ff'],
    ['a break alone', 'ff'],
    ['a tag', 'c000'],
    ['a tag of 1 byte', 'd81801'],
    ['a bignum', 'c24101'],
    ['self-described CBOR', 'd9d9f700'],
    ['undefined', 'f7'],
    ['a simple value', 'e0'],
    ['a simple value of 1 byte', 'f820'],
    ['false in 1 byte', 'f814'],
    ['1.0 as a half float', 'f93c00'],
    ['1.0 as a single float', 'fa3f800000'],
    ['1.0 as a double float', 'fb3ff0000000000000'],
    ['0.0', 'f90000'],
    ['-0.0', 'f98000'],
    ['-0.0 as a double float', 'fb8000000000000000'],
    ['1.5 as a single float', 'fa3fc00000'],
    ['1.5 as a double float', 'fb3ff8000000000000'],
    ['2^53 as a double float', 'fb4340000000000000'],
    ['2^-24 as a single float', 'fa33800000'],
    ['infinity', 'f97c00'],
    ['minus infinity', 'f9fc00'],
    ['infinity as a double float', 'fb7ff0000000000000'],
    ['not a number', 'f97e00'],
    ['not a number with a payload', 'f97e01'],
    ['a signalling not a number', 'fb7ff0000000000001'],
    ['keys out of order', 'a2616200616100'],
    ['keys ordered as text but not as bytes', 'a262616100616200'],
    ['a key twice', 'a2616100616100'],
    ['a number key twice', 'a201000100'],
    ['text keys before number keys', 'a26161000000'],
    ['a key that is bytes', 'a1410000'],
    ['a key that is null', 'a1f600'],
    ['a key that is an array', 'a18000'],
    ['a key that is a map', 'a1a000'],
    ['a key that is negative', 'a12000'],
    ['a key that is a float', 'a1f93e0000'],
    ['a key beyond 2^53', 'a11b002000000000000000'],
    ['a map with a key and no value', 'a100'],
    ['a byte that is not UTF-8', '61ff'],
    ['a UTF-8 sequence cut short', '61c3'],
    ['an overlong UTF-8 sequence', '62c080'],
    ['a surrogate in UTF-8', '63eda080'],
    ['a code point beyond Unicode', '64f4908080'],
    ['bytes that end too early', '4401'],
    ['text that ends too early', '6461'],
    ['a number that ends too early', '19ff'],
    ['a float that ends too early', 'fb00'],
    ['an array that ends too early', '8200'],
    ['4 GiB of bytes that are not there', '5affffffff'],
    ['2^53 bytes that are not there', '5b001fffffffffffff'],
    ['2^64 bytes that are not there', '5bffffffffffffffff'],
    ['4 G items that are not there', '9affffffff00'],
    ['2^64 pairs that are not there', 'bbffffffffffffffff']
  ])('refuses %s', (_name, hex) => {
    expect(() => decodeCbor(bytesOf(hex))).toThrow(malformed)
  })

  it.each([
    ['arrays', 0x81],
    ['maps', 0xa1],
    ['tags', 0xc1],
    ['arrays without end', 0x9f]
  ])('refuses a mebibyte of nested %s', (_name, byte) => {
    const bytes = new Uint8Array(2 ** 20).fill(byte)
    expect(() => decodeCbor(bytes)).toThrow(malformed)
  })

  it('puts nothing of what it read into an error', () => {
    for (const bytes of [encodeTwice('secret'), Uint8Array.of(...encodeCbor('secret'), 0)]) {
      let error: unknown
      try {
        decodeCbor(bytes)
      } catch (caught) {
        error = caught
      }
      expect(error).toEqual(malformed)
      expect(allText(error)).not.toContain('secret')
    }
  })
})

describe('P27: bytes are refused, or they are the one encoding of what they decode to', () => {
  const isOneEncoding = (bytes: Uint8Array): void => {
    const again = outcome(() => encodeCbor(decodeCbor(bytes)))
    if (again !== 'CORE_MALFORMED' && again !== toHex(bytes)) expect(again).toBe(toHex(bytes))
  }

  it('for random bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 24 }), isOneEncoding), { numRuns: 20_000 })
  })

  it('for all strings of one or two bytes', () => {
    for (let first = 0; first < 256; first++) {
      isOneEncoding(Uint8Array.of(first))
      for (let second = 0; second < 256; second++) isOneEncoding(Uint8Array.of(first, second))
    }
  })

  it('for encoded values that were damaged', () => {
    fc.assert(
      fc.property(
        anyJson.chain((value) => damaged(encodeCbor(value))),
        isOneEncoding
      ),
      { numRuns: 5000 }
    )
  })

  it('for what a lenient decoder accepts', () => {
    const loose = fc
      .array(
        fc.constantFrom(
          ...'00 17 1800 1818 190001 20 3800 40 5800 60 6161 780161 80 81 82 a0 a1 a2 b801 f4 f6 f93c00 f93e00 fa3fc00000 fb3ff8000000000000 f98000'.split(
            ' '
          )
        ),
        { minLength: 1, maxLength: 6 }
      )
      .map((parts) => bytesOf(parts.join('')))
    fc.assert(fc.property(loose, isOneEncoding), { numRuns: 20_000 })
  })
})

describe('fields', () => {
  const array = (...items: unknown[]): Fields => Fields.ofArray(items, 'a thing', items.length)

  it('refuses anything but an array of the right length, or a map', () => {
    for (const value of [null, 1, 'text', {}, new Map(), [1], [1, 2, 3], new Uint8Array(2)]) {
      expect(() => Fields.ofArray(value, 'a thing', 2)).toThrow(malformed)
    }
    for (const value of [null, 1, 'text', {}, [], new Uint8Array(2)]) {
      expect(() => Fields.ofMap(value, 'a thing')).toThrow(malformed)
    }
  })

  it('refuses a field of another type or out of range', () => {
    expect(() => array('a').bytes(0, 1)).toThrow(malformed)
    expect(() => array(new Uint8Array(3)).bytes(0, 4)).toThrow(malformed)
    expect(() => array(new Uint8Array(3)).bytes(0, 0, 2)).toThrow(malformed)
    expect(() => array('äa').text(0, 2)).toThrow(malformed)
    expect(() => array(1).text(0, 2)).toThrow(malformed)
    expect(() => array(1.5).integer(0, 1)).toThrow(malformed)
    expect(() => array(0).integer(0, 1)).toThrow(malformed)
    expect(() => array(2n ** 60n).integer(0, 1)).toThrow(malformed)
    expect(() => array(-1).uint64(0)).toThrow(malformed)
    expect(() => array(1n << 64n).uint64(0)).toThrow(malformed)
    expect(() => array(0).boolean(0)).toThrow(malformed)
    expect(() => array([1, 2]).array(0, 1)).toThrow(malformed)
    expect(() => array().integer(0, 0)).toThrow(malformed)
  })
})

/** A map of two entries with one key. */
function encodeTwice(key: string): Uint8Array {
  const text = encodeCbor(key)
  return Uint8Array.of(0xa2, ...text, 0, ...text, 0)
}

/** Whether there is a half float below 2^-14 in a value: the other encoder writes some of them with 32 bits. */
function hasTinyHalfFloat(value: unknown): boolean {
  if (typeof value === 'number') return Math.abs(value) < 2 ** -14 && Number.isInteger(value * 2 ** 24)
  return typeof value === 'object' && value !== null && Object.values(value).some(hasTinyHalfFloat)
}

function allText(error: unknown): string {
  if (!(error instanceof Error)) return ''
  return `${error.message} ${error.stack} ${allText(error.cause)}`
}

function fromMaps(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fromMaps)
  return value instanceof Map
    ? Object.fromEntries([...value].map(([key, item]) => [key, fromMaps(item)]))
    : value
}
