import type { ConflictSuggestion } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { type Finding, failed, homeFindings, reportFindings } from '../doctor/findings.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { tellSuggestion } from '../render/suggestion.ts'
import { count } from '../render/time.ts'
import { wrap } from '../render/wrap.ts'

const CHECK_COLUMNS = 15
/** Broken lines narrower than this are harder to read than long ones. */
const MIN_TEXT_COLUMNS = 30

export function registerDoctor(program: Command, registration: Registration): void {
  program
    .command('doctor')
    .description('Look for what needs attention on this device, and say what helps')
    .addHelpText('after', HELP)
    .action(action(registration, doctor))
}

const HELP = `
It changes nothing and asks nobody, peers and models included. Exit code 1 when something needs attention. Conflicts and
curated memory are looked at in the scope of this directory, or else in the whole space.`

async function doctor(cli: Invocation): Promise<ExitCode> {
  const { output, host } = cli
  const library = await host.library()
  const around = homeFindings(await library.examineHome(cli.home))
  for (const finding of around) await tell(cli, finding)
  const { scope, suggestions, found } = await examineStore(cli, around)
  for (const finding of found) await tell(cli, finding)
  const urgent = [...around, ...found].filter(({ state }) => state === 'attention')
  if (output.isJson) {
    for (const suggestion of suggestions)
      await output.record({ check: 'suggestion', state: 'advice', ...suggestion })
  } else {
    for (const suggestion of suggestions) tellSuggestion(cli, scope, suggestion)
    output.talk(
      urgent.length === 0
        ? 'Nothing needs attention.'
        : `${count(urgent.length, 'finding needs', 'findings need')} attention.`
    )
  }
  return urgent.length === 0 ? EXIT.done : EXIT.failure
}

interface Examined {
  readonly scope: string
  readonly suggestions: readonly ConflictSuggestion[]
  readonly found: readonly Finding[]
}

/** Looks into the store, unless the files around it are such that it will not open. */
async function examineStore(cli: Invocation, before: readonly Finding[]): Promise<Examined> {
  const { host } = cli
  const nothing = { scope: '/', suggestions: [] }
  if (before.some(({ check, state }) => state === 'attention' && check !== 'model key')) {
    cli.output.talk('The store was not looked into: what is around it comes first.')
    return { ...nothing, found: [] }
  }
  try {
    const session = await cli.device(cli.givenScope ?? (await cli.projectScope()))
    const report = await session.call('doctor', {}, { signal: host.signal })
    const found = reportFindings(report, session.via === 'socket', host.now())
    return { scope: session.scope, suggestions: report.conflicts.suggestions, found }
  } catch (error) {
    host.signal.throwIfAborted()
    return { ...nothing, found: [failed('store', error)] }
  }
}

async function tell(cli: Invocation, finding: Finding): Promise<void> {
  const { output } = cli
  const { check, state, says, next = [] } = finding
  if (output.isJson) return output.record({ ...finding, next: next.map((line) => cli.command(line)) })
  const { green, yellow } = output.dataColors
  const cells = output.isTerminal
    ? Math.max(output.columns - CHECK_COLUMNS - 2, MIN_TEXT_COLUMNS)
    : Number.POSITIVE_INFINITY
  const [first = '', ...others] = says.split('\n').flatMap((line) => wrap(line, cells))
  await output.line(`${state === 'ok' ? green('✓') : yellow('!')} ${check.padEnd(CHECK_COLUMNS)}${first}`)
  for (const line of others) await output.line(' '.repeat(CHECK_COLUMNS + 2) + line)
  for (const line of next) cli.suggest(line)
}
