import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { crashes } from './crashes/crashes.ts'
import { Sandbox } from './support/sandbox.ts'

const DOOM = new URL('./children/doom.mjs', import.meta.url).href

const ROUNDS = 20
/** `CIS_SEED=… npx vitest run test/integration/crashes` dies at the same places again. */
const SEED = Number(process.env.CIS_SEED ?? randomInt(2 ** 31))

it(`P6 P11 P12 P13 P14 P20: programs that die in the middle of whatever writes go on as themselves, with all they acknowledged (CIS_SEED=${SEED})`, async () => {
  const { rounds, deaths, acknowledged } = await crashes({ seed: SEED, rounds: ROUNDS })
  expect(rounds).toBe(ROUNDS)
  expect([...deaths.keys()]).toEqual(expect.arrayContaining(['founding', 'working']))
  expect(acknowledged).toBeGreaterThan(ROUNDS)
}, 900_000)

it.each(['before', 'during', 'after'])('dies %s a step that fails', async (when) => {
  await using sandbox = await Sandbox.create()
  const program = `
    import { doom } from '${DOOM}'
    import { mkdir } from 'node:fs/promises'
    doom({ steps: 0, when: '${when}' })
    await mkdir('.').catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 1_000))
  `
  const child = sandbox.start(process.execPath, ['--input-type=module', '--eval', program])
  expect(await child.ended).toMatchObject({ exitCode: null, stderr: '' })
})
