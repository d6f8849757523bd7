import type { Command } from 'commander'
import type { Registration } from '../action.ts'
import { registerConflictsList } from './conflicts-list.ts'
import { registerConflictsResolve } from './conflicts-resolve.ts'
import { registerConflictsResolveAll } from './conflicts-resolve-all.ts'
import { registerConflictsShow } from './conflicts-show.ts'
import { registerConflictsUndo } from './conflicts-undo.ts'

export function registerConflicts(memory: Command, registration: Registration): void {
  const conflicts = memory.command('conflicts').description('See and settle memories whose versions differ')
  registerConflictsList(conflicts, registration)
  registerConflictsShow(conflicts, registration)
  registerConflictsResolve(conflicts, registration)
  registerConflictsResolveAll(conflicts, registration)
  registerConflictsUndo(conflicts, registration)
}
