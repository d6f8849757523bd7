import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { chosenDomain, type DomainOptions } from '../domain-options.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { printItems } from '../render/items.ts'
import { byFirstColumn } from '../render/table.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'

export function registerList(memory: Command, registration: Registration): void {
  memory
    .command('list')
    .description('List the memories of this scope')
    .argument('[prefix]', 'only what lies at or below this path')
    .option('--private', 'only the private domain')
    .option('--public', 'only the public domain')
    .action(action(registration, listMemories))
}

async function listMemories(
  cli: Invocation,
  prefix: string | undefined,
  options: DomainOptions
): Promise<ExitCode> {
  const { output, host } = cli
  const domain = chosenDomain(options)
  const session = await cli.memory(domain)
  const items = session.stream('memory.list', { prefix, domain }, { signal: host.signal })
  // A store keeps them in an order that says nothing to a reader.
  const total = await printItems(cli, session.scope, items, byFirstColumn)
  if (total === 0) {
    const where = prefix === undefined ? session.scope : `${prefix} of ${session.scope}`
    output.talk(`No memories in ${printableLine(where)} yet.`)
    cli.suggest('memory set KEY VALUE')
    cli.suggest('memory import FILE')
  } else if (output.isTerminal) {
    output.talk(output.talkColors.dim(count(total, 'memory', 'memories')))
  }
  return EXIT.done
}
