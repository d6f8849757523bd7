import type { Command } from 'commander'
import type { ExitCode } from './exit-codes.ts'
import type { Host } from './host.ts'
import { type GlobalOptions, Invocation } from './invocation.ts'

/** What came of a run: commands that do not say otherwise are done. */
export interface Outcome {
  exitCode: ExitCode
}

/** What a command file adds its command with. */
export interface Registration {
  readonly host: Host
  /** The words of the command line. */
  readonly argv: readonly string[]
  readonly outcome: Outcome
}

const honouring = new WeakSet<Command>()

/** Says of a command that `--dry-run` makes it tell what it would do. Those that cannot refuse it, or change nothing. */
export function withDryRun(command: Command): Command {
  honouring.add(command)
  return command
}

export function honoursDryRun(command: Command): boolean {
  return honouring.has(command)
}

/** Arguments and options as commander gives them to an action, in the order the command declares them. */
type Given = readonly unknown[]

/** Makes a commander action of a function that is given the run, then the command's arguments and options. */
export function action<T extends Given>(
  { host, outcome }: Registration,
  handler: (cli: Invocation, ...given: T) => Promise<ExitCode>
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    const command = given.at(-1) as Command
    const cli = new Invocation(host, command.optsWithGlobals<GlobalOptions>())
    try {
      outcome.exitCode = await handler(cli, ...(given.slice(0, -1) as unknown as T))
    } finally {
      await cli.close()
    }
  }
}
