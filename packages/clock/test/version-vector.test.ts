import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, dominates, EMPTY_VECTOR, includes, join, type VersionVector } from '../src/index.ts'
import { RUNS } from './arbitraries.ts'
import { actor, context } from './build.ts'

/** Vectors over few actors and small counters, so that they often meet. */
const anyVector: fc.Arbitrary<VersionVector> = fc
  .dictionary(fc.constantFrom('a', 'b', 'c', 'd'), fc.integer({ min: 1, max: 4 }), { noNullPrototype: true })
  .map(context)

/** The same vector as the set of dots it stands for. */
function dots(vector: VersionVector): Set<string> {
  const all = new Set<string>()
  for (const [who, n] of vector) {
    for (let each = 1; each <= n; each++) all.add(`${who}:${each}`)
  }
  return all
}

describe('version vectors', () => {
  it('include exactly the dots they stand for', () => {
    fc.assert(
      fc.property(
        anyVector,
        fc.constantFrom('a', 'b', 'e'),
        fc.integer({ min: 1, max: 5 }),
        (vector, who, n) => {
          expect(includes(vector, { actor: actor(who), n })).toBe(dots(vector).has(`${actor(who)}:${n}`))
        }
      ),
      { numRuns: RUNS }
    )
  })

  it('compare as the sets of dots they stand for', () => {
    fc.assert(
      fc.property(anyVector, anyVector, (a, b) => {
        const aHasB = [...dots(b)].every((dot) => dots(a).has(dot))
        const bHasA = [...dots(a)].every((dot) => dots(b).has(dot))
        const expected = aHasB && bHasA ? 'equal' : aHasB ? 'after' : bHasA ? 'before' : 'concurrent'
        expect(compare(a, b)).toBe(expected)
        expect(dominates(a, b)).toBe(aHasB)
      }),
      { numRuns: RUNS }
    )
  })

  it('join to the union of what they stand for', () => {
    fc.assert(
      fc.property(fc.array(anyVector, { maxLength: 4 }), (vectors) => {
        const union = new Set(vectors.flatMap((vector) => [...dots(vector)]))
        expect([...dots(join(...vectors))].sort()).toEqual([...union].sort())
      }),
      { numRuns: RUNS }
    )
  })

  it('are not changed by joining', () => {
    const a = context({ a: 1 })
    join(a, context({ a: 2, b: 1 }))
    expect(a).toEqual(context({ a: 1 }))
  })

  it('begin with one that has seen nothing', () => {
    expect(compare(EMPTY_VECTOR, context({ a: 1 }))).toBe('before')
    expect(join()).toEqual(EMPTY_VECTOR)
  })
})
