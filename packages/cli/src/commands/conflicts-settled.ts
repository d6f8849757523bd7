import type { SettledConflict } from 'cis-memory/session'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { settledRecord } from '../render/records.ts'
import { type Column, GrowingTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { ago, count, isoTime } from '../render/time.ts'
import { deviceNames, name } from '../render/version.ts'

const COLUMNS: readonly Column[] = [
  { title: 'conflict' },
  { title: 'key', isFlexible: true },
  { title: 'kind' },
  { title: 'devices', isFlexible: true, isOptional: true },
  { title: 'settled by', isFlexible: true },
  { title: 'when' },
  { title: 'versions', align: 'right' }
]

/** Lists the conflicts that are settled: by a policy at every read, or by a write. */
export async function listSettled(cli: Invocation, sinceMs: number | undefined): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory('public')
  const since = sinceMs === undefined ? undefined : host.now() - sinceMs
  const table = new GrowingTable(output, COLUMNS)
  let total = 0
  let latest: SettledConflict | undefined
  for await (const settled of session.stream('conflicts.settled', { since }, { signal: host.signal })) {
    total++
    if (settled.settledBy.by === 'resolution') latest ??= settled
    if (output.isJson) {
      await output.record({ scope: session.scope, ...settledRecord(settled) })
      continue
    }
    await table.add(rowOf(cli, session.scope, settled))
  }
  await table.end()
  output.talk(
    total === 0
      ? `No settled conflicts in ${printableLine(session.scope)} are recorded here.`
      : `${count(total, 'settled conflict')}.`
  )
  if (latest !== undefined) cli.suggest(`memory conflicts undo ${latest.id}`, 'to take it back')
  return EXIT.done
}

function rowOf({ output, host }: Invocation, scope: string, settled: SettledConflict): string[] {
  const { id, path, kind, versions, settledBy, settledAt } = settled
  const when = (timeMs: number): string => (output.isTerminal ? ago(timeMs, host.now()) : isoTime(timeMs))
  return [
    id,
    keyWithin(scope, path),
    kind,
    deviceNames(versions),
    settledBy.by === 'policy' ? `policy ${settledBy.mode}` : who(settledBy),
    settledAt === undefined ? 'at every read' : when(settledAt),
    String(versions.length)
  ]
}

function who({ deviceName, agent }: Extract<SettledConflict['settledBy'], { by: 'resolution' }>): string {
  return agent === undefined ? name(deviceName) : `${name(deviceName)}, agent ${name(agent)}`
}
