import { describe, expect, it } from 'vitest'
import { callSchemas } from '../src/operations/schemas.ts'
import {
  flag,
  isOf,
  list,
  misfitsOf,
  oneOf,
  openRecord,
  optional,
  record,
  text,
  wholeNumber
} from '../src/shape.ts'

const point = record<{ x: number; name?: string | undefined; tags?: readonly string[] | undefined }>({
  x: wholeNumber(0),
  name: optional(text()),
  tags: optional(list(text(), 'a list of texts', 2))
})

describe('a shape', () => {
  it('takes what fits, with optional keys left out or undefined', () => {
    for (const fits of [{ x: 0 }, { x: 1, name: undefined }, { x: 2, name: 'a', tags: ['b', 'c'] }]) {
      expect(misfitsOf(point, fits)).toEqual([])
    }
  })

  it.each([
    [{}, [{ at: ['x'], mustBe: 'a whole number from 0' }]],
    [{ x: -1 }, [{ at: ['x'], mustBe: 'a whole number from 0' }]],
    [{ x: 1.5 }, [{ at: ['x'], mustBe: 'a whole number from 0' }]],
    [{ x: 1, name: '' }, [{ at: ['name'], mustBe: 'a text that is not empty' }]],
    [{ x: 1, tags: ['a', 2] }, [{ at: ['tags'], mustBe: 'a list of texts' }]],
    [{ x: 1, tags: ['a', 'b', 'c'] }, [{ at: ['tags'], mustBe: 'a list of texts' }]],
    [{ x: 1, y: 2 }, [{ at: ['y'], mustBe: undefined }]],
    [[], [{ at: [], mustBe: 'an object' }]],
    [null, [{ at: [], mustBe: 'an object' }]],
    [new Uint8Array(1), [{ at: [], mustBe: 'an object' }]]
  ])('says of %j what does not fit, and where', (value, misfits) => {
    expect(misfitsOf(point, value)).toEqual(misfits)
  })

  it('takes nothing from a prototype, and no key that only looks known', () => {
    expect(isOf(point, Object.create({ x: 1 }))).toBe(false)
    expect(isOf(point, JSON.parse('{"x": 1, "__proto__": {"y": 1}}'))).toBe(false)
    expect(isOf(point, { x: 1, constructor: 1 })).toBe(false)
  })

  it('lets others add keys where that is meant', () => {
    expect(isOf(openRecord({ x: flag }), { x: true, y: 1 })).toBe(true)
    expect(isOf(openRecord({ x: oneOf('a', 'b') }), { x: 'c' })).toBe(false)
  })
})

describe('the arguments of operations', () => {
  it.each([
    { keep: 'local' },
    { keep: 'a'.repeat(32) },
    { keep: 'a'.repeat(32), index: 1 },
    { value: null },
    { value: 'text', contentType: 'text/plain' },
    { delete: true }
  ])('resolve takes the choice %j', (choice) => {
    expect(misfitsOf(callSchemas['conflicts.resolve'], { id: 'a', choice })).toEqual([])
  })

  it.each([
    {},
    { keep: 1 },
    { keep: 'local', value: 1 },
    { delete: false },
    { value: undefined },
    'local',
    null
  ])('resolve refuses the choice %j', (choice) => {
    const misfits = misfitsOf(callSchemas['conflicts.resolve'], { id: 'a', choice })
    expect(misfits).toEqual([{ at: ['choice'], mustBe: 'a choice' }])
  })
})
