import type { CisSession, Domain, Version } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { CliError, usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { matchesRef, VERSION_REF, versionRef } from '../render/conflict.ts'
import { printableLine } from '../render/terminal-text.ts'
import { versionPreview } from '../render/value.ts'
import { provenance } from '../render/version.ts'

interface RestoreOptions {
  readonly private?: boolean
}

const PREVIEW_LENGTH = 60

export function registerRestore(memory: Command, registration: Registration): void {
  withDryRun(memory.command('restore'))
    .description('Write a version of the history back; what is there now becomes history')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .argument('<version>', "a version's id, or its first digits, as `memory history` shows it")
    .option('--private', 'in the private domain')
    .action(action(registration, restore))
}

async function restore(
  cli: Invocation,
  key: string,
  ref: string,
  options: RestoreOptions
): Promise<ExitCode> {
  const { output, host } = cli
  const domain = options.private === true ? 'private' : 'public'
  const session = await cli.memory(domain)
  const version = await findVersion(cli, session, key, domain, ref)
  const what = `${versionPreview(version, PREVIEW_LENGTH)}  ${provenance(version, host.now())}`
  if (cli.isDryRun) {
    if (output.isJson) await output.record({ dryRun: true, entryId: version.entryId, index: version.index })
    output.talk(`Would restore ${printableLine(key)}: ${what}`)
    return EXIT.done
  }
  const { entryId, index } = version
  const args = { path: key, domain, entryId, index } as const
  const written = await session.call('memory.restore', args, { signal: host.signal })
  if (output.isJson) {
    await output.record({ domain, restored: entryId, ...written })
    return EXIT.done
  }
  output.talk(`${output.talkColors.green('Restored')} ${printableLine(key)}: ${what}`)
  if (domain === 'public') cli.suggest(`memory conflicts undo ${quote(key)}`, 'if it was a mistake')
  return EXIT.done
}

/** The one version of the history that some digits name. */
async function findVersion(
  { host }: Invocation,
  session: CisSession,
  key: string,
  domain: Domain,
  ref: string
): Promise<Version> {
  if (!VERSION_REF.test(ref)) {
    throw usageError(`${quote(ref)} is no version's id; nothing was written`, `memory history ${quote(key)}`)
  }
  const { signal } = host
  const found: Version[] = []
  for await (const { version } of session.stream('memory.history', { path: key, domain }, { signal })) {
    if (matchesRef(version, ref)) found.push(version)
  }
  const [only, ...others] = found
  if (only === undefined) {
    throw new CliError(
      'CLI_NOTHING_THERE',
      `${printableLine(key)} has no version ${ref}; nothing was written`,
      {
        next: [`memory history ${quote(key)}`]
      }
    )
  }
  if (others.length === 0) return only
  const refs = found.map((version) => versionRef(version, found)).join(', ')
  throw usageError(`${ref} names several versions; nothing was written. They are ${refs}`)
}
