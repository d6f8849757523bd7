import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { keyWithin } from '../render/paths.ts'

export function registerConflictsUndo(conflicts: Command, registration: Registration): void {
  conflicts
    .command('undo')
    .description('Bring back all versions of a settled conflict, here or settled on another device')
    .argument('<conflict>', 'its id, or a key: what the last write there replaced comes back')
    .addHelpText('after', HELP)
    .action(action(registration, undo))
}

const HELP = `
Exit code 6 when something was written there since; \`memory history\` has what was, and \`memory restore\` brings one back.`

async function undo(cli: Invocation, idOrKey: string): Promise<ExitCode> {
  cli.refuseDryRun('memory conflicts undo')
  const { output, host } = cli
  const { signal } = host
  const session = await cli.memoryOf(idOrKey)
  const written = await session.call('conflicts.undo', { conflict: idOrKey }, { signal })
  const read = await session.call('memory.get', { path: written.path, domain: 'public' }, { signal })
  if (output.isJson) {
    await output.record({ ...written, state: read.state })
    return EXIT.done
  }
  const key = keyWithin(session.scope, written.path)
  output.talk(`Undone: ${key} is as it was before.`)
  if (read.state === 'conflict') {
    output.talk('It is contested again, so agents get nothing from this scope.')
    cli.suggest(`memory conflicts show ${read.conflict.id}`)
  } else {
    cli.suggest(`memory get ${quote(key)}`)
  }
  return EXIT.done
}
