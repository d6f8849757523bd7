import type { Conflict, ConflictKind, ShownConflict, Version } from 'cis-memory/session'
import { type Invocation, quote } from '../invocation.ts'
import { wordDiff } from './diff.ts'
import { keyWithin } from './paths.ts'
import { cellWidth } from './table.ts'
import { ago, count } from './time.ts'
import { plainText, versionText } from './value.ts'
import { provenance, shortId } from './version.ts'
import { wrap } from './wrap.ts'

/** A terminal at least this wide shows two versions next to each other. */
const SIDE_BY_SIDE_COLUMNS = 100
const BETWEEN_SIDES = ' │ '

const WHAT_HAPPENED: Readonly<Record<ConflictKind, string>> = {
  edit: 'was changed in different ways, neither having seen the other',
  delete: 'was deleted by one and changed by another',
  document: 'is a document for one and a plain value for another',
  fork: 'was written twice under one number: a device was copied, or is lying',
  unreadable: 'has a version that cannot be opened with the keys of this device',
  reopened: 'was settled, and the settlement was undone'
}

/** Prints a conflict: what happened, every version with who and when, and what differs word by word. */
export async function showConflict(
  cli: Invocation,
  scope: string,
  { conflict, ancestor }: ShownConflict
): Promise<void> {
  const { output, host } = cli
  const colors = output.dataColors
  const { versions, kind, id, path, detectedAt } = conflict
  await output.line(`${colors.bold(keyWithin(scope, path))}  ${colors.dim(`conflict ${id}, ${kind}`)}`)
  await output.line(`It ${WHAT_HAPPENED[kind]}.`)
  await output.line(`${count(versions.length, 'version')}, found ${ago(detectedAt, host.now())}.`)
  await output.line('')
  const fits = output.isTerminal && output.columns >= SIDE_BY_SIDE_COLUMNS
  if (fits && versions.length === 2) {
    await showSides(cli, versions)
  } else {
    for (const version of versions) await showVersion(cli, versionRef(version, versions), version)
  }
  if (ancestor !== undefined) await showVersion(cli, 'before', ancestor)
  await showDifferences(cli, versions)
}

/** Names the commands that settle it. */
export function suggestChoices(cli: Invocation, scope: string, conflict: Conflict): void {
  const { id, path, versions } = conflict
  const resolve = `memory conflicts resolve ${id}`
  const at = `--at ${quote(keyWithin(scope, path))}`
  const hasLocal = versions.filter((version) => version.isLocal).length === 1
  const sides = hasLocal && versions.length === 2 ? ['local', 'remote'] : []
  const ids = versions.map((version) => versionRef(version, versions))
  const choices = [...(sides.length > 0 ? sides : ids), 'both', 'delete', '--value TEXT']
  cli.output.talk(cli.output.talkColors.dim('Settle it with one of:'))
  for (const choice of choices) cli.output.talk(`  ${cli.command(`${resolve} ${choice} ${at}`)}`)
}

/** What names a version among others: the first digits of its id, and which value when its entry has several. */
export function versionRef(version: Version, among: readonly Version[]): string {
  const isAlone = among.filter((other) => other.entryId === version.entryId).length <= 1
  return isAlone ? shortId(version.entryId) : `${shortId(version.entryId)}.${version.index}`
}

/** Whether digits as `versionRef` gives them mean this version. */
export function matchesRef(version: Version, ref: string): boolean {
  const [digits = '', index] = ref.split('.')
  return version.entryId.startsWith(digits) && (index === undefined || Number(index) === version.index)
}

async function showVersion(cli: Invocation, title: string, version: Version): Promise<void> {
  const { output, host } = cli
  const colors = output.dataColors
  await output.line(`${colors.cyan(title)}  ${colors.dim(provenance(version, host.now()))}`)
  for (const line of versionText(version).split('\n')) await output.line(`  ${line}`)
  await output.line('')
}

async function showSides(cli: Invocation, versions: readonly Version[]): Promise<void> {
  const { output, host } = cli
  const colors = output.dataColors
  const width = Math.floor((output.columns - BETWEEN_SIDES.length) / 2)
  const [leftLines = [], rightLines = []] = versions.map((version) => [
    versionRef(version, versions),
    ...wrap(provenance(version, host.now()), width),
    '',
    ...versionText(version)
      .split('\n')
      .flatMap((line) => wrap(line, width))
  ])
  for (let i = 0; i < Math.max(leftLines.length, rightLines.length); i++) {
    const cell = leftLines[i] ?? ''
    const padded = cell + ' '.repeat(Math.max(0, width - cellWidth(cell)))
    const paint = i === 0 ? colors.cyan : String
    await output.line(`${paint(padded)}${colors.dim(BETWEEN_SIDES)}${paint(rightLines[i] ?? '')}`.trimEnd())
  }
  await output.line('')
}

/** The versions after the first, each against the first. */
async function showDifferences(cli: Invocation, versions: readonly Version[]): Promise<void> {
  const { output } = cli
  const [first, ...others] = versions
  const before = comparable(first)
  if (before === undefined) return
  for (const other of others) {
    const after = comparable(other)
    if (after === undefined || first === undefined) continue
    await output.line(
      output.dataColors.dim(`from ${versionRef(first, versions)} to ${versionRef(other, versions)}`)
    )
    for (const line of (await wordDiff(before, after, output.dataColors)).split('\n')) {
      await output.line(`  ${line}`)
    }
    await output.line('')
  }
}

function comparable(version: Version | undefined): string | undefined {
  const value = version?.kind === 'value' ? version.value : undefined
  return value === undefined || value instanceof Uint8Array ? undefined : plainText(value)
}
