import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { usageError } from '../errors.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { explain } from '../explain.ts'
import type { Invocation } from '../invocation.ts'
import { printableLine } from '../render/terminal-text.ts'
import { count } from '../render/time.ts'
import { name, shortId } from '../render/version.ts'
import { readInput } from '../value-input.ts'

interface JoinCommandOptions {
  readonly device?: string
  readonly listen?: readonly string[]
}

export function registerJoin(program: Command, registration: Registration): void {
  program
    .command('join')
    .description("Make this device's memory as part of a space it was invited to, and fetch what is there")
    .argument('[token]', 'what `cis invite` printed, or - (or nothing) for standard input')
    .option('--device <name>', "what others call this device (default: the host's name)")
    .option('--listen <address...>', 'where its node answers, such as /ip4/0.0.0.0/tcp/41234')
    .action(action(registration, join))
}

async function join(
  cli: Invocation,
  token: string | undefined,
  { device, listen }: JoinCommandOptions
): Promise<ExitCode> {
  cli.refuseDryRun('join')
  const { output, host } = cli
  const code = await readToken(cli, token)
  const library = await host.library()
  const joined = await library.joinHome({ home: cli.home, code, device, listen, signal: host.signal })
  output.talk(
    `${name(joined.device.name)} (${shortId(joined.device.id)}) has joined ${name(joined.space.name)}.`
  )
  output.talk(
    `Everything of this device is in ${printableLine(joined.home)}, encrypted. Keep its key file safe.`
  )
  const received = await fetchAll(cli)
  if (output.isJson) await output.record({ ...joined, received })
  else if (received !== undefined) output.talk(`Received ${count(received, 'entry', 'entries')}.`)
  cli.suggest(received === undefined ? 'memory sync --scope /' : 'memory list --scope /')
  return EXIT.done
}

/**
 * Takes over what the inviter has, while it is surely there. A device that has joined is one whether this succeeds
 * or not.
 *
 * @returns how many entries came, or `undefined` when nobody could be reached any more
 */
async function fetchAll(cli: Invocation): Promise<number | undefined> {
  const { output, host } = cli
  let received = 0
  try {
    const session = await cli.device('/')
    const sync = session.stream('memory.sync', { direction: 'pull' }, { signal: host.signal })
    for await (const event of sync) {
      if (event.type === 'progress') output.progress(`${event.received} received …`)
      if (event.type === 'synced') received += event.received
    }
    return received
  } catch (error) {
    host.signal.throwIfAborted()
    output.talk(`Nothing was fetched yet: ${explain(error).message}`)
    return undefined
  }
}

async function readToken(cli: Invocation, token: string | undefined): Promise<string> {
  if (token !== undefined && token !== '-') return token.trim()
  if (token === undefined && cli.canAsk) {
    const { isCancel, password } = await import('@clack/prompts')
    const typed = await password({ message: 'The invitation' })
    if (isCancel(typed) || typed === undefined) throw usageError('no invitation was given; nothing was done')
    return typed.trim()
  }
  const text = Buffer.from(await readInput(cli))
    .toString('utf8')
    .trim()
  if (text === '') throw usageError('no invitation was given: it is what `cis invite` prints', 'join TOKEN')
  return text
}
