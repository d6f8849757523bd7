import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { showConflict, suggestChoices } from '../render/conflict.ts'
import { conflictRecord, versionRecord } from '../render/records.ts'

export function registerConflictsShow(conflicts: Command, registration: Registration): void {
  conflicts
    .command('show')
    .description('Show the versions of a conflict and what differs')
    .argument('<conflict>', 'its id, or the key it is at')
    .action(action(registration, show))
}

async function show(cli: Invocation, idOrKey: string): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memory('public')
  const { signal } = host
  const { conflict, ancestor } = await session.call('conflicts.show', { conflict: idOrKey }, { signal })
  if (output.isJson) {
    const base = ancestor === undefined ? undefined : versionRecord(ancestor)
    await output.record({ scope: session.scope, ...conflictRecord(conflict), ancestor: base })
    return EXIT.done
  }
  await showConflict(cli, session.scope, { conflict, ancestor })
  suggestChoices(cli, session.scope, conflict)
  return EXIT.done
}
