import { resolve } from 'node:path'
import type { ImportOutcome } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { count } from '../render/time.ts'

interface ImportCommandOptions {
  readonly private?: boolean
  readonly under?: string
}

type Outcome = ImportOutcome['outcome']

export function registerImport(memory: Command, registration: Registration): void {
  memory
    .command('import')
    .description('Take over Markdown files or folders: one memory a heading')
    .argument('<path...>', 'files, or folders with Markdown in them')
    .option('--private', 'into the private domain')
    .option('--under <path>', 'put them below this path (default: directly in the scope)')
    .addHelpText(
      'after',
      '\nWhat is there already and the same stays; what somebody else has changed since is refused, not replaced.\n' +
        'With --dry-run it says what it would do.\n\n' +
        'Example:\n  cis memory import CLAUDE.md docs --dry-run'
    )
    .action(action(registration, importMemories))
}

async function importMemories(
  cli: Invocation,
  paths: readonly string[],
  options: ImportCommandOptions
): Promise<ExitCode> {
  const { host } = cli
  const domain = options.private === true ? 'private' : 'public'
  const library = await host.library()
  const session = await cli.memory(domain)
  const totals: Record<Outcome, number> = { created: 0, updated: 0, unchanged: 0, refused: 0 }
  for (const path of paths) {
    const outcomes = library.importMarkdown(session, {
      source: resolve(host.workingDirectory, path),
      prefix: options.under,
      domain,
      dryRun: cli.isDryRun,
      signal: host.signal
    })
    for await (const { done, total, ...imported } of outcomes) {
      totals[imported.outcome]++
      await tell(cli, session.scope, imported)
      cli.output.progress(`${done} of ${total} …`)
    }
  }
  summarize(cli, totals)
  return totals.refused > 0 ? EXIT.failure : EXIT.done
}

async function tell(cli: Invocation, scope: string, imported: ImportOutcome): Promise<void> {
  const { output } = cli
  const { path, outcome, code } = imported
  if (output.isJson) return output.record(cli.isDryRun ? { dryRun: true, ...imported } : imported)
  if (outcome === 'unchanged') return
  const { green, yellow } = output.dataColors
  const mark = outcome === 'refused' ? yellow(outcome) : green(outcome)
  const reason = code === undefined ? '' : `\t${code}`
  await output.line(`${mark}\t${keyWithin(scope, path)}${reason}`)
}

function summarize(cli: Invocation, totals: Readonly<Record<Outcome, number>>): void {
  const { output } = cli
  const { created, updated, unchanged, refused } = totals
  const total = created + updated + unchanged + refused
  if (total === 0) {
    output.talk('No Markdown with text under its headings was found; nothing was imported.')
    return
  }
  const verb = cli.isDryRun ? 'Would import' : 'Imported'
  output.talk(
    `${verb} ${count(total, 'memory', 'memories')}: ${created} created, ${updated} updated, ` +
      `${unchanged} unchanged, ${refused} refused.`
  )
  if (refused > 0) cli.suggest('memory conflicts list')
  else cli.suggest(cli.isDryRun ? 'memory import PATH' : 'memory list')
}
