import { describe, expect, it } from 'vitest'
import { type Mutation, mutated } from './mutation.ts'
import { MUTATIONS } from './mutations.ts'
import { run } from './outcome.ts'

/** How long bugs are put in here, one of a fresh choice after the other. `npm run mutations` tries all of them. */
const BUDGET_MS = 8_000

const EXAMPLE: Mutation = {
  name: 'example',
  bug: 'it adds up wrongly',
  breaks: ['P1'],
  file: 'packages/clock/src/siblings.ts',
  text: 'a + b',
  becomes: 'a - b $&',
  tests: ['packages/clock/test/siblings.test.ts']
}

describe('a mutation', () => {
  it('stands where its text was, as it is', () => {
    expect(mutated(EXAMPLE, 'sum = a + b;')).toBe('sum = a - b $&;')
  })

  it('is refused when its text is not there, or there twice', () => {
    expect(() => mutated(EXAMPLE, 'sum = a * b')).toThrow('0 times')
    expect(() => mutated(EXAMPLE, 'a + b, a + b')).toThrow('2 times')
  })
})

describe('the tests', () => {
  it('notice bugs of a fresh choice', async () => {
    const endMs = Date.now() + BUDGET_MS
    const left = [...MUTATIONS]
    while (Date.now() < endMs && left.length > 0) {
      const [mutation] = left.splice(Math.floor(Math.random() * left.length), 1)
      if (mutation === undefined) return
      const outcome = await run(mutation, mutation.tests)
      const again = `npm run mutations -- ${mutation.name}`
      console.log(`${outcome.verdict} in ${outcome.seconds.toFixed(1)} s: ${again}`)
      expect(outcome.verdict, `${JSON.stringify(outcome)}; to see it again: ${again}`).toBe('caught')
    }
  }, 360_000)
})
