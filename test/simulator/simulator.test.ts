import { describe, expect, it } from 'vitest'
import { ALL_FAULTS, NO_FAULTS } from './src/faults.ts'
import { generate } from './src/generate.ts'
import { simulate } from './src/simulation.ts'

/** How long fresh seeds are tried here. `npm run sim -- --seeds 1000` tries more. */
const BUDGET_MS = 8_000
const STEPS = 150

function script(
  seed: number,
  changes: Partial<Parameters<typeof generate>[0]> = {}
): ReturnType<typeof generate> {
  return generate({ seed, steps: STEPS, replicas: 4, faults: ALL_FAULTS, ...changes })
}

describe('a simulation', () => {
  it('is the same when its seed is the same, and another when it is not', async () => {
    const [first, again, other] = [
      await simulate(script(1)),
      await simulate(script(1)),
      await simulate(script(2))
    ]
    expect(again).toEqual(first)
    expect(other.digest).not.toBe(first.digest)
  }, 60_000)

  it('comes to something: memory is written, sent, contested, settled, delivered and refused, and devices fail', async () => {
    const often = { restore: 0.03, clone: 0.02, silentCopy: 0.01, fullDisk: 0.02, cut: 0.4, attack: 0.1 }
    const happened = new Set<string>()
    for (const seed of [1, 2, 3]) {
      const { counts, violation } = await simulate(script(seed, { faults: { ...ALL_FAULTS, ...often } }))
      expect(violation).toBeUndefined()
      for (const what of counts.keys()) happened.add(what)
    }
    const expected = [
      ...['put', 'delete', 'burst', 'private', 'read', 'undo', 'edit', 'resolved', 'delivered', 'refused'],
      ...[
        'syncs',
        'broadcast: accept',
        'sync: SYNC_DISCONNECTED',
        'sync: SYNC_TIMEOUT',
        'STORE_WRITE_FAILED'
      ],
      ...['agents run', 'crash', 'partition', 'restart', 'restore', 'clone', 'set-clock', 'broadcast: reject']
    ]
    expect(expected.filter((what) => !happened.has(what))).toEqual([])
  }, 60_000)

  it('without faults loses nothing either', async () => {
    expect((await simulate(script(3, { faults: NO_FAULTS }))).violation).toBeUndefined()
  })

  it('of fresh seeds violates nothing', async () => {
    const endMs = Date.now() + BUDGET_MS
    for (let seed = Date.now() % 2 ** 32; Date.now() < endMs; seed++) {
      const { violation } = await simulate(script(seed))
      const again = `npm run sim -- --seed ${seed} --steps ${STEPS} --replicas 4`
      if (violation !== undefined)
        throw new Error(`seed ${seed}; to see it again: ${again}`, { cause: violation })
    }
  }, 60_000)
})
