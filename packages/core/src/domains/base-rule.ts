import { conflictId, conflictKind } from '../conflict/detect.ts'
import type { Path } from '../entry/path.ts'
import { ContestedError, StaleBaseError } from '../errors.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'
import type { EntryId } from '../versions.ts'

/** What a writer has seen, and how sure it is of it. */
export interface Base {
  readonly ids: readonly EntryId[]
  /** Whether the caller named it. A remembered read never settles a conflict. */
  readonly isExplicit: boolean
  /** Replace a value unseen. */
  readonly overwrite: boolean
}

/**
 * Lets a write through only when its writer has seen exactly what is live. Nothing that was deleted or never there
 * can be lost, so a writer that has seen nothing may write where nothing is.
 *
 * @returns whether it replaces a value unseen, as its writer asked
 * @throws {StaleBaseError} `CORE_STALE_BASE`
 * @throws {ContestedError} `CORE_CONTESTED`
 */
export function checkBase(
  path: Path,
  token: Uint8Array,
  live: readonly OpenedEntry[],
  isAbsent: boolean,
  base: Base
): boolean {
  const isSeen = base.ids.length === live.length && live.every((entry) => base.ids.includes(entry.entryId))
  if (conflictKind(live) !== undefined) {
    if (isSeen && base.isExplicit) return false
    throw new ContestedError(path, conflictId(token, live))
  }
  if (isSeen || (isAbsent && base.ids.length === 0)) return false
  if (base.overwrite) return !isAbsent
  throw new StaleBaseError(
    path,
    live.map((entry) => entry.entryId)
  )
}
