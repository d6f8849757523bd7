import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { duration } from '../arguments.ts'
import { usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { conflictRecord } from '../render/records.ts'
import { type Column, GrowingTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { ago, count, isoTime } from '../render/time.ts'
import { deviceNames } from '../render/version.ts'
import { listSettled } from './conflicts-settled.ts'

const COLUMNS: readonly Column[] = [
  { title: 'conflict' },
  { title: 'key', isFlexible: true },
  { title: 'scope', isFlexible: true, isOptional: true },
  { title: 'kind' },
  { title: 'devices', isFlexible: true },
  { title: 'found' },
  { title: 'versions', align: 'right' }
]

interface ListOptions {
  readonly settled?: boolean
  readonly since?: number
}

export function registerConflictsList(conflicts: Command, registration: Registration): void {
  conflicts
    .command('list')
    .description('List the open conflicts of this scope; exit code 3 when there are any')
    .option('--settled', 'those that a policy decides now, then those that were settled')
    .option('--since <time>', 'with --settled: in the last 30m, 12h or 7d', duration)
    .action(action(registration, listConflicts))
}

async function listConflicts(cli: Invocation, { settled, since }: ListOptions): Promise<ExitCode> {
  const { output, host } = cli
  if (settled === true) return listSettled(cli, since)
  if (since !== undefined) throw usageError('--since is for --settled: open conflicts never expire')
  const session = await cli.memory('public')
  const table = new GrowingTable(output, COLUMNS)
  let firstId: string | undefined
  let total = 0
  for await (const conflict of session.stream('conflicts.list', {}, { signal: host.signal })) {
    total++
    firstId ??= conflict.id
    if (output.isJson) {
      await output.record({ scope: session.scope, ...conflictRecord(conflict) })
      continue
    }
    await table.add([
      conflict.id,
      keyWithin(session.scope, conflict.path),
      printableLine(session.scope),
      conflict.kind,
      deviceNames(conflict.versions),
      output.isTerminal ? ago(conflict.detectedAt, host.now()) : isoTime(conflict.detectedAt),
      String(conflict.versions.length)
    ])
  }
  await table.end()
  if (total === 0) {
    output.talk(`No conflicts in ${printableLine(session.scope)}: agents can work here.`)
    return EXIT.done
  }
  const open = `${count(total, 'open conflict')} in ${printableLine(session.scope)}`
  output.talk(`${open}: agents get nothing there until all are settled.`)
  if (cli.canAsk) cli.suggest('memory conflicts resolve', 'one after the other')
  else cli.suggest(`memory conflicts show ${firstId}`)
  return EXIT.contested
}
