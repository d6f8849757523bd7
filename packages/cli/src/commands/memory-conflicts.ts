import type { Command } from 'commander'
import type { Registration } from '../action.ts'
import { registerCommands } from '../register.ts'

const COMMANDS = {
  list: async () => (await import('./conflicts-list.ts')).registerConflictsList,
  show: async () => (await import('./conflicts-show.ts')).registerConflictsShow,
  resolve: async () => (await import('./conflicts-resolve.ts')).registerConflictsResolve,
  'resolve-all': async () => (await import('./conflicts-resolve-all.ts')).registerConflictsResolveAll,
  propose: async () => (await import('./conflicts-propose.ts')).registerConflictsPropose,
  undo: async () => (await import('./conflicts-undo.ts')).registerConflictsUndo,
  stats: async () => (await import('./conflicts-stats.ts')).registerConflictsStats
}

export async function registerConflicts(memory: Command, registration: Registration): Promise<void> {
  const conflicts = memory.command('conflicts').description('See and settle memories whose versions differ')
  await registerCommands(conflicts, registration, [{ commands: COMMANDS }])
}
