import type { ConflictKind, MergeProposal, PolicyDecision, ShownConflict, Version } from 'cis-memory/session'
import { type Invocation, quote } from '../invocation.ts'
import { ancestorLines, type Comparison, compareVersions, proposalLines } from './comparison.ts'
import { keyWithin } from './paths.ts'
import { clipRows, type Line } from './rows.ts'
import { alone, columnCells, type Panel, sideBySide } from './side-by-side.ts'
import { printableLine } from './terminal-text.ts'
import { ago, count } from './time.ts'
import { labels, name, provenance, shortId } from './version.ts'
import { wrap } from './wrap.ts'

const WHAT_HAPPENED: Readonly<Record<ConflictKind, string>> = {
  edit: 'was changed in different ways, neither having seen the other',
  delete: 'was deleted by one and changed by another',
  document: 'is a document for one and a plain value for another',
  incomplete: 'was saved over a document without all that was in it',
  fork: 'was written twice under one number: a device was copied, or is lying',
  unreadable: 'has a version that cannot be opened with the keys of this device',
  reopened: 'was settled, and the settlement was undone'
}

/** Every kind of conflict there is. */
export const CONFLICT_KINDS: readonly ConflictKind[] = Object.keys(WHAT_HAPPENED) as ConflictKind[]

const DECIDED: Readonly<Record<PolicyDecision['mode'], string>> = {
  auto_lww: 'The policy auto_lww of this device reads the latest of them.',
  keep_all: 'The policy keep_all of this device reads all of them.',
  ai_merge: 'The policy ai_merge of this device reads what was proposed.'
}

/** Lines of one version on a terminal; a pipe gets all. */
const MAX_TERMINAL_LINES = 200

/** Prints a conflict: what happened, every version with who and when, what they come from, and what differs. */
export async function showConflict(cli: Invocation, scope: string, shown: ShownConflict): Promise<void> {
  const { conflict, ancestor, policy, proposal } = forReading(shown)
  const { output, host } = cli
  const colors = output.dataColors
  const { versions, kind, id, path, detectedAt } = conflict
  await output.line(`${colors.bold(keyWithin(scope, path))}  ${colors.dim(`conflict ${id}, ${kind}`)}`)
  const found = `${count(versions.length, 'version')}, found ${ago(detectedAt, host.now())}.`
  const cells = output.isTerminal ? output.columns : Number.POSITIVE_INFINITY
  const decided = policy === undefined ? '' : ` ${DECIDED[policy]}`
  for (const line of wrap(`It ${WHAT_HAPPENED[kind]}. ${found}${decided}`, cells)) await output.line(line)
  await output.line('')
  const isFolded = output.isTerminal
  const comparison = await compareVersions(versions, ancestor, { isFolded })
  for (const line of panels(cli, versions, comparison)) await output.line(line)
  if (ancestor !== undefined) {
    const before = { title: `before  ${shortId(ancestor.entryId)}`, about: about(cli, ancestor) }
    for (const line of panel(cli, before, await ancestorLines(ancestor, versions, { isFolded }))) {
      await output.line(line)
    }
    await output.line('')
  }
  if (comparison.legend !== undefined) await output.line(colors.dim(comparison.legend))
  if (proposal !== undefined) await showProposal(cli, shown, proposal)
}

/** Prints what was proposed, against what it was made of, with who made it and why. */
export async function showProposal(
  cli: Invocation,
  { conflict: { versions }, ancestor }: ShownConflict,
  proposal: MergeProposal
): Promise<void> {
  const { output, host } = cli
  const { model, promptHash, proposedAt, rationale } = proposal
  const head = {
    title: 'proposed merge',
    about: [
      `${name(model)}, ${ago(proposedAt, host.now())}, prompt ${name(promptHash)}`,
      ...(rationale === undefined ? [] : [printableLine(rationale)])
    ]
  }
  const lines = await proposalLines(proposal, versions, ancestor, { isFolded: output.isTerminal })
  for (const line of panel(cli, head, lines, 'inline')) await output.line(line)
  await output.line('')
}

