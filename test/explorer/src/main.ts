import { parseArgs } from 'node:util'
import { explore, formatPath, type Layer, type Report, replay } from './explorer.ts'
import { DEFAULT_KINDS, KINDS, type Kind, parseOperation } from './operations.ts'
import { rememberCrypto } from './remembered-crypto.ts'

const HELP = `npm run explore -- [options]

  --replicas R     devices that write and sync, 2 to 4             (3)
  --operations N   explore every order of so many                  (3)
  --kinds K        operations to choose from, by comma, of
                   ${KINDS.join(' ')}
                   (${DEFAULT_KINDS.join(' ')})
                   cut and kill make the devices' durability os
  --names          do not merge states that differ in the names of replicas alone
  --path P         let one path happen instead, such as 'put 0, pull 1<0, restore 0'
`

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      replicas: { type: 'string', default: '3' },
      operations: { type: 'string', default: '3' },
      kinds: { type: 'string', default: DEFAULT_KINDS.join() },
      names: { type: 'boolean', default: false },
      path: { type: 'string' },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) {
    console.log(HELP)
    return 0
  }
  rememberCrypto()
  const replicas = wholeNumber(values.replicas, 2, 4)
  const kinds = values.kinds.split(',').map(kindOf)
  const options = { replicas, operations: wholeNumber(values.operations, 0, 9), kinds, merges: !values.names }
  const startedMs = Date.now()
  if (values.path !== undefined) {
    return conclude(
      await replay(values.path.split(',').map(parseOperation), options),
      values.kinds,
      startedMs
    )
  }
  console.log('operations      states  transitions      merged        idle  s of CPU')
  let toldMs = startedMs
  const report = await explore({
    ...options,
    onLayer: (layer) => console.log(lineOf(layer)),
    onProgress: (done, of) => {
      if (Date.now() < toldMs + 10_000) return
      toldMs = Date.now()
      process.stderr.write(`  ${done} of ${of} states gone on from, ${secondsSince(startedMs)} s\n`)
    }
  })
  return conclude(report, values.kinds, startedMs)
}

function conclude(report: Report, kinds: string, startedMs: number): number {
  const { layers, locals, runs, heals, violation, path } = report
  if (violation !== undefined) {
    console.error(violation.stack)
    if (violation.cause !== undefined) console.error('because of', violation.cause)
    console.error(`\nto see it again: npm run explore -- --kinds ${kinds} --path '${formatPath(path)}'`)
    return 1
  }
  const sum = (of: (layer: Layer) => number): number => layers.reduce((all, layer) => all + of(layer), 0)
  console.log(
    `${sum(({ states }) => states) + 1} states, ${sum(({ transitions }) => transitions)} transitions,`,
    `${sum(({ merged }) => merged)} of them to a state that was known; nothing was violated`
  )
  console.log(
    `${locals} disks, ${runs} openings of one to do something, ${heals} healings;`,
    `${secondsSince(startedMs)} s, ${cpuSeconds()} s of CPU`
  )
  return 0
}

function lineOf({ operations, states, transitions, merged, idle }: Layer): string {
  const columns = [states, transitions, merged, idle].map((count) => String(count).padStart(12))
  return `${String(operations).padStart(10)}${columns.join('')}${cpuSeconds().padStart(10)}`
}

function cpuSeconds(): string {
  const { user, system } = process.cpuUsage()
  return ((user + system) / 1e6).toFixed(1)
}

function secondsSince(ms: number): string {
  return ((Date.now() - ms) / 1000).toFixed(1)
}

function kindOf(text: string): Kind {
  const kind = KINDS.find((each) => each === text.trim())
  if (kind === undefined) throw new RangeError(`expected some of ${KINDS.join(', ')}, got ${text}`)
  return kind
}

function wholeNumber(text: string, first: number, last: number): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < first || number > last) {
    throw new RangeError(`expected a whole number from ${first} to ${last}, got ${text}`)
  }
  return number
}

process.exitCode = await main()
