import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Invocation } from '../invocation.ts'
import { printableLine } from '../render/terminal-text.ts'

export function registerNode(program: Command, registration: Registration): void {
  const node = program.command('node').description('Keep this device on the network')
  node
    .command('run')
    .description('Answer peers and other cis commands, until interrupted')
    .addHelpText('after', '\nIt prints its addresses once it listens. SIGINT or SIGTERM ends it cleanly.')
    .action(action(registration, runNode))
}

async function runNode(cli: Invocation): Promise<ExitCode> {
  cli.refuseDryRun('node run')
  const { output, host } = cli
  const library = await host.library()
  const node = await library.runNode({ home: cli.home, signal: host.signal })
  try {
    const { addresses, notice } = node
    if (notice !== undefined) cli.tellNotice(notice)
    if (output.isJson) await output.record({ type: 'listening', pid: process.pid, addresses })
    else for (const address of addresses) await output.line(printableLine(address))
    output.talk(`The node runs as process ${process.pid}. Ctrl-C ends it.`)
    await node.ended
  } finally {
    await node.close()
  }
  output.talk('The node has ended.')
  return EXIT.done
}
