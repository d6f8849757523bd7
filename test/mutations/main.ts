import { parseArgs } from 'node:util'
import { complaintsOf } from './compile.ts'
import { type Mutation, mutated, sourceOf } from './mutation.ts'
import { MUTATIONS, mutationNamed } from './mutations.ts'
import { type Outcome, run } from './outcome.ts'

const HELP = `npm run mutations -- [NAME …] [options]

Puts one bug after the other into the sources and runs the tests that are to notice it. Exits with 1 when any bug is
not noticed, or cannot be put in.

  --list        what there is
  --all-tests   run every test that loads sources, and name all that notice; takes as long as npm test, for each bug
`

/** What runs on sources. test/integration runs what was built, where there is never a bug. */
const ALL_TESTS = ['packages/', 'test/explorer', 'test/interop', 'test/simulator']
const ALL_TESTS_MS = 4 * 3_600_000

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      list: { type: 'boolean', default: false },
      'all-tests': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    },
    allowPositionals: true
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const chosen = positionals.length === 0 ? MUTATIONS : positionals.map(mutationNamed)
  for (const mutation of chosen) mutated(mutation, sourceOf(mutation))
  if (values.list) {
    for (const { name, bug, breaks } of chosen) console.log(`${name}\n    ${bug} (${breaks.join(', ')})`)
    return 0
  }
  const complaints = complaintsOf(chosen)
  if (complaints.length > 0) {
    console.error(complaints.join('\n'))
    return 1
  }
  const startedMs = Date.now()
  let [caught, uncaught] = [0, 0]
  for (const mutation of chosen) {
    const outcome = values['all-tests']
      ? await run(mutation, ALL_TESTS, { all: true, maxMs: ALL_TESTS_MS })
      : await run(mutation, mutation.tests)
    console.log(rowOf(mutation, outcome))
    if (outcome.verdict === 'caught') caught++
    else uncaught++
    if (positionals.length > 0 && outcome.verdict !== 'survived') console.log(`\n${outcome.message}\n`)
  }
  const seconds = Math.round((Date.now() - startedMs) / 1000)
  console.log(`\n${caught} caught, ${uncaught} not caught, in ${seconds} s`)
  return uncaught === 0 ? 0 : 1
}

function rowOf({ name, breaks }: Mutation, outcome: Outcome): string {
  const row = `${name.padEnd(40)} ${breaks.join(' ').padEnd(16)} ${outcome.verdict.padEnd(8)} ${outcome.seconds.toFixed(1).padStart(6)} s`
  // A busy machine can be the reason, so whoever reads the table should know.
  const reason =
    'message' in outcome && outcome.message.startsWith('Test timed out') ? ', by running out of time' : ''
  if (outcome.verdict === 'caught')
    return [`${row}${reason}`, ...outcome.by.map((test) => `    ${test}`)].join('\n')
  return outcome.verdict === 'broken' ? `${row}\n    ${outcome.message.split('\n', 1)[0]}` : row
}

process.exitCode = await main()
