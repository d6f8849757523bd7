import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { duration } from '../arguments.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { ago } from '../render/time.ts'
import { name, shortId } from '../render/version.ts'

interface InviteCommandOptions {
  readonly expires?: number
  readonly wait?: boolean
}

export function registerInvite(program: Command, registration: Registration): void {
  program
    .command('invite')
    .description('Print a code that lets one device join this space')
    .option('--expires <time>', 'how long it can be used, such as 15m or 1d (default: 1h)', duration)
    .option('--wait', 'stay until a device has joined')
    .addHelpText(
      'after',
      '\nThis device must answer when the code is used: while `cis node run` runs, the code is printed and that is\n' +
        'all; otherwise this command stays and answers itself. The code is a secret until it is used, once.'
    )
    .action(action(registration, invite))
}

async function invite(cli: Invocation, options: InviteCommandOptions): Promise<ExitCode> {
  cli.refuseDryRun('invite')
  const { output, host } = cli
  const session = await cli.device()
  // Without a node that goes on, nobody would be there to answer the device that joins.
  const wait = options.wait === true || session.via === 'store'
  const args = { expiresInMs: options.expires, wait }
  for await (const event of session.stream('invite', args, { signal: host.signal })) {
    if (output.isJson) {
      await output.record(event)
    } else if (event.type === 'code') {
      await output.line(event.code)
      output.talk(`It lets one device join, and expires ${ago(event.expiresAt, host.now())}.`)
      output.talk(`On the other device: ${output.talkColors.bold('cis join CODE')}`)
      if (wait) output.talk('Waiting for it here … (Ctrl-C ends this)')
    } else {
      output.talk(`${name(event.peer.name)} (${shortId(event.peer.device)}) has joined.`)
      cli.suggest('memory sync')
    }
  }
  return EXIT.done
}
