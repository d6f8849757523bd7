import type { SyncEvent } from 'cis-memory/session'
import { type Command, Option } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import type { Colors } from '../output.ts'
import { printableText } from '../render/terminal-text.ts'
import { bytes, count } from '../render/time.ts'
import { name } from '../render/version.ts'
import { Keys } from '../settle/keys.ts'
import { walkAll } from '../settle/walk.ts'

interface SyncCommandOptions {
  readonly peer?: string
  readonly push?: boolean
  readonly pull?: boolean
}

export function registerSync(memory: Command, registration: Registration): void {
  memory
    .command('sync')
    .description('Exchange public memory of this scope with peers, once')
    .argument('[key...]', 'only these memories')
    .option('--peer <peer>', "a peer's name, device id or address (default: every known peer)")
    .addOption(new Option('--push', 'only send').conflicts('pull'))
    .addOption(new Option('--pull', 'only receive').conflicts('push'))
    .addHelpText(
      'after',
      '\nA terminal offers to settle the conflicts it leaves. Exit code 3 when some are left, 4 when no peer could be reached.'
    )
    .action(action(registration, sync))
}

async function sync(
  cli: Invocation,
  keys: readonly string[],
  options: SyncCommandOptions
): Promise<ExitCode> {
  cli.refuseDryRun('memory sync')
  const { output, host } = cli
  const session = await cli.memory('public')
  const args = {
    peer: options.peer,
    direction: direction(options),
    keys: keys.length === 0 ? undefined : keys
  }
  let openConflicts = 0
  for await (const event of session.stream('memory.sync', args, { signal: host.signal })) {
    if (output.isJson) await output.record(event)
    else tell(cli, event)
    if (event.type !== 'done') continue
    openConflicts = event.openConflicts
    for (const notice of event.notices ?? []) cli.tellNotice(notice)
  }
  if (openConflicts === 0) return EXIT.done
  if (cli.canAsk && (await wantsToSettle(cli))) return walkAll(cli, session, undefined)
  cli.suggest('memory conflicts list')
  return EXIT.contested
}

/** Asks a person whether to settle what the sync has left, while it is in mind. */
async function wantsToSettle({ output, host }: Invocation): Promise<boolean> {
  using keys = new Keys(host)
  await output.line('Press s to settle them now, any other key to leave them open.')
  return (await keys.next()) === 's'
}

function direction({ push, pull }: SyncCommandOptions): 'push' | 'pull' | 'both' {
  if (push === true) return 'push'
  return pull === true ? 'pull' : 'both'
}

function tell({ output }: Invocation, event: SyncEvent): void {
  if (event.type === 'progress') {
    output.progress(`${name(event.peer.name)}: ${event.sent} sent, ${event.received} received …`)
    return
  }
  const line = sentence(output.talkColors, event)
  if (line !== undefined) output.talk(line)
}

/** What an event means to a person, if anything. */
function sentence(colors: Colors, event: Exclude<SyncEvent, { type: 'progress' }>): string | undefined {
  switch (event.type) {
    case 'connecting':
      return colors.dim(`Connecting to ${name(event.peer)} …`)
    case 'synced': {
      const { peer, sent, received, conflicts, bytes: size } = event
      const found = conflicts === 0 ? '' : colors.yellow(`, ${count(conflicts, 'new conflict')}`)
      const numbers = `${sent} sent, ${received} received${found} (${bytes(size)})`
      return `${colors.green('Synced')} with ${name(peer.name)}: ${numbers}`
    }
    case 'failed':
      return `${colors.yellow('Not reached:')} ${name(event.peer)}. ${printableText(event.message)}`
    case 'done': {
      if (event.openConflicts === 0) return undefined
      const open = count(event.openConflicts, 'conflict is', 'conflicts are')
      return colors.yellow(`${open} open. Every version is kept.`)
    }
  }
}
