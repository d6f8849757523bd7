// How long does a command take from the shell, against a Node process that does nothing?
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, report, timed } from './support/measure.mjs'

const ROUNDS = 20
const CIS = fileURLToPath(new URL('../packages/cli/dist/bin.js', import.meta.url))

const directory = await mkdtemp(join(tmpdir(), 'cis-bench-'))
const homes = { alone: join(directory, 'alone'), node: join(directory, 'node') }
const node = (...args) => execFileSync(process.execPath, args, { stdio: 'ignore' })
const cis = (home, ...args) => node(CIS, '--home', home, '--scope', '/bench', ...args)

for (const home of Object.values(homes)) {
  node(CIS, '--home', home, 'init', '--listen', '/ip4/127.0.0.1/tcp/0')
  cis(home, 'memory', 'set', 'deploy/day', 'Tuesday')
}
const running = spawn(process.execPath, [CIS, '--home', homes.node, 'node', 'run'], {
  stdio: ['ignore', 'pipe', 'ignore']
})
await once(running.stdout, 'data')

const EMPTY = 'node -e 0'
const commands = new Map([
  [EMPTY, () => node('-e', '0')],
  ['cis --help', () => node(CIS, '--help')],
  ['cis memory get, opens the store', () => cis(homes.alone, 'memory', 'get', 'deploy/day')],
  ['cis status, opens the store', () => cis(homes.alone, 'status')],
  ['cis memory get, asks a running node', () => cis(homes.node, 'memory', 'get', 'deploy/day')],
  ['cis status, asks a running node', () => cis(homes.node, 'status')]
])
for (const run of commands.values()) run()
const figures = new Map([...commands.keys()].map((name) => [name, []]))
const above = new Map([...commands.keys()].map((name) => [name, []]))
// All of a round in turn, so that a machine that gets slower meanwhile slows every row alike.
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of commands) figures.get(name).push(await timed(run))
  for (const [name, times] of figures) above.get(name).push(times.at(-1) - figures.get(EMPTY).at(-1))
}
report(
  'From the shell to the exit',
  [...figures].map(([name, times]) => {
    const ratio = median(times.map((time, round) => time / figures.get(EMPTY)[round]))
    return { name, figures: times, unit: 'ms', ratio }
  })
)
above.delete(EMPTY)
report(
  'The same, above an empty process of the same round (target: 150 ms)',
  [...above].map(([name, times]) => ({ name, figures: times, unit: 'ms' }))
)

running.kill('SIGTERM')
await once(running, 'exit')
await rm(directory, { recursive: true, force: true })
