import type { Command } from 'commander'
import { action, type Registration } from '../action.ts'

export function registerDemo(program: Command, registration: Registration): void {
  program
    .command('demo')
    .description(
      'Three devices disagree, the guard refuses, an owner settles it: with real parts, in a temporary folder'
    )
    .option('--pause', 'stop at the conflict and let you settle it')
    .option('--keep', 'leave the temporary folder in place')
    .action(
      action(registration, async (cli, options: { readonly pause?: boolean; readonly keep?: boolean }) => {
        cli.refuseDryRun('demo')
        const { runDemo } = await import('../demo/demo.ts')
        return runDemo(cli, options)
      })
    )
}
