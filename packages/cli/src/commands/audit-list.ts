import type { AuditKind, AuditMemory, AuditRecord } from 'cis-memory/session'
import { type Command, Option } from 'commander'
import { action, type Registration } from '../action.ts'
import { duration, positiveInteger } from '../arguments.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { type Column, printTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count, isoTime, localTime } from '../render/time.ts'
import { name, shortId } from '../render/version.ts'

interface AuditListOptions {
  readonly agent?: string
  readonly kind?: AuditKind
  readonly key?: string
  readonly since?: number
  readonly limit: number
}

const KINDS: readonly AuditKind[] = ['check', 'delivery', 'refusal', 'write', 'written']
const DEFAULT_LIMIT = 50
/** Conflicts that one line names. */
const MAX_CONFLICTS_SHOWN = 3

const COLUMNS: readonly Column[] = [
  { title: 'record', align: 'right' },
  { title: 'at' },
  { title: 'kind' },
  { title: 'agent', isFlexible: true },
  { title: 'scope', isFlexible: true },
  { title: 'what', isFlexible: true }
]

export function registerAuditList(audit: Command, registration: Registration): void {
  audit
    .command('list')
    .description('List what is on record about this scope, latest first')
    .option('--agent <name>', 'of this agent alone')
    .addOption(new Option('--kind <kind>', 'of this kind alone').choices(KINDS))
    .option('--key <path>', 'about this memory alone')
    .option('--since <time>', 'of the last so long, such as 1h or 7d', duration)
    .option('--limit <number>', 'the latest so many', positiveInteger, DEFAULT_LIMIT)
    .action(action(registration, listAudit))
}

async function listAudit(cli: Invocation, options: AuditListOptions): Promise<ExitCode> {
  const { output, host } = cli
  const { agent, kind, key: path, limit } = options
  const session = await cli.memory()
  const since = options.since === undefined ? undefined : host.now() - options.since
  const args = { agent, kind, path, since }
  const rows: string[][] = []
  let total = 0
  let isCut = false
  for await (const record of session.stream('audit.list', args, { signal: host.signal })) {
    isCut = total === limit
    if (isCut) break
    total++
    if (output.isJson) await output.record(auditRecord(record))
    else rows.push(auditRow(cli, session.scope, record))
  }
  if (rows.length > 0) await printTable(output, COLUMNS, rows)
  if (total === 0) output.talk(`Nothing is on record about ${printableLine(session.scope)}.`)
  if (isCut) output.talk(`The latest ${limit} are shown; see more with --limit.`)
  return EXIT.done
}

function auditRecord({ at, ...record }: AuditRecord): unknown {
  return { ...record, at: isoTime(at) }
}

function auditRow({ output }: Invocation, scope: string, record: AuditRecord): string[] {
  return [
    String(record.seq),
    output.isTerminal ? localTime(record.at) : isoTime(record.at),
    record.kind === 'refusal' ? output.dataColors.yellow(record.kind) : record.kind,
    record.agent === undefined ? '-' : name(record.agent),
    printableLine(record.scope),
    whatOf(scope, record)
  ]
}

function whatOf(scope: string, { kind, memories, code, of, ...found }: AuditRecord): string {
  const about = memories.map((memory) => memoryText(scope, memory)).join(', ')
  switch (kind) {
    case 'check':
      return found.conflictCount === 0 ? 'no conflict' : conflictsText(found)
    case 'delivery':
      return memories.length === 0 ? 'no memory' : count(memories.length, 'memory', 'memories')
    case 'refusal': {
      const takenBack = of === undefined ? '' : `, takes back ${of}`
      return `${code ?? ''}${found.conflictCount === 0 ? '' : `: ${conflictsText(found)}`}${takenBack}`
    }
    case 'write':
      return `is about to write ${about}`
    case 'written': {
      const ids = memories.flatMap(({ entryIds }) => entryIds.map(shortId))
      return ids.length === 0 ? `nothing to delete at ${about}` : `${about} as ${ids.join(', ')}`
    }
  }
}

function conflictsText({
  conflictCount,
  conflicts
}: Pick<AuditRecord, 'conflictCount' | 'conflicts'>): string {
  const shown = conflicts.slice(0, MAX_CONFLICTS_SHOWN)
  const more = conflictCount - shown.length
  return `${count(conflictCount, 'conflict')} (${shown.join(', ')}${more === 0 ? '' : `, ${more} more`})`
}

function memoryText(scope: string, { path, domain }: AuditMemory): string {
  return `${domain === 'private' ? 'private ' : ''}${keyWithin(scope, path)}`
}
