import { parseArgs } from 'node:util'
import { decoders } from './decoders.ts'
import { fuzz } from './fuzz.ts'

const HELP = `npm run fuzz -- [options]

  --seconds S   for how long, shared by all decoders      (60)
  --seed N      where everything follows from; a fresh one when left out
  --only NAME   decoders whose name has this in it
`

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(HELP)
} else {
  const seed = Number(values.seed ?? Date.now() % 2 ** 32)
  const chosen = decoders.filter(({ name }) => name.includes(values.only))
  const msEach = (1000 * Number(values.seconds)) / chosen.length
  let total = 0
  console.log(`seed ${seed}`)
  for (const decoder of chosen) {
    const endMs = Date.now() + msEach
    const report = await fuzz(decoder, { seed, isOver: () => Date.now() >= endMs }).catch((error: Error) => {
      throw new Error(
        `${error.message}\nto see it again: npm run fuzz -- --seed ${seed} --only '${decoder.name}'`,
        {
          cause: error.cause
        }
      )
    })
    total += report.executions
    const { executions, accepted, places } = report
    console.log(`${String(executions).padStart(9)}  ${decoder.name}: ${accepted} accepted, ${places} places`)
  }
  console.log(`${total} inputs to ${chosen.length} decoders: nothing was violated`)
}
