import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { chosenDomain, type DomainOptions } from '../domain-options.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { count } from '../render/time.ts'

/** How many memories go between two words on how far it is. */
const PROGRESS_MEMORIES = 1_000

export function registerExport(memory: Command, registration: Registration): void {
  memory
    .command('export')
    .description('Print the memories of this scope as JSON, one a line; import reads it back')
    .argument('[prefix]', 'only what lies at or below this path')
    .option('--private', 'only the private domain')
    .option('--public', 'only the public domain')
    .addHelpText(
      'after',
      '\nIt is not encrypted, and without --public it has private memory in it. Contested memories come with every ' +
        'version (exit code 3); history stays here.\n\n' +
        'Examples:\n' +
        '  cis memory export > memories.jsonl\n' +
        '  cis memory export notes --public | cis --home ~/other --scope /team/project memory import -'
    )
    .action(action(registration, exportMemory))
}

async function exportMemory(
  cli: Invocation,
  prefix: string | undefined,
  options: DomainOptions
): Promise<ExitCode> {
  const { output, host } = cli
  const domain = chosenDomain(options)
  const library = await host.library()
  const session = await cli.memory(domain)
  const contested = new Set<string>()
  let whole = 0
  for await (const memory of library.exportMemories(session, { prefix, domain, signal: host.signal })) {
    if (memory.conflict === undefined) whole++
    else contested.add(memory.conflict)
    await output.record(memory)
    if (whole % PROGRESS_MEMORIES === 0) output.progress(`${whole} …`)
  }
  output.talk(`Exported ${count(whole + contested.size, 'memory', 'memories')}.`)
  if (contested.size === 0) return EXIT.done
  output.talk(
    `${count(contested.size, 'of them is', 'of them are')} contested, with every version; an import leaves those out.`
  )
  cli.suggest('memory conflicts list')
  return EXIT.contested
}
