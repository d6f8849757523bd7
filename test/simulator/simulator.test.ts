import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ALL_FAULTS, NO_FAULTS } from './src/faults.ts'
import { generate } from './src/generate.ts'
import type { Script } from './src/script.ts'
import { simulate } from './src/simulation.ts'

/** How many fresh seeds are tried here. `npm run sim -- --seeds 1000` tries more. */
const FRESH_SEEDS = 5
const STEPS = 150
const REPLICAS = 4

const SEEDS_FOLDER = fileURLToPath(new URL('seeds/', import.meta.url))

function script(
  seed: number,
  changes: Partial<Parameters<typeof generate>[0]> = {}
): ReturnType<typeof generate> {
  return generate({ seed, steps: STEPS, replicas: REPLICAS, faults: ALL_FAULTS, ...changes })
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
    const deeds = 'put delete burst private read undo edit crash partition restart restore clone set-clock'
    const faults = 'process killed,power cut,line cut,slow line,slow read,broadcast lost,broadcast duplicated'
    const expected = [
      ...deeds.split(' ').map((deed) => `deed: ${deed}`),
      ...faults.split(',').map((fault) => `fault: ${fault}`),
      ...['syncs', 'resolved', 'delivered', 'refused', 'agents run', 'STORE_WRITE_FAILED'],
      ...['sync: SYNC_DISCONNECTED', 'sync: SYNC_TIMEOUT', 'broadcast: accept', 'broadcast: reject']
    ]
    expect(expected.filter((what) => !happened.has(what))).toEqual([])
  }, 60_000)

  it('without faults loses nothing either', async () => {
    expect((await simulate(script(3, { faults: NO_FAULTS }))).violation).toBeUndefined()
  })

  const saved = existsSync(SEEDS_FOLDER) ? readdirSync(SEEDS_FOLDER) : []
  it.each(saved)('that failed once, %s, violates nothing', async (file) => {
    const failed: Script = JSON.parse(readFileSync(`${SEEDS_FOLDER}${file}`, 'utf8'))
    expect((await simulate(failed)).violation).toBeUndefined()
  })

  it('of fresh seeds violates nothing', async () => {
    const first = Date.now() % 2 ** 32
    for (let seed = first; seed < first + FRESH_SEEDS; seed++) {
      const { violation } = await simulate(script(seed))
      const again = `npm run sim -- --seed ${seed} --steps ${STEPS} --replicas ${REPLICAS}`
      if (violation !== undefined)
        throw new Error(`seed ${seed}; to see it again: ${again}`, { cause: violation })
    }
  }, 120_000)
})
