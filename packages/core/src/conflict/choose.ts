import { badOption, checkLabels, valueToWrite } from '../domains/labels.ts'
import { nameOf, type Path, parentOf, ROOT } from '../entry/path.ts'
import { type Alternative, DELETED } from '../entry/payload.ts'
import { CoreError } from '../errors.ts'
import { MAX_SEGMENT_BYTES } from '../limits.ts'
import type { Choice } from '../memory-types.ts'
import type { Draft } from '../replica/group-writer.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'
import type { DomainView } from '../replica/view.ts'
import type { Version } from '../versions.ts'
import { mergedAlternative } from './merged-alternative.ts'

/** A version with the entry that is behind it. */
interface Candidate {
  readonly version: Version
  readonly entry: OpenedEntry
}

/** A choice to keep something that is there, or what to write instead. */
export type CheckedChoice = Extract<Choice, { keep: unknown }> | { readonly write: Alternative }

/**
 * Checks a choice when it is made: what its caller changes afterwards is not written.
 *
 * @throws {CoreError} `CORE_BAD_OPTION`, `CORE_BAD_VALUE`, `CORE_VALUE_TOO_LARGE`
 */
export function checkChoice(choice: Choice, agent: string | undefined): CheckedChoice {
  const write = 'value' in choice ? valueToWrite(choice.value, choice.contentType) : DELETED
  checkLabels(write, agent)
  if ('keep' in choice) return choice
  if ('value' in choice || 'delete' in choice) return { write }
  throw badOption('a choice says what to keep, gives a value, or deletes')
}

/** What a choice comes to: the value to keep at the path, and those to write beside it. */
export interface Decision {
  readonly keep: Alternative
  readonly beside: readonly Candidate[]
}

/**
 * Works out what a choice means for the versions that are live.
 *
 * @throws {CoreError} `CORE_AMBIGUOUS_CHOICE` when it does not name exactly one version that can be read
 */
export function decide(view: DomainView, live: readonly OpenedEntry[], choice: CheckedChoice): Decision {
  const candidates = live.flatMap((entry) => view.versionsOf(entry).map((version) => ({ version, entry })))
  if ('write' in choice) {
    const { value, contentType } = choice.write
    if (value === undefined) return { keep: choice.write, beside: [] }
    // What is said about the versions goes for what is made of them.
    const versions = candidates.map(({ version }) => version)
    return { keep: mergedAlternative(versions, { value, contentType }), beside: [] }
  }
  if (choice.keep === 'both') return decideBoth(candidates)
  const chosen = candidates.filter(chooser(choice, candidates))
  const [only, ...others] = chosen
  if (only === undefined || others.length > 0) throw ambiguous(candidates)
  return { keep: alternativeOf(only), beside: [] }
}

function chooser(
  choice: Extract<Choice, { keep: unknown }>,
  candidates: readonly Candidate[]
): (candidate: Candidate) => boolean {
  if (choice.keep === 'local' || choice.keep === 'remote') {
    const own = localOf(candidates)
    const isLocalChosen = choice.keep === 'local'
    return (candidate) => own !== undefined && (candidate === own) === isLocalChosen
  }
  const index = 'index' in choice ? choice.index : undefined
  return ({ version }) => version.entryId === choice.keep && (index === undefined || version.index === index)
}

/** The version this device wrote, or the one that was live here before the others came. */
function localOf(candidates: readonly Candidate[]): Candidate | undefined {
  const written = candidates.filter(({ version }) => version.isLocal)
  if (written.length > 0) return written.length === 1 ? written[0] : undefined
  const [first, second] = [...candidates].sort((a, b) => (a.entry.stored.lsn < b.entry.stored.lsn ? -1 : 1))
  return first?.entry === second?.entry ? undefined : first
}

function decideBoth(candidates: readonly Candidate[]): Decision {
  const readable = candidates.filter(({ version }) => version.kind === 'value' || version.kind === 'document')
  const kept = readable.at(-1)
  if (kept === undefined || candidates.some(({ version }) => version.kind === 'unreadable'))
    throw ambiguous(candidates)
  return { keep: alternativeOf(kept), beside: readable.slice(0, -1) }
}

export function alternativeOf({ version, entry }: Candidate): Alternative {
  const alternative = entry.alternatives[version.index]
  if (alternative === undefined) {
    throw new CoreError(
      'CORE_AMBIGUOUS_CHOICE',
      'this version cannot be opened with the keys here, so it cannot be kept; nothing was written'
    )
  }
  return alternative
}

/** The draft that says a value at a path. A document that is chosen is no save: it need not hold what it replaces. */
export function draftOf(path: Path, keep: Alternative, agent: string | undefined): Draft {
  const type = keep.kind === 'deleted' ? 'delete' : 'put'
  return { path, type, alternatives: [keep], agent, sources: [] }
}

/** Where `both` writes a version: beside the path, under its name, or as much of it as fits, and a short id. */
export function besidePath(path: Path, version: Version, idLength: number): string {
  const parent = parentOf(path)
  const index = version.index === 0 ? '' : `-${version.index}`
  const suffix = `~${version.entryId.slice(0, idLength)}${index}`
  const name = `${startOf(nameOf(path), MAX_SEGMENT_BYTES - suffix.length)}${suffix}`
  return parent === ROOT ? `/${name}` : `${parent}/${name}`
}

/** As many whole characters of a name as fit. A part of a text in NFC is in NFC. */
function startOf(name: string, maxBytes: number): string {
  let start = ''
  let bytes = 0
  for (const character of name) {
    bytes += Buffer.byteLength(character)
    if (bytes > maxBytes) break
    start += character
  }
  return start
}

function ambiguous(candidates: readonly Candidate[]): CoreError {
  const ids = [...new Set(candidates.map(({ version }) => version.entryId))]
  return new CoreError(
    'CORE_AMBIGUOUS_CHOICE',
    `this choice does not name exactly one version that can be read; nothing was written. Name one of: ${ids.join(', ')}`
  )
}
