import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { conflictRecord } from '../render/records.ts'
import { type Column, printTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { ago, count, isoTime } from '../render/time.ts'
import { deviceNames } from '../render/version.ts'

const COLUMNS: readonly Column[] = [
  { title: 'conflict' },
  { title: 'key', isFlexible: true },
  { title: 'scope', isFlexible: true },
  { title: 'kind' },
  { title: 'devices', isFlexible: true },
  { title: 'found' },
  { title: 'versions', align: 'right' }
]

/** Rows that are aligned together: any number is printed in bounded memory. */
const ROWS_PER_TABLE = 500

export function registerConflictsList(conflicts: Command, registration: Registration): void {
  conflicts
    .command('list')
    .description('List the open conflicts of this scope; exit code 3 when there are any')
    .action(action(registration, listConflicts))
}

async function listConflicts(cli: Invocation): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory('public')
  let rows: string[][] = []
  let firstId: string | undefined
  let total = 0
  for await (const conflict of session.stream('conflicts.list', {}, { signal: host.signal })) {
    total++
    firstId ??= conflict.id
    if (output.isJson) {
      await output.record({ scope: session.scope, ...conflictRecord(conflict) })
      continue
    }
    rows.push([
      conflict.id,
      keyWithin(session.scope, conflict.path),
      printableLine(session.scope),
      conflict.kind,
      deviceNames(conflict.versions),
      output.isTerminal ? ago(conflict.detectedAt, host.now()) : isoTime(conflict.detectedAt),
      String(conflict.versions.length)
    ])
    if (rows.length < ROWS_PER_TABLE) continue
    await printTable(output, COLUMNS, rows)
    rows = []
  }
  if (rows.length > 0) await printTable(output, COLUMNS, rows)
  if (total === 0) {
    output.talk(`No conflicts in ${printableLine(session.scope)}: agents can work here.`)
    return EXIT.done
  }
  output.talk(`${count(total, 'open conflict')}: agents get nothing from this scope until all are settled.`)
  if (cli.canAsk) cli.suggest('memory conflicts resolve', 'one after the other')
  else cli.suggest(`memory conflicts show ${firstId}`)
  return EXIT.contested
}
