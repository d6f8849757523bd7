import type { Command } from 'commander'
import type { Registration } from '../action.ts'
import { registerCommands } from '../register.ts'

const COMMANDS = {
  set: async () => (await import('./memory-set.ts')).registerSet,
  get: async () => (await import('./memory-get.ts')).registerGet,
  list: async () => (await import('./memory-list.ts')).registerList,
  search: async () => (await import('./memory-search.ts')).registerSearch,
  delete: async () => (await import('./memory-delete.ts')).registerDelete,
  history: async () => (await import('./memory-history.ts')).registerHistory,
  restore: async () => (await import('./memory-restore.ts')).registerRestore,
  import: async () => (await import('./memory-import.ts')).registerImport,
  export: async () => (await import('./memory-export.ts')).registerExport,
  conflicts: async () => (await import('./memory-conflicts.ts')).registerConflicts,
  sync: async () => (await import('./memory-sync.ts')).registerSync,
  broadcast: async () => (await import('./memory-broadcast.ts')).registerBroadcast
}

export async function registerMemory(program: Command, registration: Registration): Promise<void> {
  const memory = program.command('memory').description('Read, write, sync and settle memories')
  await registerCommands(memory, registration, [{ commands: COMMANDS }])
}
