import type { MemoryItem, SearchHit } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { positiveInteger } from '../arguments.ts'
import { chosenDomain, type DomainOptions } from '../domain-options.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { printItems } from '../render/items.ts'
import { printableLine } from '../render/terminal-text.ts'

interface SearchCommandOptions extends DomainOptions {
  readonly limit: number
  readonly prefix?: string
}

export function registerSearch(memory: Command, registration: Registration): void {
  memory
    .command('search')
    .description('Find memories by words, best first; Chinese and Japanese words too')
    .argument('<query...>', 'words to look for')
    .option('--limit <count>', 'at most this many', positiveInteger, 20)
    .option('--prefix <path>', 'only what lies at or below this path')
    .option('--private', 'only the private domain')
    .option('--public', 'only the public domain')
    .action(action(registration, searchMemories))
}

async function searchMemories(
  cli: Invocation,
  words: readonly string[],
  options: SearchCommandOptions
): Promise<ExitCode> {
  const domain = chosenDomain(options)
  const session = await cli.memory(domain)
  const query = words.join(' ')
  const { limit, prefix } = options
  const hits = session.stream('memory.search', { query, limit, prefix, domain }, { signal: cli.host.signal })
  const total = await printItems(cli, session.scope, scored(hits))
  if (total === 0) {
    cli.output.talk(`Nothing in ${printableLine(session.scope)} matches ${printableLine(query)}.`)
    cli.suggest('memory list')
  }
  return EXIT.done
}

async function* scored(
  hits: AsyncIterable<SearchHit>
): AsyncGenerator<MemoryItem & { readonly score: number }> {
  for await (const { item, score } of hits) yield { ...item, score }
}
