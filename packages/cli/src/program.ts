import { readFileSync } from 'node:fs'
import { Command, CommanderError, Help, type Option } from 'commander'
import pc from 'picocolors'
import { honoursDryRun, type Outcome, type Registration } from './action.ts'
import { usageError } from './errors.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { explain } from './explain.ts'
import type { Host, OutputStream } from './host.ts'
import { type GlobalOptions, Invocation, isAboutMemory } from './invocation.ts'
import { wrapLines } from './output.ts'
import { registerCommands } from './register.ts'
import { printableJson } from './render/terminal-text.ts'

/** Of help in a pipe. */
const HELP_COLUMNS = 110

const EXIT_CODES_HELP = `
Exit codes:
  0 done · 1 failure · 2 usage · 3 contested memory · 4 no peer reached
  5 locked or wrong key · 6 stale (changed since it was shown)

Start:
  cis init --scope /team/project       make this device's memory, and a scope
  cis memory set deploy/day "Tuesday"  remember something
  cis demo                             see three devices disagree, and settle it`

/** A description narrower than this is not broken any further. */
const MIN_DESCRIPTION_COLUMNS = 24

const GROUPS = [
  {
    title: 'A device and its space:',
    commands: {
      init: async () => (await import('./commands/init.ts')).registerInit,
      invite: async () => (await import('./commands/invite.ts')).registerInvite,
      join: async () => (await import('./commands/join.ts')).registerJoin,
      peers: async () => (await import('./commands/peers.ts')).registerPeers,
      node: async () => (await import('./commands/node.ts')).registerNode,
      status: async () => (await import('./commands/status.ts')).registerStatus,
      doctor: async () => (await import('./commands/doctor.ts')).registerDoctor
    }
  },
  {
    title: 'Memory:',
    commands: {
      memory: async () => (await import('./commands/memory.ts')).registerMemory,
      curate: async () => (await import('./commands/curate.ts')).registerCurate
    }
  },
  {
    title: 'What agents were given:',
    commands: {
      audit: async () => (await import('./commands/audit.ts')).registerAudit,
      why: async () => (await import('./commands/why.ts')).registerWhy
    }
  },
  {
    title: 'See it work:',
    commands: { demo: async () => (await import('./commands/demo.ts')).registerDemo }
  }
]

/** The whole command, or as much of it as a command line needs. */
async function createProgram(registration: Registration): Promise<Command> {
  const { host } = registration
  const program = new Command('cis')
    .description('Memory for AI agents: on your machines, synced peer to peer, never silently overwritten.')
    .version(version(), '-V, --version')
    .option('--home <dir>', 'where all of this device lies (default: CIS_HOME, or ~/.cis)')
    .option('--scope <path>', 'the scope to work in (default: what the nearest .cis.toml says)')
    .option('--json', 'print data as JSON, one object a line')
    .option('--no-input', 'never ask')
    .option('-q, --quiet', 'print data and errors only')
    .option('-n, --dry-run', 'say what would be done, and do nothing')
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: MIN_DESCRIPTION_COLUMNS, visibleGlobalOptions })
    .configureOutput({
      writeOut: (text) => void host.stdout.write(wrapLines(text, helpColumns(host.stdout))),
      writeErr: (text) => void host.stderr.write(wrapLines(text, helpColumns(host.stderr))),
      getOutHelpWidth: () => helpColumns(host.stdout),
      getErrHelpWidth: () => helpColumns(host.stderr),
      outputError: () => {} // told by `report`, as all failures are
    })
    .exitOverride()
    .addHelpText('after', EXIT_CODES_HELP)
  await registerCommands(program, registration, GROUPS)
  program.helpCommand('help [command]', 'Explain a command')
  return program
}

function helpColumns({ columns }: OutputStream): number {
  return columns || HELP_COLUMNS
}

/** `--dry-run` is shown where there is something to say. Others that would change something refuse it. */
function visibleGlobalOptions(this: Help, command: Command): Option[] {
  const options = Help.prototype.visibleGlobalOptions.call(this, command)
  return options.filter(({ long }) => long !== '--dry-run' || honoursDryRun(command))
}

/** Runs one command line, without the program's own name, to its exit code. Whatever fails has been told. */
export async function run(argv: readonly string[], host: Host): Promise<ExitCode> {
  const outcome: Outcome = { exitCode: EXIT.done }
  const program = await createProgram({ host, argv, outcome })
  if (argv.length === 0) {
    program.outputHelp()
    return EXIT.done
  }
  try {
    await program.parseAsync(argv, { from: 'user' })
    return outcome.exitCode
  } catch (error) {
    if (error instanceof CommanderError) return reportUsage(error, program, argv, host)
    if (host.signal.aborted) return EXIT.interrupted
    return await report(error, program.opts<GlobalOptions>(), host)
  }
}

/** The command that a command line names, as far as there is one: `memory`, `set`. */
function namedCommands(program: Command, argv: readonly string[]): readonly string[] {
  const names: string[] = []
  let command = program
  for (const word of argv) {
    const next = command.commands.find((candidate) => candidate.name() === word)
    if (next === undefined) continue
    names.push(word)
    command = next
  }
  return names
}

async function reportUsage(
  error: CommanderError,
  program: Command,
  argv: readonly string[],
  host: Host
): Promise<ExitCode> {
  if (error.exitCode === 0) return EXIT.done // help or the version was asked for
  if (error.code === 'commander.help') return EXIT.usage // a group without its command: its help was printed
  const end = argv.indexOf('--')
  const json = (end === -1 ? argv : argv.slice(0, end)).includes('--json')
  const help = [...namedCommands(program, argv), '--help'].join(' ')
  return report(usageError(error.message.replace(/^error: /, ''), help), { json }, host)
}

async function report(error: unknown, options: GlobalOptions, host: Host): Promise<ExitCode> {
  const { code, message, kept, next, exitCode } = explain(error)
  const cli = new Invocation(host, options)
  if (next.some(isAboutMemory)) await cli.lookForScope()
  const commands = next.map((line) => cli.command(line))
  if (options.json === true) {
    cli.output.complainCommand(printableJson({ error: { code, message, kept, next: commands, exitCode } }))
    return exitCode
  }
  const colors = pc.createColors(cli.output.talkColors.isColorSupported)
  cli.output.complain(`${colors.red('error:')} ${message}`)
  if (kept !== undefined) cli.output.complain(kept)
  for (const command of commands) cli.output.complainCommand(`${colors.dim('Next:')} ${command}`)
  return exitCode
}

function version(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}
