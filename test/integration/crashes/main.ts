import { parseArgs } from 'node:util'
import { crashes } from './crashes.ts'

const HELP = `npm run crashes -- [options]

  --rounds N   how often somebody dies        (200)
  --seed N     where; a fresh one when left out
`

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    help: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(HELP)
} else {
  const seed = Number(values.seed ?? Date.now() % 2 ** 32)
  const startedMs = Date.now()
  console.log(`seed ${seed}`)
  const { rounds, deaths, acknowledged, dots } = await crashes({
    seed,
    rounds: Number(values.rounds),
    onRound: (line) => console.log(line)
  })
  for (const [what, count] of [...deaths].sort()) console.log(`${String(count).padStart(6)}  died ${what}`)
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(0)
  console.log(
    `${rounds} rounds, ${acknowledged} acknowledged, ${dots} numbers, in ${seconds} s: nothing was violated`
  )
}
