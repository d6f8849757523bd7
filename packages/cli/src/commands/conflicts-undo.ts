import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { printableLine } from '../render/terminal-text.ts'

export function registerConflictsUndo(conflicts: Command, registration: Registration): void {
  conflicts
    .command('undo')
    .description('Bring back what the last write at a key replaced: both sides of a settled conflict')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .action(action(registration, undo))
}

async function undo(cli: Invocation, key: string): Promise<ExitCode> {
  cli.refuseDryRun('memory conflicts undo')
  const { output, host } = cli
  const { signal } = host
  const session = await cli.memory('public')
  const written = await session.call('conflicts.undo', { path: key }, { signal })
  const read = await session.call('memory.get', { path: key, domain: 'public' }, { signal })
  if (output.isJson) {
    await output.record({ ...written, state: read.state })
    return EXIT.done
  }
  output.talk(`Undone: ${printableLine(key)} is as it was before.`)
  if (read.state === 'conflict') {
    output.talk('It is contested again, so agents get nothing from this scope.')
    cli.suggest(`memory conflicts show ${read.conflict.id}`)
  } else {
    cli.suggest(`memory get ${quote(key)}`)
  }
  return EXIT.done
}
