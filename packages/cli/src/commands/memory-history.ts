import type { HistoryItem } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { versionRecord } from '../render/records.ts'
import { type Column, printTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { isoTime, localTime } from '../render/time.ts'
import { versionPreview } from '../render/value.ts'
import { author, shortId } from '../render/version.ts'

interface HistoryOptions {
  readonly private?: boolean
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
  memory
    .command('history')
    .description('Show every version of one memory, latest first')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .option('--private', 'in the private domain')
    .action(action(registration, showHistory))
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
