import type { HomeResult } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { codeOf } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { printableLine } from '../render/terminal-text.ts'
import { name, shortId } from '../render/version.ts'

interface InitCommandOptions {
  readonly device?: string
  readonly listen?: readonly string[]
  readonly space?: string
}

export function registerInit(program: Command, registration: Registration): void {
  withDryRun(program.command('init'))
    .description("Make this device's memory and a space, and give this directory a scope")
    .option('--space <name>', 'name the new space (default: "default")')
    .option('--device <name>', "what others call this device (default: the host's name)")
    .option('--listen <address...>', 'where its node answers, such as /ip4/0.0.0.0/tcp/41234')
    .addHelpText(
      'after',
      '\nWith --scope it also writes .cis.toml into this directory: commit it, so that every checkout shares ' +
        'the scope. On a device that is set up already it does only that.\n\n' +
        'Example:\n  cis init --space home --scope /team/project'
    )
    .action(action(registration, init))
}

async function init(cli: Invocation, options: InitCommandOptions): Promise<ExitCode> {
  const { output, host } = cli
  const scope = cli.givenScope
  const library = await host.library()
  if (cli.isDryRun) {
    if (output.isJson) await output.record({ dryRun: true, home: cli.home, scope })
    output.talk(`Would make ${printableLine(cli.home)}, unless it is there already.`)
    if (scope !== undefined) output.talk(`Would write .cis.toml here, for the scope ${printableLine(scope)}.`)
    return EXIT.done
  }
  const made = await makeHome(cli, options, scope !== undefined)
  const scopeFile =
    scope === undefined ? undefined : await library.writeScopeFile(host.workingDirectory, scope)
  cli.hasScopeFile = scopeFile !== undefined
  if (output.isJson) {
    const isNew = made !== undefined
    await output.record({ home: cli.home, isNew, ...made, scope, scopeFile: scopeFile?.file })
    return EXIT.done
  }
  if (made !== undefined) {
    output.talk(
      `Made ${printableLine(made.home)}: everything of this device, encrypted. Keep its key file safe.`
    )
    output.talk(`This device is ${name(made.device.name)} (${shortId(made.device.id)}).`)
    output.talk(`The space is ${name(made.space.name)}; nobody else is in it yet.`)
  }
  if (scopeFile !== undefined)
    output.talk(
      `This directory's scope is ${printableLine(scopeFile.scope)} (${printableLine(scopeFile.file)}).`
    )
  if (scope === undefined) cli.suggest('init --scope /team/project', 'in a project')
  else cli.suggest('memory set KEY VALUE')
  cli.suggest('invite', 'to add another device')
  return EXIT.done
}

/** Makes the home, or nothing when it is there and only a scope was asked for. */
async function makeHome(
  cli: Invocation,
  { space, device, listen }: InitCommandOptions,
  mayExist: boolean
): Promise<HomeResult | undefined> {
  const library = await cli.host.library()
  const { signal } = cli.host
  try {
    return await library.initHome({ home: cli.home, space, device, listen, signal })
  } catch (error) {
    const asksForNew = space !== undefined || device !== undefined || listen !== undefined
    if (codeOf(error) === 'CIS_HOME_EXISTS' && mayExist && !asksForNew) return undefined
    throw error
  }
}
