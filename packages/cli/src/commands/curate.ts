import type { Read, StaleCurated } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'
import { readRecord } from '../render/records.ts'
import { type Column, GrowingTable } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'
import { versionPreview, versionText } from '../render/value.ts'
import { name } from '../render/version.ts'

interface CurateCommandOptions {
  readonly as?: string
  readonly adapt?: boolean
  readonly stale?: boolean
}

const HELP = `
The same again brings what was made of a memory up to date, unless somebody has changed it since. --adapt sends the memory
to the model that [ai] in config.toml names; nothing is sent without it.`

export function registerCurate(program: Command, registration: Registration): void {
  withDryRun(program.command('curate'))
    .description('Copy or adapt a public memory into the private domain, with a link to where it came from')
    .argument('[key]', 'its path, relative to the scope or absolute')
    .option('--as <path>', 'where to put it (default: the same path)')
    .option('--adapt', 'have the configured model adapt it, and show what it made')
    .option('--stale', 'list what was made of memories that have changed since')
    .addHelpText('after', HELP)
    .action(action(registration, curate))
}

async function curate(
  cli: Invocation,
  key: string | undefined,
  { stale = false, as, adapt = false }: CurateCommandOptions
): Promise<ExitCode> {
  if (stale) {
    if (key !== undefined || as !== undefined || adapt)
      throw usageError('--stale lists all there is in a scope, and goes with no key and no other option')
    return listStale(cli)
  }
  if (key === undefined)
    throw usageError('say which memory: curate KEY, or curate --stale for those to renew')
  return cli.isDryRun ? tellPlan(cli, key, as ?? key, adapt) : curateOne(cli, key, as, adapt)
}

async function curateOne(
  cli: Invocation,
  key: string,
  as: string | undefined,
  adapt: boolean
): Promise<ExitCode> {
  const { output, host } = cli
  const { signal } = host
  const session = await cli.memory()
  if (adapt) output.progress('Asking the model …')
  const mode = adapt ? 'adapt' : 'copy'
  const written = await session.call('memory.curate', { path: key, as, mode }, { signal })
  const read = adapt
    ? await session.call('memory.get', { path: written.path, domain: 'private' }, { signal })
    : undefined
  if (output.isJson) {
    await output.record({ domain: 'private', ...written, ...(read === undefined ? {} : readRecord(read)) })
    return EXIT.done
  }
  const target = quote(keyWithin(session.scope, written.path))
  const did = adapt ? `Adapted ${printableLine(key)} into private` : `Copied ${printableLine(key)} to private`
  output.talk(`${did} ${printableLine(written.path)}${madeBy(read)}.`)
  if (read?.state === 'value') await output.line(versionText(read.version))
  if (adapt && written.replaced.length > 0) {
    cli.suggest(`memory history --private ${target}`, 'has what it replaced')
  } else {
    cli.suggest(`memory get --private ${target}`)
  }
  return EXIT.done
}

function madeBy(read: Read | undefined): string {
  const agent = read?.state === 'value' ? read.version.agent : undefined
  return agent === undefined ? '' : `, as ${name(agent)} made it`
}

/** Asks no model: what it would say is not known before. */
async function tellPlan(cli: Invocation, key: string, target: string, adapt: boolean): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory()
  const read = await session.call('memory.get', { path: key, domain: 'public' }, { signal: host.signal })
  if (output.isJson) await output.record({ dryRun: true, as: target, adapt, ...readRecord(read) })
  if (read.state === 'value') {
    const would = adapt ? 'Would have a model adapt it into' : 'Would copy to'
    output.talk(`${would} private ${printableLine(target)}: ${versionPreview(read.version, 60)}`)
  }
  if (read.state === 'absent' && !output.isJson) output.talk(`Nothing is at ${printableLine(key)}.`)
  if (read.state === 'conflict') cli.suggest(`memory conflicts show ${read.conflict.id}`)
  return read.state === 'conflict' ? EXIT.contested : EXIT.done
}

const COLUMNS: readonly Column[] = [
  { title: 'private key', isFlexible: true },
  { title: 'made from', isFlexible: true },
  { title: 'made by', isFlexible: true, isOptional: true },
  { title: 'which is' }
]

async function listStale(cli: Invocation): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory()
  const table = new GrowingTable(output, COLUMNS)
  let total = 0
  let first: StaleCurated | undefined
  for await (const stale of session.stream('memory.stale', {}, { signal: host.signal })) {
    total++
    first ??= stale
    if (output.isJson) {
      await output.record({ scope: session.scope, ...stale })
      continue
    }
    const { path, sourcePath, agent, reason } = stale
    const [key, source] = [keyWithin(session.scope, path), keyWithin(session.scope, sourcePath)]
    await table.add([key, source, agent === undefined ? 'copy' : name(agent), reason])
  }
  await table.end()
  if (first === undefined) {
    output.talk(`Everything curated in ${printableLine(session.scope)} says what its sources say.`)
    return EXIT.done
  }
  output.talk(`${count(total, 'curated memory is', 'curated memories are')} stale.`)
  suggestFor(cli, session.scope, first)
  return EXIT.done
}

/** What helps with a stale memory. */
function suggestFor(cli: Invocation, scope: string, { path, sourcePath, agent, reason }: StaleCurated): void {
  const [key, source] = [path, sourcePath].map((each) => quote(keyWithin(scope, each))) as [string, string]
  switch (reason) {
    case 'changed': {
      const as = key === source ? '' : ` --as ${key}`
      cli.suggest(`curate ${source}${as}${agent === undefined ? '' : ' --adapt'}`, 'to make it anew')
      return
    }
    case 'contested':
      cli.suggest(`memory conflicts show ${source}`, 'to settle its source first')
      return
    case 'deleted':
      cli.suggest(`memory delete --private ${key}`, 'unless you want to keep it')
      return
  }
}
