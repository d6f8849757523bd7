import { randomInt } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decoders } from './decoders.ts'
import { fuzz } from './fuzz.ts'

const RUNS = 100
/** `CIS_SEED=… npx vitest run test/fuzz` gives the same inputs again. */
const SEED = Number(process.env.CIS_SEED ?? randomInt(2 ** 31))

describe(`P27 P28: what is nearly right is taken as it is or refused with a code, in bounded time and memory (CIS_SEED=${SEED})`, () => {
  it.each(decoders)('$name', async (decoder) => {
    const { places } = await fuzz(decoder, { seed: SEED, isOver: (executions) => executions >= RUNS })
    expect(places).toBeGreaterThan(1)
  })
})
