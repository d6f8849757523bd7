import type { Domain, StatusResult } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { noticeText } from '../render/notice.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'
import { name, shortId } from '../render/version.ts'

export function registerStatus(program: Command, registration: Registration): void {
  program
    .command('status')
    .description('Show this device, its space, and what needs attention')
    .action(action(registration, showStatus))
}

async function showStatus(cli: Invocation): Promise<ExitCode> {
  const { output, host } = cli
  const scope = cli.givenScope ?? (await cli.projectScope())
  const session = await cli.device(scope)
  const status = await session.call('status', {}, { signal: host.signal })
  if (output.isJson) {
    await output.record({ home: cli.home, ...status })
    return EXIT.done
  }
  for (const [label, text] of facts(cli, status)) {
    await output.line(`${output.dataColors.dim(label.padEnd(11))}${text}`)
  }
  if (status.openConflicts > 0) cli.suggest('memory conflicts list')
  else if (status.memories.public + status.memories.private === 0) cli.suggest('memory set KEY VALUE')
  else if (status.peers.known === 0) cli.suggest('invite', 'to add another device')
  return EXIT.done
}

type Fact = readonly [label: string, text: string]

function facts(cli: Invocation, status: StatusResult): Fact[] {
  const { dataColors } = cli.output
  const { device, space, memories, peers, openConflicts, pending, notices } = status
  const counted = (domain: Domain): string =>
    memories[domain] === memories.limit ? `${memories.limit} or more` : String(memories[domain])
  const conflicts = count(openConflicts, 'conflict is', 'conflicts are')
  return [
    ['device', `${name(device.name)} (${shortId(device.device)})`],
    ['space', `${name(space.name)} (${shortId(space.id)})`],
    ['home', printableLine(cli.home)],
    ['scope', printableLine(status.scope)],
    ['memories', `${counted('public')} public, ${counted('private')} private`],
    [
      'conflicts',
      openConflicts === 0
        ? 'none'
        : dataColors.yellow(`${conflicts} open: agents get nothing from this scope`)
    ],
    ...(pending === 0
      ? []
      : [['pending', `${count(pending, 'entry', 'entries')} arrived and cannot be judged yet`] as Fact]),
    ...notices.map((notice): Fact => ['notice', dataColors.yellow(noticeText(notice))]),
    ['peers', `${peers.known} known, ${peers.connected} connected`],
    ['node', status.isListening ? `process ${status.pid}` : 'not running'],
    ...status.addresses.map((address, i): Fact => [i === 0 ? 'addresses' : '', printableLine(address)])
  ]
}
