import type { Path } from '../entry/path.ts'
import { StaleBaseError } from '../errors.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'

/** @throws {StaleBaseError} unless exactly that is live which was when somebody decided to replace it */
export function checkUnchanged(
  path: Path,
  shown: readonly OpenedEntry[],
  live: readonly OpenedEntry[]
): void {
  const isSame =
    live.length === shown.length && live.every((entry, at) => entry.entryId === shown[at]?.entryId)
  if (isSame) return
  throw new StaleBaseError(
    path,
    live.map((entry) => entry.entryId)
  )
}
