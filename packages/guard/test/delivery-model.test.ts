import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commands } from './model/steps.ts'
import { World } from './model/world.ts'

/** Everything that has to have happened somewhere: a property that never gets anywhere holds as well. */
const HAPPENINGS = [
  'delivered',
  'delivered on a decision',
  'refused',
  'started',
  'not started',
  'written',
  'not written',
  'undone',
  'opened again'
]

describe('P33', () => {
  it('no sequence of steps gives an agent contested memory, loses what was shown, undoes to something else, or goes off the record', async () => {
    const counts = new Map<string, number>()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 20 }), { minLength: 3, maxLength: 3 }),
        commands,
        async (policies, all) => {
          const world = await World.open(policies)
          await fc.asyncModelRun(() => ({ model: {}, real: world }), all)
          await world.finish()
          for (const [what, n] of world.counts) counts.set(what, (counts.get(what) ?? 0) + n)
        }
      ),
      { numRuns: 60 }
    )
    for (const what of HAPPENINGS) expect(counts.get(what) ?? 0, what).toBeGreaterThan(0)
  }, 180_000)
})
