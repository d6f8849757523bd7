import type { Command } from 'commander'
import type { Registration } from '../action.ts'
import { registerCommands } from '../register.ts'

const COMMANDS = {
  list: async () => (await import('./audit-list.ts')).registerAuditList,
  verify: async () => (await import('./audit-verify.ts')).registerAuditVerify
}

export async function registerAudit(program: Command, registration: Registration): Promise<void> {
  const audit = program
    .command('audit')
    .description(
      'What agents were given and have written on this device, and whether the record of it is whole'
    )
  await registerCommands(audit, registration, [{ commands: COMMANDS }])
}
