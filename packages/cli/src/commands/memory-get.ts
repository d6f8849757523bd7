import type { Conflict, MemoryValue, PolicyDecision } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { CliError, usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { readRecord } from '../render/records.ts'
import { printableLine, printableText } from '../render/terminal-text.ts'
import { bytes, count } from '../render/time.ts'
import { plainText, versionPreview } from '../render/value.ts'
import { provenance } from '../render/version.ts'

interface GetOptions {
  readonly private?: boolean
}

export function registerGet(memory: Command, registration: Registration): void {
  memory
    .command('get')
    .description('Print the value of one memory, and nothing else')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .option('--private', 'from the private domain')
    .addHelpText(
      'after',
      '\nInto a pipe or a file the value goes exactly as it is stored; other JSON than text gets a line feed.'
    )
    .action(action(registration, getMemory))
}

async function getMemory(cli: Invocation, key: string, options: GetOptions): Promise<ExitCode> {
  const { output, host } = cli
  const domain = options.private === true ? 'private' : 'public'
  const session = await cli.memory(domain)
  const read = await session.call('memory.get', { path: key, domain }, { signal: host.signal })
  if (output.isJson) await output.record({ domain, ...readRecord(read) })
  if (read.state !== 'conflict' && read.settledBy !== undefined) tellDecision(cli, read.settledBy)
  switch (read.state) {
    case 'absent':
      if (output.isJson) return EXIT.failure
      throw new CliError('CLI_NOTHING_THERE', `nothing ${domain} is at ${printableLine(key)}`, {
        next:
          domain === 'private'
            ? ['memory list --private']
            : ['memory list', `memory get --private ${quote(key)}`]
      })
    case 'conflict':
      if (!output.isJson) showContested(cli, key, read.conflict)
      return EXIT.contested
    case 'value':
      if (!output.isJson) await printValue(cli, key, read.value)
      return EXIT.done
  }
}

async function printValue(cli: Invocation, key: string, value: MemoryValue): Promise<void> {
  const { output } = cli
  if (value instanceof Uint8Array) {
    if (!output.isTerminal) return output.raw(value)
    throw usageError(
      `${printableLine(key)} holds ${bytes(value.length)} of data, which a terminal cannot show; send it to a file`,
      `memory get ${quote(key)} > FILE`
    )
  }
  if (output.isTerminal) {
    const text = printableText(plainText(value))
    return output.raw(text.endsWith('\n') ? text : `${text}\n`)
  }
  if (typeof value === 'string') return output.raw(value)
  await output.line(JSON.stringify(value))
}

/** What a policy has read for its owner is never silent. */
function tellDecision(cli: Invocation, { mode, conflict }: PolicyDecision): void {
  const versions = count(conflict.versions.length, 'version')
  cli.output.talk(`The policy ${mode} of this device decided between ${versions}.`)
  cli.suggest(`memory conflicts show ${conflict.id}`)
}

function showContested(cli: Invocation, key: string, conflict: Conflict): void {
  const { output, host } = cli
  const versions = count(conflict.versions.length, 'version')
  output.complain(
    `${output.talkColors.yellow('contested:')} ${versions} of ${printableLine(key)}, none is preferred`
  )
  for (const version of conflict.versions) {
    output.complain(`  ${versionPreview(version, 60)}  ${provenance(version, host.now())}`)
  }
  output.complainCommand(`Next: ${cli.command(`memory conflicts show ${conflict.id}`)}`)
}
