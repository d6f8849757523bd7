import type { Choice, Conflict, EntryId, ShownConflict } from 'cis-memory/session'
import { CliError, usageError } from '../errors.ts'
import { type Invocation, quote } from '../invocation.ts'
import { draftOf } from '../merge/draft.ts'
import { forReading, matchesRef, VERSION_REF, versionRef } from '../render/conflict.ts'
import { readValue, type ValueType } from '../value-input.ts'
import { editUntilUsable, type Made, toolUntilUsable } from './edit.ts'
import { Keys } from './keys.ts'

/** How to settle a conflict, as a command line says it. */
export interface ChoiceOptions {
  readonly value?: string
  readonly type: ValueType
  readonly tool?: string | true
}

const CHOICES = "local, remote, both, merge, proposal, edit, delete or a version's id"

/** Whether a command line says how to settle a conflict, in one way. @throws {CliError} `CLI_USAGE` for several */
export function saysHow(given: string | undefined, { value, tool }: ChoiceOptions): boolean {
  const ways = [given, value, tool].filter((way) => way !== undefined)
  if (ways.length > 1)
    throw usageError('give a choice, --value or --tool, only one of them; nothing was settled')
  return ways.length === 1
}

/**
 * What a command line comes to; `undefined` when an edit came to nothing, which has been told.
 *
 * @param shown the conflict; `undefined` when it is not there by this id, which core can say more about
 * @throws {CliError} `CLI_USAGE`, `CLI_EDIT_FAILED`, `CLI_CANNOT_MERGE`
 */
export async function choiceOf(
  cli: Invocation,
  shown: ShownConflict | undefined,
  given: string | undefined,
  options: ChoiceOptions
): Promise<Made | undefined> {
  const isWork = options.tool !== undefined || given === 'edit' || given === 'merge'
  if (isWork && shown !== undefined) return workedOut(cli, shown, given, options.tool)
  // Nothing can be made of versions that are not there; any choice brings to light whether they ever were.
  const choice: Choice = isWork ? { keep: 'both' } : await givenChoice(cli, shown, given, options)
  return { choice, said: 'settled' }
}

async function givenChoice(
  cli: Invocation,
  shown: ShownConflict | undefined,
  given: string | undefined,
  options: ChoiceOptions
): Promise<Choice> {
  if (options.value !== undefined) {
    const { value, contentType } = await readValue(cli, options.value, options.type)
    return contentType === undefined ? { value } : { value, contentType }
  }
  switch (given) {
    case 'local':
    case 'remote':
    case 'both':
    case 'proposal':
      return { keep: given }
    case 'delete':
      return { delete: true }
    default:
      return versionChoice(given, shown?.conflict)
  }
}

async function workedOut(
  cli: Invocation,
  shown: ShownConflict,
  given: string | undefined,
  tool: string | true | undefined
): Promise<Made | undefined> {
  const draft = await draftOf(forReading(shown))
  if (draft === undefined) throw cannotMerge('no version of this conflict is a text')
  if (given === 'merge') {
    if (draft.merged !== undefined) return { choice: draft.merged.choice, said: 'merged' }
    throw cannotMerge(
      draft.base === undefined
        ? 'what these versions come from is not known here, or is no text'
        : 'the versions change the same lines'
    )
  }
  if (given === 'edit' && cli.isInputRefused)
    throw usageError('an editor asks, and --no-input was given; use --value')
  if (tool !== undefined && draft.sides.length < 2) throw cannotMerge('a merge tool needs two texts')
  using keys = cli.canAsk ? new Keys(cli.host) : undefined
  if (tool === undefined) return await editUntilUsable(cli, keys, shown, draft)
  return await toolUntilUsable(cli, keys, shown, draft, tool === true ? undefined : tool)
}

function versionChoice(given: string | undefined, conflict: Conflict | undefined): Choice {
  if (given === undefined || !VERSION_REF.test(given)) {
    throw usageError(`${quote(given ?? '')} is no choice: it is ${CHOICES}. For another value, use --value`)
  }
  if (conflict === undefined) return { keep: given as EntryId }
  const [match, ...others] = conflict.versions.filter((version) => matchesRef(version, given))
  if (match === undefined || others.length > 0) {
    const what = match === undefined ? 'no version of this conflict' : 'more than one version'
    const refs = conflict.versions.map((version) => versionRef(version, conflict.versions))
    throw usageError(`${given} names ${what}; its versions are ${refs.join(', ')}`)
  }
  return { keep: match.entryId, index: match.index }
}

function cannotMerge(why: string): CliError {
  return new CliError('CLI_CANNOT_MERGE', `${why}; nothing was settled. Keep one of them, or use --value`)
}
