import type {
  Choice,
  CisSession,
  Conflict,
  EntryId,
  ResolveResult,
  ShownConflict,
  Version
} from 'cis-memory/session'
import { type Command, Option } from 'commander'
import { action, type Registration } from '../action.ts'
import { codeOf, usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { matchesRef, showConflict, suggestChoices, versionRef } from '../render/conflict.ts'
import { keyWithin } from '../render/paths.ts'
import { printableLine } from '../render/terminal-text.ts'
import { ago, count } from '../render/time.ts'
import { versionPreview } from '../render/value.ts'
import { author } from '../render/version.ts'
import { readValue, textValue, VALUE_TYPES, type ValueType } from '../value-input.ts'

interface ResolveCommandOptions {
  readonly at?: string
  readonly type: ValueType
  readonly value?: string
}

/** Digits of a version's id that are enough to look for it. */
const VERSION_REF = /^[0-9a-f]{4,32}(?:\.\d{1,3})?$/

export function registerConflictsResolve(conflicts: Command, registration: Registration): void {
  conflicts
    .command('resolve')
    .description('Settle a conflict; it can be undone')
    .argument('<conflict>', 'its id as it was shown, or the key it is at')
    .argument('[choice]', "local, remote, both, delete, or a version's id")
    .option('--value <value>', 'settle it with another value; - for standard input')
    .addOption(
      new Option('--type <type>', 'how to read --value; file takes the name of one')
        .choices(VALUE_TYPES)
        .default('text')
    )
    .option('--at <key>', 'where it was shown: tells a conflict that has changed from one that never was')
    .addHelpText(
      'after',
      '\n  local   what this device wrote, or had before the other came' +
        '\n  remote  what the other device wrote' +
        '\n  both    the latest stays; the others are put beside it under names of their own' +
        '\n  delete  none of them' +
        '\n\nWithout a choice, a terminal asks. Exit code 6 when the conflict is another by now.'
    )
    .action(action(registration, resolveConflict))
}

async function resolveConflict(
  cli: Invocation,
  idOrKey: string,
  given: string | undefined,
  options: ResolveCommandOptions
): Promise<ExitCode> {
  const { output, host } = cli
  const { signal } = host
  if (given !== undefined && options.value !== undefined) {
    throw usageError('give a choice or --value, not both; nothing was settled')
  }
  const session = await cli.memory('public')
  const shown = await findConflict(cli, session, idOrKey, options.at)
  const choice = await choose(cli, session, shown, given, options)
  if (choice === undefined) {
    output.talk('Nothing was settled; every version is kept.')
    return EXIT.done
  }
  const id = shown?.conflict.id ?? idOrKey
  const path = options.at ?? shown?.conflict.path
  if (cli.isDryRun) {
    if (output.isJson) await output.record({ dryRun: true, conflictId: id, path, choice })
    output.talk(`Would settle ${printableLine(path ?? id)}.`)
    return EXIT.done
  }
  const result = await session.call('conflicts.resolve', { id, path, choice }, { signal })
  if (output.isJson) {
    await output.record({ ...result.resolution, remaining: result.remaining })
    return EXIT.done
  }
  tell(cli, session, result)
  return EXIT.done
}

/** The conflict as it is now; `undefined` when it is gone but its place is known, which makes the id a stale one. */
async function findConflict(
  cli: Invocation,
  session: CisSession,
  idOrKey: string,
  at: string | undefined
): Promise<ShownConflict | undefined> {
  try {
    return await session.call('conflicts.show', { conflict: idOrKey }, { signal: cli.host.signal })
  } catch (error) {
    if (at !== undefined && codeOf(error) === 'CORE_CONFLICT_NOT_FOUND') return undefined
    throw error
  }
}

async function choose(
  cli: Invocation,
  session: CisSession,
  shown: ShownConflict | undefined,
  given: string | undefined,
  options: ResolveCommandOptions
): Promise<Choice | undefined> {
  if (options.value !== undefined) {
    const { value, contentType } = await readValue(cli, options.value, options.type)
    return contentType === undefined ? { value } : { value, contentType }
  }
  if (given !== undefined) return parseChoice(given, shown?.conflict)
  if (shown === undefined) throw usageError('say how to settle it: local, remote, both, delete or --value')
  if (cli.canAsk) return ask(cli, session.scope, shown)
  await showConflict(cli, session.scope, shown)
  suggestChoices(cli, session.scope, shown.conflict)
  throw usageError("say how to settle it: local, remote, both, delete, a version's id or --value")
}

function parseChoice(given: string, conflict: Conflict | undefined): Choice {
  if (given === 'local' || given === 'remote' || given === 'both') return { keep: given }
  if (given === 'delete') return { delete: true }
  if (!VERSION_REF.test(given)) {
    throw usageError(
      `${quote(given)} is no choice: it is local, remote, both, delete or a version's id. ` +
        'For another value, use --value'
    )
  }
  if (conflict === undefined) return { keep: given as EntryId }
  const [match, ...others] = conflict.versions.filter((version) => matchesRef(version, given))
  if (match === undefined || others.length > 0) {
    const what = match === undefined ? 'no version of this conflict' : 'more than one version'
    const refs = conflict.versions.map((version) => versionRef(version, conflict.versions))
    throw usageError(`${given} names ${what}; its versions are ${refs.join(', ')}`)
  }
  return keep(match)
}

function keep(version: Version): Choice {
  const { entryId, index } = version
  return index === 0 ? { keep: entryId } : { keep: entryId, index }
}

/** Lets a person at a terminal choose. `undefined` when they would rather not. */
async function ask(
  cli: Invocation,
  scope: string,
  { conflict, ancestor }: ShownConflict
): Promise<Choice | undefined> {
  const { isCancel, select, text } = await import('@clack/prompts')
  await showConflict(cli, scope, { conflict, ancestor })
  const versions = conflict.versions.map((version, i) => ({
    value: String(i),
    label: `keep ${versionPreview(version, 50)}`,
    hint: `${author(version)}, ${ago(version.writtenAt, cli.host.now())}`
  }))
  const answer = await select({
    message: 'Which one holds?',
    options: [
      ...versions,
      { value: 'both', label: 'keep all', hint: 'the latest stays, the others are put beside it' },
      { value: 'value', label: 'write another value' },
      { value: 'delete', label: 'delete it' },
      { value: 'leave', label: 'leave it open' }
    ]
  })
  if (isCancel(answer) || answer === 'leave') return undefined
  if (answer === 'both') return { keep: 'both' }
  if (answer === 'delete') return { delete: true }
  if (answer !== 'value') {
    const version = conflict.versions[Number(answer)]
    return version === undefined ? undefined : keep(version)
  }
  const typed = await text({ message: 'The value' })
  if (isCancel(typed)) return undefined
  const { value, contentType } = textValue(typed)
  return contentType === undefined ? { value } : { value, contentType }
}

function tell(cli: Invocation, session: CisSession, { resolution, remaining }: ResolveResult): void {
  const { output } = cli
  const colors = output.talkColors
  const key = keyWithin(session.scope, resolution.path)
  output.talk(`${colors.green('Settled')} ${key}. History keeps every version.`)
  for (const path of resolution.alsoWritten) output.talk(`Kept beside it: ${keyWithin(session.scope, path)}`)
  if (remaining > 0) {
    output.talk(`${count(remaining, 'conflict')} left.`)
    cli.suggest('memory conflicts list')
    return
  }
  output.talk('No conflict is left in this scope: agents can work here again.')
  cli.suggest('memory sync', 'so that the others follow')
  cli.suggest(`memory conflicts undo ${quote(key)}`, 'if it was a mistake')
}
