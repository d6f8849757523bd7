import { resolve } from 'node:path'
import type { ImportOutcome } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { count } from '../render/time.ts'

interface ImportCommandOptions {
  readonly private?: boolean
  readonly under?: string
}

type Outcome = ImportOutcome['outcome']

/** How an import went, for its last words. */
interface Tally {
  readonly counts: Record<Outcome, number>
  firstRefused: ImportOutcome | undefined
}

export function registerImport(memory: Command, registration: Registration): void {
  withDryRun(memory.command('import'))
    .description('Take over Markdown (one memory a heading), an export, or what the MCP memory server wrote')
    .argument(
      '<path...>',
      'Markdown files, folders with Markdown in them, .json or .jsonl files, or - for a pipe'
    )
    .option('--private', 'into the private domain (default: what an export says, public for the rest)')
    .option('--under <path>', 'put them below this path (default: directly in the scope)')
    .addHelpText(
      'after',
      '\nWhat is there already and the same stays; what somebody else has changed since is refused, not replaced. ' +
        'With --dry-run it says what it would do.\n\n' +
        'Examples:\n' +
        '  cis memory import CLAUDE.md docs --dry-run\n' +
        '  cis memory import memory.jsonl --under graph'
    )
    .action(action(registration, importMemories))
}

async function importMemories(
  cli: Invocation,
  paths: readonly string[],
  options: ImportCommandOptions
): Promise<ExitCode> {
  const { host } = cli
  const domain = options.private === true ? 'private' : undefined
  const library = await host.library()
  const session = await cli.memory(domain)
  const tally: Tally = {
    counts: { created: 0, updated: 0, unchanged: 0, refused: 0 },
    firstRefused: undefined
  }
  if (paths.includes('-') && host.stdin.isTTY === true) {
    throw usageError('nothing was given: send an export through a pipe, or name a file')
  }
  for (const path of paths) {
    const outcomes = library.importMemories(session, {
      source: path === '-' ? host.stdin : resolve(host.workingDirectory, path),
      prefix: options.under,
      domain,
      dryRun: cli.isDryRun,
      signal: host.signal
    })
    for await (const { done, ...imported } of outcomes) {
      tally.counts[imported.outcome]++
      if (imported.outcome === 'refused') tally.firstRefused ??= imported
      await tell(cli, session.scope, imported)
      cli.output.progress(`${done} …`)
    }
  }
  summarize(cli, tally, commandOf(paths, options))
  return tally.counts.refused > 0 ? EXIT.failure : EXIT.done
}

function commandOf(paths: readonly string[], options: ImportCommandOptions): string {
  const flags = [
    ...(options.private === true ? ['--private'] : []),
    ...(options.under === undefined ? [] : ['--under', quote(options.under)])
  ]
  return ['memory import', ...paths.map(quote), ...flags].join(' ')
}

async function tell(cli: Invocation, scope: string, imported: ImportOutcome): Promise<void> {
  const { output } = cli
  const { path, domain, outcome, code } = imported
  if (output.isJson) return output.record(cli.isDryRun ? { dryRun: true, ...imported } : imported)
  if (outcome === 'unchanged') return
  const { green, yellow } = output.dataColors
  const mark = outcome === 'refused' ? yellow(outcome) : green(outcome)
  const reason = code === undefined ? [] : [code]
  await output.line([mark, domain, keyWithin(scope, path), ...reason].join('\t'))
}

function summarize(cli: Invocation, { counts, firstRefused }: Tally, command: string): void {
  const { output } = cli
  const { created, updated, unchanged, refused } = counts
  const total = created + updated + unchanged + refused
  if (total === 0) {
    output.talk('Nothing to import was found there: no text under a heading, and no memory in JSON.')
    return
  }
  const verb = cli.isDryRun ? 'Would import' : 'Imported'
  output.talk(
    `${verb} ${count(total, 'memory', 'memories')}: ${created} created, ${updated} updated, ` +
      `${unchanged} unchanged, ${refused} refused.`
  )
  if (firstRefused?.code === 'CORE_CONTESTED') cli.suggest('memory conflicts list')
  else if (firstRefused?.code === 'CORE_STALE_BASE') {
    const flag = firstRefused.domain === 'private' ? ' --private' : ''
    cli.suggest(`memory history ${quote(firstRefused.path)}${flag}`, 'who changed it since')
  } else cli.suggest(cli.isDryRun ? command : 'memory list')
}
