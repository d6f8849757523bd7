import { CoreError } from '../errors.ts'
import { DEFAULT_HISTORY_DAYS, DEFAULT_HISTORY_VERSIONS, MIN_HISTORY_DAYS } from '../limits.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** What `cleanHistory` leaves. Nothing is cleaned unless somebody asks for it. */
export interface HistorySettings {
  /** Days for which every version stays after it was replaced. At least 30. @default 90 */
  readonly keepDays?: number
  /** So many replaced versions of each memory stay, however old. @default 10 */
  readonly keepVersions?: number
}

/** Settings that were checked. */
export interface Retention {
  readonly keepMs: number
  readonly keepVersions: number
}

/** @throws {CoreError} `CORE_BAD_OPTION` */
export function retentionOf(settings: HistorySettings): Retention {
  const { keepDays = DEFAULT_HISTORY_DAYS, keepVersions = DEFAULT_HISTORY_VERSIONS } = settings
  if (!Number.isSafeInteger(keepDays) || keepDays < MIN_HISTORY_DAYS) {
    throw new CoreError(
      'CORE_BAD_OPTION',
      `history.keepDays is a whole number of days, at least ${MIN_HISTORY_DAYS}; nothing was opened`
    )
  }
  if (!Number.isSafeInteger(keepVersions) || keepVersions < 0) {
    throw new CoreError('CORE_BAD_OPTION', 'history.keepVersions is a whole number; nothing was opened')
  }
  return { keepMs: keepDays * DAY_MS, keepVersions }
}
