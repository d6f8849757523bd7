import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { parseFaults } from './faults.ts'
import { generate } from './generate.ts'
import type { Script } from './script.ts'
import { shrink } from './shrink.ts'
import { type Outcome, simulate } from './simulation.ts'

const HELP = `npm run sim -- [options]

  --seed N        where everything follows from; a fresh one when left out
  --seeds K       so many, one after the other, from --seed on       (1)
  --steps M       things that happen in each run                     (1000)
  --replicas R    devices, 3 to 50, or 3-12: as many as the seed says (5)
  --faults F      all, none, -name to leave one out, or name[=rate],…  (all)
  --seconds S     begin no further seed after so many seconds
  --script FILE   run a saved script instead of a seed
  --trace         print all that happens
  --shrink S      look for a shorter script for so many seconds      (60)
  --save NAME     keep the shortest script in test/simulator/seeds
`

const SEEDS_FOLDER = fileURLToPath(new URL('../seeds/', import.meta.url))

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string' },
      seeds: { type: 'string', default: '1' },
      steps: { type: 'string', default: '1000' },
      replicas: { type: 'string', default: '5' },
      faults: { type: 'string', default: 'all' },
      seconds: { type: 'string' },
      script: { type: 'string' },
      trace: { type: 'boolean', default: false },
      shrink: { type: 'string', default: '60' },
      save: { type: 'string' },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  const first = values.seed === undefined ? Date.now() % 2 ** 32 : number(values.seed)
  const steps = number(values.steps)
  const [fewest = 0, most = fewest] = values.replicas.split('-').map(number)
  const faults = parseFaults(values.faults)
  const onLine = values.trace ? (line: string): void => console.log(line) : undefined
  const endMs =
    values.seconds === undefined ? Number.POSITIVE_INFINITY : Date.now() + 1000 * number(values.seconds)
  const sum = new Summary()
  for (let seed = first; seed < first + number(values.seeds) && Date.now() < endMs; seed++) {
    const replicas = fewest + (seed % (most - fewest + 1))
    const script: Script =
      values.script === undefined
        ? generate({ seed, steps, replicas, faults })
        : JSON.parse(readFileSync(values.script, 'utf8'))
    const outcome = await simulate(script, onLine)
    sum.add(script, outcome)
    if (outcome.violation === undefined) {
      if (values.seeds === '1') console.log(`seed ${seed}: nothing was violated, trace ${outcome.digest}`)
      continue
    }
    console.error(`seed ${seed}: ${outcome.violation.stack}`)
    if (outcome.violation.cause !== undefined) console.error('because of', outcome.violation.cause)
    const options = `--seed ${seed} --steps ${steps} --replicas ${replicas} --faults ${values.faults}`
    const again = values.script === undefined ? options : `--script ${values.script}`
    console.error(`\nto see it again: npm run sim -- ${again}`)
    await report(script, outcome, number(values.shrink), values.save)
    sum.print()
    return 1
  }
  sum.print()
  return 0
}

/** Looks for a short script that fails in the same way, prints it, and keeps it when it was given a name. */
async function report(
  script: Script,
  outcome: Outcome,
  seconds: number,
  name: string | undefined
): Promise<void> {
  if (seconds === 0) return
  const endMs = Date.now() + 1000 * seconds
  const short = await shrink(script, {
    fails: async (candidate) => (await simulate(candidate)).violation?.promise === outcome.violation?.promise,
    isOver: () => Date.now() > endMs,
    onProgress: ({ actions }) => process.stderr.write(`\r${actions.length} steps are enough `)
  })
  const { seed, replicas, faults, actions } = short
  const kept = Object.fromEntries(Object.entries(faults).filter(([, rate]) => rate !== 0))
  const lines = actions.map((action) => `    ${JSON.stringify(action)}`)
  const text = `{\n  "seed": ${seed},\n  "replicas": ${replicas},\n  "faults": ${JSON.stringify(faults)},\n  "actions": [\n${lines.join(',\n')}\n  ]\n}\n`
  console.error(
    `\n${(await simulate(short)).violation?.message}\n${replicas} replicas, faults ${JSON.stringify(kept)}`
  )
  console.error(lines.join('\n'))
  if (name === undefined) {
    console.error('\nto keep it as a test: add --save NAME')
    return
  }
  mkdirSync(SEEDS_FOLDER, { recursive: true })
  writeFileSync(`${SEEDS_FOLDER}${name}.json`, text)
}

/** What all runs came to. */
class Summary {
  #runs = 0
  #steps = 0
  #events = 0
  #virtualMs = 0
  readonly #counts = new Map<string, number>()
  readonly #startedMs = Date.now()

  add({ actions }: Script, { events, ms, counts }: Outcome): void {
    this.#runs++
    this.#steps += actions.length
    this.#events += events
    this.#virtualMs += ms
    for (const [what, count] of counts) this.#counts.set(what, (this.#counts.get(what) ?? 0) + count)
  }

  print(): void {
    const seconds = (Date.now() - this.#startedMs) / 1000
    const { user, system } = process.cpuUsage()
    const cpu = (user + system) / 1e6
    for (const [what, count] of [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1))) {
      console.log(`${String(count).padStart(10)}  ${what}`)
    }
    console.log(
      `${this.#runs} seeds, ${this.#steps} steps, ${this.#events} events, ${Math.round(this.#virtualMs / 3_600_000)} hours of their time`,
      `in ${seconds.toFixed(1)} s (${cpu.toFixed(1)} s of CPU, ${Math.round(this.#events / cpu)} events and ${Math.round(this.#steps / cpu)} steps a second of it)`
    )
  }
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value)) throw new RangeError(`expected a number, got ${text}`)
  return value
}

process.exitCode = await main()
