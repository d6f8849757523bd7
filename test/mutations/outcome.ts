import { spawn } from 'node:child_process'
import { type Mutation, ROOT } from './mutation.ts'

/** What came of running tests with a bug in the sources. */
export type Verdict =
  | {
      readonly verdict: 'caught'
      /** The tests that failed, by file and name: the first of them, or all when all were run. */
      readonly by: readonly string[]
      readonly message: string
    }
  /** All tests passed. */
  | { readonly verdict: 'survived' }
  /** It proves nothing: the tests could not be loaded, or do not load the source with the bug, or never ended. */
  | { readonly verdict: 'broken'; readonly message: string }

export type Outcome = Verdict & { readonly seconds: number }

const MAX_RUN_MS = 300_000

/** Runs test files with a mutation, until one test fails or all are through. */
export function run(
  { name }: Mutation,
  tests: readonly string[],
  { all = false, maxMs = MAX_RUN_MS }: { readonly all?: boolean; readonly maxMs?: number } = {}
): Promise<Outcome> {
  const startedMs = performance.now()
  const args = [
    ...['--import', './test/simulator/typescript.mjs', 'test/mutations/one.ts'],
    ...(all ? ['--all'] : []),
    ...['--', name, ...tests]
  ]
  // A group of its own, so that no worker outlives it.
  const child = spawn(process.execPath, args, { cwd: ROOT, env: environment(), detached: true })
  let said = ''
  child.stdout.on('data', (data: Buffer) => {
    said += data
  })
  child.stderr.on('data', (data: Buffer) => {
    said += data
  })
  const timer = setTimeout(() => killGroup(child.pid), maxMs)
  return new Promise((resolve) => {
    child.on('close', () => {
      clearTimeout(timer)
      const seconds = (performance.now() - startedMs) / 1000
      const line = said.split('\n').findLast((each) => each.startsWith('{"verdict"'))
      if (line !== undefined) resolve({ ...(JSON.parse(line) as Verdict), seconds })
      else resolve({ verdict: 'broken', seconds, message: said.trim().slice(-2000) || 'it did not end' })
    })
  })
}

/** Without what a vitest that is running tells its workers. */
function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(VITEST|VITE_|NODE_OPTIONS)/.test(name))
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended by itself.
  }
}
