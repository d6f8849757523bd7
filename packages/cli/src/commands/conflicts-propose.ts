import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { type Invocation, quote } from '../invocation.ts'
import { forReading, showProposal } from '../render/conflict.ts'
import { keyWithin } from '../render/paths.ts'
import { proposalRecord } from '../render/records.ts'

interface ProposeOptions {
  readonly refuse?: boolean
}

export function registerConflictsPropose(conflicts: Command, registration: Registration): void {
  conflicts
    .command('propose')
    .description('Have a model propose a merge; it settles nothing until it is taken')
    .argument('<conflict>', 'its id, or the key it is at')
    .option('--refuse', 'refuse what was proposed instead')
    .action(action(registration, propose))
}

async function propose(cli: Invocation, idOrKey: string, { refuse }: ProposeOptions): Promise<ExitCode> {
  cli.refuseDryRun('memory conflicts propose')
  const { output, host } = cli
  const { signal } = host
  const session = await cli.memoryOf(idOrKey)
  const shown = await session.call('conflicts.show', { conflict: idOrKey }, { signal })
  const { id, path } = shown.conflict
  if (refuse === true) {
    await session.call('conflicts.refuse', { id }, { signal })
    output.talk('Refused; every version is kept.')
    return EXIT.done
  }
  output.progress('Asking for a merge …')
  const proposal = await session.call('conflicts.propose', { id }, { signal })
  if (output.isJson) {
    await output.record(proposalRecord(proposal))
    return EXIT.done
  }
  await showProposal(cli, forReading(shown), proposal)
  cli.suggest(
    `memory conflicts resolve ${id} proposal --at ${quote(keyWithin(session.scope, path))}`,
    'to take it'
  )
  cli.suggest(`memory conflicts propose ${id} --refuse`, 'to refuse it')
  return EXIT.done
}
