import type { CallArguments, CisSession, Resolution, ShownConflict } from 'cis-memory/session'
import { type Command, Option } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { codeOf, usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { showConflict, suggestChoices } from '../render/conflict.ts'
import { keyWithin } from '../render/paths.ts'
import { printableLine, printableText } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'
import { type ChoiceOptions, choiceOf, saysHow } from '../settle/choice.ts'
import { tellChanges } from '../settle/stale.ts'
import { walk, walkAll } from '../settle/walk.ts'
import { VALUE_TYPES } from '../value-input.ts'

interface ResolveCommandOptions extends ChoiceOptions {
  readonly at?: string
}

export function registerConflictsResolve(conflicts: Command, registration: Registration): void {
  withDryRun(conflicts.command('resolve'))
    .description('Settle a conflict, or on a terminal one after the other; it can be undone')
    .argument('[conflict]', 'its id as it was shown, or the key it is at (default: all, one after the other)')
    .argument('[choice]', "local, remote, both, merge, proposal, edit, delete, or a version's id")
    .option('--value <value>', 'settle it with another value; - for standard input')
    .addOption(
      new Option('--type <type>', 'how to read --value; file takes the name of one')
        .choices(VALUE_TYPES)
        .default('text')
    )
    .option(
      '--tool [tool]',
      "settle it with a merge tool: a name that git knows, or a command line (default: git's)"
    )
    .option('--at <key>', 'where it was shown: tells a conflict that has changed from one that never was')
    .addHelpText('after', HELP)
    .action(action(registration, resolveConflict))
}

const HELP = `
  local     what this device wrote, or had before the other came
  remote    what the other device wrote
  both      the latest stays; the others are put beside it under names of their own
  merge     what each changed since what they come from, where that is text and does not overlap
  proposal  what \`conflicts propose\` had a model make of them
  edit      what $VISUAL or $EDITOR makes of them
  delete    none of them

A merge tool is a command line that finds its files as "$BASE", "$LOCAL" and "$REMOTE", and leaves what it makes of them
in "$MERGED". An editor or a tool that fails, or changes nothing, settles nothing.

Without a choice, a terminal asks. Exit code 3 when the conflict is left open, 6 when it is another by now.`

async function resolveConflict(
  cli: Invocation,
  idOrKey: string | undefined,
  given: string | undefined,
  options: ResolveCommandOptions
): Promise<ExitCode> {
  const hasChoice = saysHow(given, options)
  const session = await (idOrKey === undefined ? cli.memory('public') : cli.memoryOf(idOrKey))
  if (idOrKey === undefined) {
    // Without a conflict, a tool is what one key opens.
    if (!cli.canAsk || options.value !== undefined) {
      throw usageError('say which conflict to settle, and how', 'memory conflicts list')
    }
    return walkAll(cli, session, toolOf(options))
  }
  const shown = await findConflict(cli, session, idOrKey, hasChoice)
  if (!hasChoice && shown !== undefined) {
    if (cli.canAsk) return walk(cli, session, [shown.conflict], toolOf(options))
    await showConflict(cli, session.scope, shown)
    suggestChoices(cli, session.scope, shown)
    throw usageError(
      "say how to settle it: local, remote, both, merge, edit, delete, a version's id or --value"
    )
  }
  const made = await choiceOf(cli, shown, given, options)
  if (made === undefined) return EXIT.contested
  const { choice, text } = made
  const id = shown?.conflict.id ?? idOrKey
  const path = options.at ?? shown?.conflict.path
  if (cli.isDryRun) {
    if (cli.output.isJson) await cli.output.record({ dryRun: true, conflictId: id, path, choice })
    cli.output.talk(`Would settle ${printableLine(path ?? id)}.`)
    return EXIT.done
  }
  try {
    await tell(cli, session, await settle(cli, session, shown, { id, path, choice }))
    return EXIT.done
  } catch (error) {
    if (text === undefined || path === undefined || codeOf(error) === undefined) throw error
    // Nobody should have to write it a second time.
    if (cli.canAsk) return walk(cli, session, [{ id, path }], toolOf(options), made)
    cli.output.complainCommand(`What you wrote was not stored:\n${printableText(text)}`)
    throw error
  }
}

function toolOf({ tool }: ResolveCommandOptions): string | undefined {
  return tool === true ? undefined : tool
}

/** The conflict as it is now; `undefined` when there is none by this id but settling it will tell what became of it. */
async function findConflict(
  cli: Invocation,
  session: CisSession,
  idOrKey: string,
  hasChoice: boolean
): Promise<ShownConflict | undefined> {
  try {
    return await session.call('conflicts.show', { conflict: idOrKey }, { signal: cli.host.signal })
  } catch (error) {
    if (hasChoice && codeOf(error) === 'CORE_CONFLICT_NOT_FOUND') return undefined
    throw error
  }
}

async function settle(
  cli: Invocation,
  session: CisSession,
  shown: ShownConflict | undefined,
  args: CallArguments<'conflicts.resolve'>
): Promise<Resolution> {
  try {
    return await session.call('conflicts.resolve', args, { signal: cli.host.signal })
  } catch (error) {
    const { path = args.path } = error as { readonly path?: string }
    if (codeOf(error) === 'CORE_STALE_CONFLICT' && path !== undefined) {
      await tellChanges(cli, session, path, shown?.conflict.versions)
    }
    throw error
  }
}

async function tell(cli: Invocation, session: CisSession, resolution: Resolution): Promise<void> {
  const { output, host } = cli
  const remaining = await session.call('conflicts.count', {}, { signal: host.signal })
  if (output.isJson) return output.record({ ...resolution, remaining })
  const key = keyWithin(session.scope, resolution.path)
  output.talk(`${output.talkColors.green('Settled')} ${key}. History keeps every version.`)
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
