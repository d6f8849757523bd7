/*
 * Runs tests with one mutation in the sources they load, in a process of its own, and writes what came of it as a line of
 * JSON. The bug is put in as vitest loads the file, and exists nowhere else.
 *
 *   node --import ./test/simulator/typescript.mjs test/mutations/one.ts [--all] -- NAME TEST-FILES
 */
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startVitest, type TestCase, type TestModule, type Vitest } from 'vitest/node'
import { mutated, ROOT } from './mutation.ts'
import { mutationNamed } from './mutations.ts'
import type { Verdict } from './outcome.ts'

const { values, positionals } = parseArgs({
  options: { all: { type: 'boolean', default: false } },
  allowPositionals: true
})
const [name = '', ...tests] = positionals
const mutation = mutationNamed(name)
const target = join(ROOT, mutation.file)
let isLoaded = false

const vitest = await startVitest(
  'test',
  tests,
  {
    root: ROOT,
    watch: false,
    bail: values.all ? 0 : 1,
    maxWorkers: 1,
    fileParallelism: false,
    passWithNoTests: false,
    reporters: [{}]
  },
  {
    plugins: [
      {
        name: 'mutation',
        enforce: 'pre',
        transform: (source, id) => {
          if (id.split('?', 1)[0] !== target) return undefined
          isLoaded = true
          return { code: mutated(mutation, source), map: null }
        }
      }
    ]
  }
)
process.stdout.write(`\n${JSON.stringify(verdictOf(vitest))}\n`)
await vitest.close()
process.exit()

function verdictOf({ state }: Vitest): Verdict {
  const modules = state.getTestModules()
  const failed = modules.flatMap((module) => [...module.children.allTests('failed')])
  if (failed.length > 0) {
    const error = (failed[0] as TestCase).result().errors?.[0]
    const message = error?.message ?? ''
    // The compiler lets pass what is used before it is there, and any test at all notices that.
    if (error?.name === 'ReferenceError') return { verdict: 'broken', message }
    return { verdict: 'caught', by: failed.map(nameOf), message }
  }
  const broken = modules.flatMap((module: TestModule) => module.errors())
  if (broken.length > 0) return { verdict: 'broken', message: broken[0]?.message ?? '' }
  if (!isLoaded) return { verdict: 'broken', message: `none of the tests loads ${mutation.file}` }
  const ran = modules.flatMap((module) => [...module.children.allTests('passed')])
  if (ran.length === 0) return { verdict: 'broken', message: 'no test was run' }
  return { verdict: 'survived' }
}

function nameOf({ module, fullName }: TestCase): string {
  return `${module.relativeModuleId} › ${fullName}`
}
