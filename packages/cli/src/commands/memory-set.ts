import type { Domain, SetArguments } from 'cis-memory/session'
import { type Command, Option } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { readRecord, versionRecord } from '../render/records.ts'
import { printableLine } from '../render/terminal-text.ts'
import { valuePreview, versionPreview } from '../render/value.ts'
import { provenance } from '../render/version.ts'
import { readValue, VALUE_TYPES, type ValueType } from '../value-input.ts'

interface SetOptions {
  readonly private?: boolean
  readonly tag?: readonly string[]
  readonly category?: string
  readonly type: ValueType
}

export function registerSet(memory: Command, registration: Registration): void {
  withDryRun(memory.command('set'))
    .description('Store a value, durably')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .argument('[value]', 'the value, or - (or nothing) for standard input')
    .option('--private', 'in the private domain, which never leaves this device')
    .option('--tag <tag...>', 'label it; may be given several times')
    .option('--category <name>', 'sort it')
    .addOption(
      new Option('--type <type>', 'how to read the value; file takes the name of one')
        .choices(VALUE_TYPES)
        .default('text')
    )
    .addHelpText(
      'after',
      '\nIt replaces the version that is there when it starts and says which; history keeps that one. ' +
        'A contested memory is not written to: settle it first.\n\n' +
        'Examples:\n' +
        '  cis memory set deploy/day "Tuesday"\n' +
        '  cis memory set limits \'{"timeout": 30}\' --type json\n' +
        '  git log -5 | cis memory set recent/changes -\n' +
        '  cis memory set --private -- temperature -5'
    )
    .action(action(registration, setMemory))
}

async function setMemory(
  cli: Invocation,
  key: string,
  given: string | undefined,
  options: SetOptions
): Promise<ExitCode> {
  const { output, host } = cli
  const domain = options.private === true ? 'private' : 'public'
  const { value, contentType } = await readValue(cli, given, options.type)
  const args: SetArguments = {
    path: key,
    domain,
    value,
    contentType,
    category: options.category,
    tags: options.tag
  }
  if (cli.isDryRun) return previewSet(cli, args, domain)
  const session = await cli.memory(domain)
  const { written, replaced } = await session.call('memory.set', args, { signal: host.signal })
  if (output.isJson) {
    const before = replaced === undefined ? undefined : versionRecord(replaced)
    await output.record({ domain, ...written, replacedVersion: before })
    return EXIT.done
  }
  output.talk(`Stored ${printableLine(written.path)}${domain === 'private' ? ' (private)' : ''}.`)
  if (replaced !== undefined) {
    output.talk(`It replaced: ${versionPreview(replaced, 60)}  ${provenance(replaced, host.now())}`)
    const flag = domain === 'private' ? ' --private' : ''
    cli.suggest(`memory history ${quote(key)}${flag}`)
  }
  return EXIT.done
}

async function previewSet(cli: Invocation, args: SetArguments, domain: Domain): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory(domain)
  const read = await session.call('memory.get', { path: args.path, domain }, { signal: host.signal })
  const outcome = { absent: 'create', value: 'replace', conflict: 'refuse' }[read.state]
  if (output.isJson) {
    await output.record({ dryRun: true, would: outcome, domain, ...readRecord(read) })
  } else {
    const key = printableLine(read.path)
    output.talk(`Would ${outcome} ${key}: ${valuePreview(args.value, 60)}`)
    if (read.state === 'value') {
      output.talk(`In place of: ${versionPreview(read.version, 60)}  ${provenance(read.version, host.now())}`)
    }
    if (read.state === 'conflict') cli.suggest(`memory conflicts show ${read.conflict.id}`)
  }
  return read.state === 'conflict' ? EXIT.contested : EXIT.done
}
