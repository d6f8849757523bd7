import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { crashes } from './crashes/crashes.ts'

const ROUNDS = 20
/** `CIS_SEED=… npx vitest run test/integration/crashes` dies at the same places again. */
const SEED = Number(process.env.CIS_SEED ?? randomInt(2 ** 31))

it(`P6 P11 P12 P13 P14 P20: programs that die in the middle of whatever writes go on as themselves, with all they acknowledged (CIS_SEED=${SEED})`, async () => {
  const { rounds, deaths, acknowledged } = await crashes({ seed: SEED, rounds: ROUNDS })
  expect(rounds).toBe(ROUNDS)
  expect([...deaths.keys()]).toEqual(expect.arrayContaining(['founding', 'working']))
  expect(acknowledged).toBeGreaterThan(ROUNDS)
}, 900_000)