/** Names the commands that settle it. */
export function suggestChoices(
  cli: Invocation,
  scope: string,
  { conflict: { id, path, versions }, proposal }: ShownConflict
): void {
  const resolve = `memory conflicts resolve ${id}`
  if (cli.canAsk) {
    cli.suggest(resolve, 'one key settles it')
    return
  }
  const at = `--at ${quote(keyWithin(scope, path))}`
  const sides = sideNames(versions).filter((name) => name !== undefined)
  const ids = versions.map((version) => versionRef(version, versions))
  const choices = [
    ...(proposal === undefined ? [] : ['proposal']),
    ...(sides.length === versions.length ? sides : ids),
    'both',
    'delete',
    '--value TEXT'
  ]
  cli.output.talk(cli.output.talkColors.dim('Settle it with one of:'))
  for (const choice of choices) cli.output.talkCommand(`  ${cli.command(`${resolve} ${choice} ${at}`)}`)
}

/**
 * The conflict as people look at it: what this device wrote first, on the left and as number 1, and what an undo brought
 * back as by those who wrote it.
 */
export function forReading(shown: ShownConflict): ShownConflict {
  const { conflict, origins } = shown
  const versions = conflict.versions.map((version, at): Version => {
    const { device, deviceName, isLocal, agent, writtenAt } = origins[at] ?? version
    return { ...version, device, deviceName, isLocal, agent, writtenAt }
  })
  versions.sort((a, b) => Number(b.isLocal) - Number(a.isLocal))
  return { ...shown, conflict: { ...conflict, versions } }
}

/** `local` and `remote`, for the versions that these words are sure to name. */
export function sideNames(versions: readonly Version[]): readonly ('local' | 'remote' | undefined)[] {
  const hasLocal = versions.filter(({ isLocal }) => isLocal).length === 1
  return versions.map(({ isLocal }) => {
    if (!hasLocal) return undefined
    if (isLocal) return 'local'
    return versions.length === 2 ? 'remote' : undefined
  })
}

/** Digits of a version's id that are enough to look for it, and which value when its entry has several. */
export const VERSION_REF: RegExp = /^[0-9a-f]{4,32}(?:\.\d{1,3})?$/

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

function* panels(cli: Invocation, versions: readonly Version[], comparison: Comparison): Generator<string> {
  const { output } = cli
  const sides = sideNames(versions)
  const heads = versions.map((version, at): Panel => {
    const side = sides[at] === undefined ? '' : ` ${sides[at]}`
    return { title: `${at + 1}${side}  ${versionRef(version, versions)}`, about: about(cli, version) }
  })
  const { marking } = comparison
  const cells = output.isTerminal ? columnCells(versions.length, output.columns) : undefined
  if (cells !== undefined) {
    const rows = clipRows(comparison.rows, MAX_TERMINAL_LINES)
    yield* sideBySide(heads, rows, { cells, marking, colors: output.dataColors })
    yield ''
    return
  }
  for (const [at, head] of heads.entries()) {
    const lines = comparison.rows.flatMap((row) => row[at] ?? [])
    yield* panel(cli, head, lines, marking)
    yield ''
  }
}

function* panel(
  { output }: Invocation,
  head: Panel,
  lines: readonly Line[],
  marking: Comparison['marking'] = 'sides'
): Generator<string> {
  const [shown = lines] = output.isTerminal ? clipRows([[lines]], MAX_TERMINAL_LINES).flat() : []
  const cells = output.isTerminal ? output.columns : Number.POSITIVE_INFINITY
  yield* alone(head, shown, { cells, marking, colors: output.dataColors })
}

function about({ host }: Invocation, version: Version): readonly string[] {
  const said = labels(version)
  return [provenance(version, host.now()), ...(said === undefined ? [] : [said])]
}
