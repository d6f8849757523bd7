import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'

export function registerBroadcast(memory: Command, registration: Registration): void {
  memory
    .command('broadcast')
    .description('Tell connected peers about one public memory')
    .argument('<key>', 'its path, relative to the scope or absolute')
    .addHelpText(
      'after',
      '\nIt says how many peers it reached; whether they applied it, only a sync can tell. No peer: exit code 4.'
    )
    .action(action(registration, broadcast))
}

async function broadcast(cli: Invocation, key: string): Promise<ExitCode> {
  cli.refuseDryRun('memory broadcast')
  const { output, host } = cli
  const session = await cli.memory('public')
  const { reached } = await session.call('memory.broadcast', { path: key }, { signal: host.signal })
  if (output.isJson) await output.record({ path: key, reached })
  if (reached > 0) {
    output.talk(`Told ${count(reached, 'peer')} about ${printableLine(key)}.`)
    return EXIT.done
  }
  output.talk('No peer is connected. The memory is safe here, and the next sync takes it along.')
  cli.suggest('memory sync')
  return EXIT.noPeer
}
