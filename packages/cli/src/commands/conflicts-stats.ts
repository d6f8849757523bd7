import type { ConflictStats } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { duration } from '../arguments.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { tellSuggestion } from '../render/suggestion.ts'
import { printTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { name } from '../render/version.ts'

interface StatsOptions {
  readonly since?: number
}

export function registerConflictsStats(conflicts: Command, registration: Registration): void {
  conflicts
    .command('stats')
    .description('Count conflicts by key, scope, devices and day, and say what would help')
    .argument('[prefix]', 'only what lies at or below it')
    .option(
      '--since <time>',
      'noticed in the last 12h, 7d or 90d (default: all that are still recorded)',
      duration
    )
    .action(action(registration, showStats))
}

async function showStats(
  cli: Invocation,
  prefix: string | undefined,
  options: StatsOptions
): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory('public')
  const since = options.since === undefined ? undefined : host.now() - options.since
  const stats = await session.call('conflicts.stats', { since, prefix }, { signal: host.signal })
  if (output.isJson) {
    await output.record({ scope: session.scope, ...stats })
    return EXIT.done
  }
  await printStats(cli, session.scope, stats)
  return EXIT.done
}

async function printStats(cli: Invocation, scope: string, stats: ConflictStats): Promise<void> {
  const { output } = cli
  const { open, settled, settledByPolicy } = stats
  await output.line(`${open} open, ${settled} settled, ${settledByPolicy} decided by a policy`)
  await ranking(cli, 'key', stats.byPath, ({ path }) => keyWithin(scope, path))
  await ranking(cli, 'scope', stats.byScope, (each) => printableLine(each.scope))
  await ranking(cli, 'devices', stats.byDevices, ({ devices: [a, b] }) => `${name(a.name)}, ${name(b.name)}`)
  await ranking(cli, 'day', stats.perDay, ({ day }) => day)
  if (stats.suggestions.length > 0) output.talk('')
  for (const suggestion of stats.suggestions) tellSuggestion(cli, scope, suggestion)
}

async function ranking<T extends { readonly count: number }>(
  { output }: Invocation,
  title: string,
  items: readonly T[],
  label: (item: T) => string
): Promise<void> {
  if (items.length === 0) return
  if (output.isTerminal) await output.line('')
  const rows = items.map((item) => [label(item), String(item.count)])
  const columns = [
    { title, isFlexible: true },
    { title: 'conflicts', align: 'right' }
  ] as const
  await printTable(output, columns, output.isTerminal ? rows : rows.map((row) => [title, ...row]))
}
