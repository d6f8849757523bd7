import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mutated, ROOT, sourceOf } from '../mutations/mutation.ts'
import { MUTATIONS } from '../mutations/mutations.ts'

describe('a mutation', () => {
  it('is one of its name', () => {
    const names = MUTATIONS.map(({ name }) => name)
    expect(names.filter((name, index) => names.indexOf(name) < index)).toEqual([])
  })

  it.each(MUTATIONS)('$name can be put into the source of today, at one place', (mutation) => {
    const source = sourceOf(mutation)
    expect(mutated(mutation, source)).not.toBe(source)
  })

  it.each(MUTATIONS)('$name names tests that exist, and promises', ({ tests, breaks }) => {
    expect(tests.length).toBeGreaterThan(0)
    expect(tests.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
    expect(breaks.length).toBeGreaterThan(0)
  })
})
