import { ContestedError, StaleBaseError } from '../errors.ts'
import { conflictOf } from '../replica/view.ts'
import type { EntryId, Read } from '../versions.ts'

/** What a writer has seen, and how sure it is of it. */
export interface Base {
  readonly ids: readonly EntryId[]
  /**
   * Whether it may settle a conflict: the caller named it, or it is what a policy made of the versions. A conflict
   * that was merely read before never does.
   */
  readonly settles: boolean
  /** Replace a value unseen. Never applies where versions differ, whatever a policy makes of them. */
  readonly overwrite: boolean
}

/**
 * Lets a write through only when its writer has seen exactly what is live. Nothing that was deleted or never there
 * can be lost, so a writer that has seen nothing may write where nothing is.
 *
 * @param read what is there now
 * @returns whether it replaces a value unseen, as its writer asked
 * @throws {StaleBaseError} `CORE_STALE_BASE`
 * @throws {ContestedError} `CORE_CONTESTED`
 */
export function checkBase(read: Read, base: Base): boolean {
  const { path, base: live } = read
  const isSeen = base.ids.length === live.length && live.every((id) => base.ids.includes(id))
  if (conflictOf(read) !== undefined) {
    if (isSeen && base.settles) return false
    if (read.state === 'conflict') throw new ContestedError(path, read.conflict.id)
    throw new StaleBaseError(path, live)
  }
  const isAbsent = read.state === 'absent'
  if (isSeen || (isAbsent && base.ids.length === 0)) return false
  if (base.overwrite) return !isAbsent
  throw new StaleBaseError(path, live)
}
