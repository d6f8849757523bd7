import type { Command } from 'commander'
import { action, type Registration, withDryRun } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { readRecord, versionRecord } from '../render/records.ts'
import { printableLine } from '../render/terminal-text.ts'
import { versionPreview } from '../render/value.ts'
import { provenance } from '../render/version.ts'

interface DeleteOptions {
  readonly private?: boolean
}

export function registerDelete(memory: Command, registration: Registration): void {
  withDryRun(memory.command('delete'))
    .description('Delete a memory; history keeps it, undo brings it back')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .option('--private', 'in the private domain')
    .action(action(registration, deleteMemory))
}

async function deleteMemory(cli: Invocation, key: string, options: DeleteOptions): Promise<ExitCode> {
  const { output, host } = cli
  const { signal } = host
  const domain = options.private === true ? 'private' : 'public'
  const session = await cli.memory(domain)
  if (cli.isDryRun) {
    const read = await session.call('memory.get', { path: key, domain }, { signal })
    if (output.isJson) await output.record({ dryRun: true, domain, ...readRecord(read) })
    if (read.state === 'value') output.talk(`Would delete: ${versionPreview(read.version, 60)}`)
    if (read.state === 'absent') output.talk(`Nothing is at ${printableLine(key)}.`)
    if (read.state === 'conflict') cli.suggest(`memory conflicts show ${read.conflict.id}`)
    return read.state === 'conflict' ? EXIT.contested : EXIT.done
  }
  const { written, deleted } = await session.call('memory.delete', { path: key, domain }, { signal })
  if (output.isJson) {
    const before = deleted === undefined ? undefined : versionRecord(deleted)
    await output.record({ domain, path: key, isDeleted: written !== undefined, ...written, deleted: before })
    return EXIT.done
  }
  if (written === undefined) {
    output.talk(`Nothing is at ${printableLine(key)}; nothing was changed.`)
    return EXIT.done
  }
  output.talk(`Deleted ${printableLine(written.path)}.`)
  if (deleted !== undefined)
    output.talk(`It was: ${versionPreview(deleted, 60)}  ${provenance(deleted, host.now())}`)
  if (domain === 'private') cli.suggest(`memory history --private ${quote(key)}`)
  else cli.suggest(`memory conflicts undo ${quote(key)}`, 'brings it back')
  return EXIT.done
}
