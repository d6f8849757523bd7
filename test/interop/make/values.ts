import { type ActorId, encodeContext } from '@cis-memory/clock'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import type { JsonValue } from '../../../packages/core/src/entry/value.ts'
import { type Case, MALFORMED } from './case.ts'

const VALUES: readonly [name: string, value: JsonValue][] = [
  ['null', null],
  ['false', false],
  ['0', 0],
  ['23', 23],
  ['24', 24],
  ['-1', -1],
  ['2^53 - 1', 2 ** 53 - 1],
  ['-(2^53 - 1)', -(2 ** 53 - 1)],
  ['2^53, the first whole number that is a float', 2 ** 53],
  ['1.5', 1.5],
  ['0.1', 0.1],
  ['3 * 2^-24, a half float below the normal ones', 3 * 2 ** -24],
  ['2^-25, too small for a half float', 2 ** -25],
  ['65504.5', 65504.5],
  ['1e300', 1e300],
  ['the smallest number', 5e-324],
  ['empty text', ''],
  ['text with a byte order mark', '\ufeffhello'],
  ['text beyond the basic plane', '\u{1d11e}'],
  ['an empty array', []],
  ['an empty object', {}],
  ['keys sorted by their encoding', { b: 1, aa: 2, '': 3, a: 4 }],
  ['keys that are no names', { constructor: 1, toString: 2 }],
  ['nested', { list: [1, [2, { deep: [null, true] }]] }]
]

export function valueCases(): Case[] {
  return VALUES.map(([name, value]) => ({ name, value, hex: toHex(encodeCbor(value)) }))
}

export function invalidCborCases(): Case[] {
  const cases: readonly [name: string, hex: string][] = [
    ['nothing', ''],
    ['two items', '0000'],
    ['a number longer than it needs to be', '1817'],
    ['a length longer than it needs to be', '580161'],
    ['a negative number below -(2^53 - 1)', '3b001fffffffffffff'],
    ['an array without end', '9f00ff'],
    ['text without end', '7f6161ff'],
    ['a tag', 'c000'],
    ['a bignum', 'c24101'],
    ['undefined', 'f7'],
    ['a simple value', 'f820'],
    ['a whole number as a float', 'f93c00'],
    ['-0', 'f98000'],
    ['a float longer than it needs to be', 'fb3ff8000000000000'],
    ['infinity', 'f97c00'],
    ['not a number', 'f97e00'],
    ['keys out of order', 'a2616200616100'],
    ['a key twice', 'a2616100616100'],
    ['a key that is bytes', 'a1410000'],
    ['a key that is negative', 'a12000'],
    ['text that is not UTF-8', '61ff'],
    ['an overlong UTF-8 sequence', '62c080'],
    ['a surrogate in UTF-8', '63eda080'],
    ['bytes that are not there', '5bffffffffffffffff'],
    ['items that are not there', '9affffffff00'],
    ['arrays nested 200 deep', '81'.repeat(200)]
  ]
  return cases.map(([name, hex]) => ({ name, hex, code: MALFORMED }))
}

export function contextCases(): Case[] {
  const cases: readonly [name: string, rows: readonly (readonly [string, number])[]][] = [
    ['nothing seen', []],
    ['one actor', [['00112233445566778899aabbccddeeff', 1]]],
    [
      'two actors, in order',
      [
        ['00112233445566778899aabbccddeeff', 300],
        ['ffeeddccbbaa99887766554433221100', 2 ** 53 - 1]
      ]
    ]
  ]
  return cases.map(([name, rows]) => ({
    name,
    rows,
    hex: toHex(encodeContext(new Map(rows as [ActorId, number][])))
  }))
}
