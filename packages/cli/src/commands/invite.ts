import { setTimeout as wait } from 'node:timers/promises'
import type { CisSession } from 'cis-memory/session'
import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { duration } from '../arguments.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { ago } from '../render/time.ts'
import { name, shortId } from '../render/version.ts'

/** A device that has joined asks for everything at once; one that does not is not waited for. */
const FIRST_SYNC_TIMEOUT_MS = 15_000
const POLL_INTERVAL_MS = 200

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
      '\nThis device must answer when the code is used: while `cis node run` runs, the code is printed and that is ' +
        'all; otherwise this command stays and answers itself. The code is a secret until it is used, once.'
    )
    .action(action(registration, invite))
}

/** Stays while the device that has just joined takes over what is here. */
async function firstSync(cli: Invocation, session: CisSession, device: string): Promise<void> {
  const { host } = cli
  const deadline = host.now() + FIRST_SYNC_TIMEOUT_MS
  while (host.now() < deadline) {
    for await (const peer of session.stream('peers.list', {}, { signal: host.signal })) {
      if (peer.device === device && peer.lastSyncedAt !== undefined) return
    }
    await wait(POLL_INTERVAL_MS, undefined, { signal: host.signal })
  }
}

async function invite(cli: Invocation, options: InviteCommandOptions): Promise<ExitCode> {
  cli.refuseDryRun('invite')
  const { output, host } = cli
  const session = await cli.device()
  // Without a node that goes on, nobody would be there to answer the device that joins.
  const isWaiting = options.wait === true || session.via === 'store'
  const args = { expiresInMs: options.expires, wait: isWaiting }
  for await (const event of session.stream('invite', args, { signal: host.signal })) {
    if (output.isJson) {
      await output.record(event)
    } else if (event.type === 'code') {
      await output.line(event.code)
      output.talk(`It lets one device join, and expires ${ago(event.expiresAt, host.now())}.`)
      output.talk(`On the other device: ${output.talkColors.bold('cis join CODE')}`)
      if (isWaiting) output.talk('Waiting for it here … (Ctrl-C ends this)')
    } else {
      output.talk(`${name(event.peer.name)} (${shortId(event.peer.device)}) has joined.`)
    }
    if (event.type === 'joined') {
      await firstSync(cli, session, event.peer.device)
      cli.suggest('node run', 'to be there for the others')
    }
  }
  return EXIT.done
}
