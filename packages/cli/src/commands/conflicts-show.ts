import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { showConflict, suggestChoices } from '../render/conflict.ts'
import { shownRecord } from '../render/records.ts'

export function registerConflictsShow(conflicts: Command, registration: Registration): void {
  conflicts
    .command('show')
    .description('Show the versions of a conflict and what differs')
    .argument('<conflict>', 'its id, or the key it is at')
    .action(action(registration, show))
}

async function show(cli: Invocation, idOrKey: string): Promise<ExitCode> {
  const { output, host } = cli
  const session = await cli.memoryOf(idOrKey)
  const { signal } = host
  const shown = await session.call('conflicts.show', { conflict: idOrKey }, { signal })
  if (output.isJson) {
    await output.record({ scope: session.scope, ...shownRecord(shown) })
    return EXIT.done
  }
  await showConflict(cli, session.scope, shown)
  suggestChoices(cli, session.scope, shown)
  return EXIT.done
}
