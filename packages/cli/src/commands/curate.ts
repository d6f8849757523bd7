import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { readRecord } from '../render/records.ts'
import { printableLine } from '../render/terminal-text.ts'
import { versionPreview } from '../render/value.ts'

interface CurateCommandOptions {
  readonly as?: string
}

export function registerCurate(program: Command, registration: Registration): void {
  withDryRun(program.command('curate'))
    .description('Copy a public memory into the private domain, with a link to where it came from')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .option('--as <path>', 'where to put it (default: the same path)')
    .action(action(registration, curate))
}

async function curate(cli: Invocation, key: string, options: CurateCommandOptions): Promise<ExitCode> {
  const { output, host } = cli
  const { signal } = host
  const session = await cli.memory()
  const target = options.as ?? key
  if (cli.isDryRun) {
    const read = await session.call('memory.get', { path: key, domain: 'public' }, { signal })
    if (output.isJson) await output.record({ dryRun: true, as: target, ...readRecord(read) })
    if (read.state === 'value') {
      output.talk(`Would copy to private ${printableLine(target)}: ${versionPreview(read.version, 60)}`)
    }
    if (read.state === 'conflict') cli.suggest(`memory conflicts show ${read.conflict.id}`)
    return read.state === 'conflict' ? EXIT.contested : EXIT.done
  }
  const written = await session.call('memory.curate', { path: key, as: options.as }, { signal })
  if (output.isJson) {
    await output.record({ domain: 'private', ...written })
    return EXIT.done
  }
  output.talk(`Copied ${printableLine(key)} to private ${printableLine(written.path)}.`)
  cli.suggest(`memory get --private ${quote(target)}`)
  return EXIT.done
}
