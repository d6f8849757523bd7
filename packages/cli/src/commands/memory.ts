import type { Command } from 'commander'
import type { Registration } from '../action.ts'
import { registerBroadcast } from './memory-broadcast.ts'
import { registerConflicts } from './memory-conflicts.ts'
import { registerDelete } from './memory-delete.ts'
import { registerGet } from './memory-get.ts'
import { registerHistory } from './memory-history.ts'
import { registerImport } from './memory-import.ts'
import { registerList } from './memory-list.ts'
import { registerSearch } from './memory-search.ts'
import { registerSet } from './memory-set.ts'
import { registerSync } from './memory-sync.ts'

export function registerMemory(program: Command, registration: Registration): void {
  const memory = program.command('memory').description('Read, write, sync and settle memories')
  registerSet(memory, registration)
  registerGet(memory, registration)
  registerList(memory, registration)
  registerSearch(memory, registration)
  registerDelete(memory, registration)
  registerHistory(memory, registration)
  registerImport(memory, registration)
  registerConflicts(memory, registration)
  registerSync(memory, registration)
  registerBroadcast(memory, registration)
}
