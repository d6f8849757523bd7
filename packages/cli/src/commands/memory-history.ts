import type { HistoryItem } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { versionRecord } from '../render/records.ts'
import { type Column, printTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { bytes, count, isoTime, localTime } from '../render/time.ts'
import { versionPreview } from '../render/value.ts'
import { author, shortId } from '../render/version.ts'

interface HistoryOptions {
  readonly private?: boolean
  readonly clean?: boolean
}

/** Longest value in a line. */
const PREVIEW_LENGTH = 120

const COLUMNS: readonly Column[] = [
  { title: 'written' },
  { title: 'state' },
  { title: 'value', isFlexible: true },
  { title: 'by', isFlexible: true },
  { title: 'version' }
]

export function registerHistory(memory: Command, registration: Registration): void {
  withDryRun(memory.command('history'))
    .description('Show every version of one memory, latest first, or delete old ones')
    .argument('[key]', 'its path, relative to the scope or absolute')
    .option('--private', 'in the private domain')
    .option('--clean', 'delete old versions of every memory in scope, for good')
    .addHelpText(
      'after',
      '\n--clean leaves what is live, what open conflicts and an undo need, and what [memory.history] in config.toml keeps:\n' +
        'by default every version for 90 days after it was replaced, and 10 replaced versions of each memory.\n' +
        'With --dry-run it says what it would delete.'
    )
    .action(action(registration, history))
}

async function history(cli: Invocation, key: string | undefined, options: HistoryOptions): Promise<ExitCode> {
  if (options.clean === true && key === undefined) return cleanHistory(cli, options)
  if (options.clean === true) throw usageError('--clean is for a whole scope; leave the key out')
  if (key === undefined) throw usageError('history needs a key, or --clean', 'memory history --help')
  return showHistory(cli, key, options)
}

async function cleanHistory(cli: Invocation, options: HistoryOptions): Promise<ExitCode> {
  const { output, host, isDryRun: dryRun } = cli
  const domain = options.private === true ? 'private' : undefined
  const session = await cli.memory(domain)
  output.progress('looking through the history …')
  const cleaned = await session.call('memory.cleanHistory', { domain, dryRun }, { signal: host.signal })
  if (output.isJson) {
    await output.record({ ...(dryRun && { dryRun }), ...cleaned })
    return EXIT.done
  }
  const { versions, memories, unproven } = cleaned
  const what = `${count(versions, 'old version')} of ${count(memories, 'memory', 'memories')} (${bytes(cleaned.bytes)})`
  if (versions === 0) output.talk('Nothing to delete: no version is past its time.')
  else output.talk(dryRun ? `Would delete ${what}.` : `Deleted ${what}.`)
  if (unproven > 0) {
    output.talk(
      `${count(unproven, 'older version')} not counted: this device never had what came next, so nothing here proves by name what replaced them.`
    )
  }
  if (dryRun && versions > 0) cli.suggest('memory history --clean')
  return EXIT.done
}

async function showHistory(cli: Invocation, key: string, options: HistoryOptions): Promise<ExitCode> {
  const { output, host } = cli
  const domain = options.private === true ? 'private' : 'public'
  const session = await cli.memory(domain)
  const rows: string[][] = []
  let total = 0
  for await (const item of session.stream('memory.history', { path: key, domain }, { signal: host.signal })) {
    total++
    if (output.isJson) await output.record({ isLive: item.isLive, ...versionRecord(item.version) })
    else rows.push(historyRow(cli, item))
  }
  if (rows.length > 0) await printTable(output, COLUMNS, rows)
  if (total === 0) {
    output.talk(`${printableLine(key)} has no history: nothing was ever there.`)
    cli.suggest('memory list')
  }
  return EXIT.done
}

function historyRow({ output }: Invocation, { version, isLive }: HistoryItem): string[] {
  return [
    output.isTerminal ? localTime(version.writtenAt) : isoTime(version.writtenAt),
    isLive ? output.dataColors.green('live') : 'replaced',
    versionPreview(version, PREVIEW_LENGTH),
    version.isOverwrite ? `${author(version)}, overwrote unseen` : author(version),
    output.isTerminal ? shortId(version.entryId) : version.entryId
  ]
}
