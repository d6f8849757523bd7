import type { CisSession, ConflictKind } from 'cis-memory/session'
import { Argument, type Command, Option } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { CONFLICT_KINDS } from '../render/conflict.ts'
import { keyWithin } from '../render/paths.ts'
import { progressBar } from '../render/progress.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'
import { type Outcome, type Planned, plan, STRATEGIES, type Strategy, settleAll } from '../settle/bulk.ts'
import { Keys } from '../settle/keys.ts'

interface ResolveAllOptions {
  readonly match?: string
  readonly kind?: ConflictKind
}

/** As the patterns of conflict policies are read: names are no file names, so nothing is hidden. */
const GLOB = { dot: true, windows: false, nonegate: true, noextglob: true }

const HELP = `
  local   what this device wrote, or had before the other came
  remote  what the other device wrote, where there are two versions
  both    the latest stays; the others are put beside it under names of their own
  latest  what was written last, by the clocks of those who wrote
  merge   what each changed, where that is text and does not overlap

What a strategy does not decide stays open and is told. Each can be undone by itself. Exit code 3 when some are left
open, 6 when some have changed meanwhile.`

export function registerConflictsResolveAll(conflicts: Command, registration: Registration): void {
  withDryRun(conflicts.command('resolve-all'))
    .description('Settle many conflicts of this scope by one rule')
    .addArgument(new Argument('<strategy>', 'how').choices(STRATEGIES))
    .option('--match <glob>', 'only keys that match, relative to the scope, such as "config/**"')
    .addOption(new Option('--kind <kind>', 'only conflicts of one kind').choices(CONFLICT_KINDS))
    .addHelpText('after', HELP)
    .action(action(registration, resolveAll))
}

async function resolveAll(
  cli: Invocation,
  strategy: Strategy,
  options: ResolveAllOptions
): Promise<ExitCode> {
  const { output } = cli
  const session = await cli.memory('public')
  const plans = await plansFor(cli, session, strategy, options)
  if (cli.isDryRun) return tellPlans(cli, session, plans)
  if (plans.length === 0) {
    output.talk(`Nothing to settle in ${printableLine(session.scope)}.`)
    return EXIT.done
  }
  if (cli.canAsk && !(await isWanted(cli, session, strategy, plans.length))) {
    output.talk('Nothing was settled; every version is kept.')
    return EXIT.contested
  }
  return settlePlans(cli, session, plans)
}

async function plansFor(
  cli: Invocation,
  session: CisSession,
  strategy: Strategy,
  { match, kind }: ResolveAllOptions
): Promise<readonly Planned[]> {
  const { signal } = cli.host
  const { default: picomatch } = await import('picomatch')
  const matches = match === undefined ? () => true : picomatch(match.normalize('NFC'), GLOB)
  const plans: Planned[] = []
  for await (const conflict of session.stream('conflicts.list', {}, { signal })) {
    if (kind !== undefined && conflict.kind !== kind) continue
    if (!matches(relative(session.scope, conflict.path))) continue
    plans.push(plan(conflict, strategy))
  }
  return plans
}

async function settlePlans(
  cli: Invocation,
  session: CisSession,
  plans: readonly Planned[]
): Promise<ExitCode> {
  const { output, host } = cli
  const counts: Record<Outcome['outcome'], number> = { settled: 0, stale: 0, skipped: 0 }
  let done = 0
  for await (const { planned, outcome, code } of settleAll(session, plans, host.signal)) {
    counts[outcome]++
    output.progress(`Settling ${progressBar(++done, plans.length)}`)
    if (output.isJson) await output.record({ conflictId: planned.id, path: planned.path, outcome, code })
    else if (outcome !== 'settled') tellLeft(cli, session, planned, outcome)
  }
  const { settled, stale, skipped } = counts
  const { green } = output.talkColors
  output.talk(
    `${green('Settled')} ${settled} of ${count(plans.length, 'conflict')}. History keeps every version.`
  )
  if (stale > 0) output.talk(`${stale} had changed since they were looked at; run it again.`)
  if (skipped > 0) cli.suggest('memory conflicts resolve', 'to settle the others one after the other')
  if (settled > 0) cli.suggest('memory sync', 'so that the others follow')
  if (stale > 0) return EXIT.stale
  return skipped > 0 ? EXIT.contested : EXIT.done
}

function tellLeft(
  { output }: Invocation,
  session: CisSession,
  { id, path }: Planned,
  outcome: 'stale' | 'skipped'
): void {
  const why = outcome === 'stale' ? 'has changed meanwhile' : 'is not decided by this'
  output.talk(`${output.talkColors.yellow('Left open:')} ${keyWithin(session.scope, path)} (${id}) ${why}.`)
}

async function tellPlans(
  { output }: Invocation,
  session: CisSession,
  plans: readonly Planned[]
): Promise<ExitCode> {
  for (const { id, path, choice } of plans) {
    if (output.isJson) await output.record({ dryRun: true, conflictId: id, path, choice })
    else if (choice === undefined) await output.line(`${id}\t${keyWithin(session.scope, path)}\tleft open`)
    else await output.line(`${id}\t${keyWithin(session.scope, path)}\tsettled`)
  }
  const decided = plans.filter(({ choice }) => choice !== undefined).length
  output.talk(`Would settle ${decided} of ${count(plans.length, 'conflict')}.`)
  return EXIT.done
}

/** Asks a person whether so much is to be settled at once. */
async function isWanted(
  { output, host }: Invocation,
  session: CisSession,
  strategy: Strategy,
  conflicts: number
): Promise<boolean> {
  const what = `${count(conflicts, 'conflict')} in ${printableLine(session.scope)}`
  using keys = new Keys(host)
  await output.line(`Press y to settle ${what} by "${strategy}", any other key to leave them.`)
  return (await keys.next()) === 'y'
}

function relative(scope: string, path: string): string {
  return path.slice(scope === '/' ? 1 : scope.length + 1)
}
