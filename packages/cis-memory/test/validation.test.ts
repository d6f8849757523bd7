import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { callSchemas } from '../src/operations/schemas.ts'
import { nameOf, problemsOf, text, wholeNumber } from '../src/validation.ts'

const schema = v.strictObject({
  count: wholeNumber(1),
  name: v.optional(text),
  mode: v.optional(v.picklist(['manual', 'auto'])),
  rules: v.optional(v.pipe(v.array(v.strictObject({ on: v.boolean() })), v.maxLength(2)))
})

function said(value: unknown): readonly string[] {
  return problemsOf(schema, value).map(({ at, says }) => `${nameOf(at)} ${says}`)
}

describe('what does not fit a schema', () => {
  it('is nothing when all fits, with optional keys left out or undefined', () => {
    for (const fits of [{ count: 1 }, { count: 1, name: undefined }, { count: 2, rules: [{ on: true }] }]) {
      expect(said(fits)).toEqual([])
    }
  })

  it.each([
    [{}, 'count is missing: it must be a whole number'],
    [{ count: 0 }, 'count must be at least 1'],
    [{ count: 1.5 }, 'count must be a whole number'],
    [{ count: 1, name: '' }, 'name must not be empty'],
    [{ count: 1, name: 3 }, 'name must be a text'],
    [{ count: 1, mode: 'auto_' }, 'mode must be "manual" or "auto"'],
    [{ count: 1, rules: {} }, 'rules must be a list'],
    [{ count: 1, rules: [{ on: true }, { on: 1 }] }, 'rules[1].on must be true or false'],
    [{ count: 1, rules: [{}] }, 'rules[0].on is missing: it must be true or false'],
    [{ count: 1, rules: [1] }, 'rules[0] must be a table of keys and values'],
    [{ count: 1, rules: [{ on: true }, { on: true }, { on: true }] }, 'rules must have at most 2'],
    [{ count: 1, nmae: 'a' }, 'nmae is not known. Did you mean name?'],
    [{ count: 1, rules: [{ on: true, onn: 1 }] }, 'rules[0].onn is not known. Did you mean on?'],
    [{ count: 1, zzz: 1 }, 'zzz is not known. Known: count, name, mode, rules'],
    [{ count: 1, constructor: 1 }, 'constructor is not known. Known: count, name, mode, rules'],
    [null, ' must be a table of keys and values']
  ])('of %j is named with its place and what is allowed', (value, message) => {
    expect(said(value)).toEqual([message])
  })

  it('is told all at once, every unknown key included', () => {
    expect(said({ count: 0, moed: 'auto', rulse: [] })).toEqual([
      'count must be at least 1',
      'moed is not known. Did you mean mode?',
      'rulse is not known. Did you mean rules?'
    ])
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
    expect(problemsOf(callSchemas['conflicts.resolve'], { id: 'a', choice })).toEqual([])
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
    const problems = problemsOf(callSchemas['conflicts.resolve'], { id: 'a', choice })
    expect(problems).toEqual([{ at: ['choice'], says: 'must be a choice' }])
  })
})
