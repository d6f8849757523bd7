import type { ConflictMode, ConflictSettings } from '@cis-memory/core'
import * as v from 'valibot'
import { given } from '../given.ts'
import { MAX_NOTIFY_ARGUMENTS, MAX_PATTERN_CHARACTERS, MAX_POLICIES } from '../limits.ts'
import { scope, text, wholeNumber } from '../validation.ts'

/** `[memory.conflict]` as it stands in the file. */
export interface ConflictSection {
  readonly mode?: ConflictMode | undefined
  readonly auto?: boolean | undefined
  readonly conflict_window_secs?: number | undefined
  readonly conflict_retention_days?: number | undefined
  readonly notify?: readonly string[] | undefined
  readonly alert_open?: number | undefined
  readonly alert_per_day?: number | undefined
}

/** One `[[memory.policy]]`. */
export interface PolicySection {
  readonly scope?: string | undefined
  readonly pattern?: string | undefined
  readonly resolution: ConflictMode
  readonly auto?: boolean | undefined
}

const SECOND_MS = 1000
export const DAY_MS: number = 24 * 60 * 60 * 1000

const mode = v.picklist(['manual', 'auto_lww', 'keep_all', 'ai_merge'])
const COMMAND = 'must be a program with its arguments, such as ["notify-send", "cis"]'

const AUTO = 'goes with "ai_merge" alone'

const conflictKeys = v.strictObject({
  mode: v.optional(mode),
  auto: v.optional(v.boolean()),
  conflict_window_secs: v.optional(wholeNumber(0)),
  conflict_retention_days: v.optional(wholeNumber(1)),
  notify: v.optional(
    v.pipe(
      v.array(v.pipe(text, v.regex(/^[^\0]*$/u, COMMAND)), COMMAND),
      v.minLength(1, COMMAND),
      v.maxLength(MAX_NOTIFY_ARGUMENTS, `must have at most ${MAX_NOTIFY_ARGUMENTS} parts`)
    )
  ),
  alert_open: v.optional(wholeNumber(1)),
  alert_per_day: v.optional(wholeNumber(1))
})

export const conflictSection: v.GenericSchema<ConflictSection> = v.pipe(
  conflictKeys,
  v.forward(
    v.check(({ mode, auto }) => auto !== true || mode === 'ai_merge', AUTO),
    ['auto']
  )
)

const policyKeys = v.strictObject({
  scope: v.optional(scope),
  pattern: v.optional(
    v.pipe(
      text,
      v.maxLength(MAX_PATTERN_CHARACTERS, `must have at most ${MAX_PATTERN_CHARACTERS} characters`)
    )
  ),
  resolution: mode,
  auto: v.optional(v.boolean())
})

const policySection: v.GenericSchema<PolicySection> = v.pipe(
  policyKeys,
  v.forward(
    v.check(({ resolution, auto }) => auto !== true || resolution === 'ai_merge', AUTO),
    ['auto']
  )
)

export const policySections: v.GenericSchema<readonly PolicySection[]> = v.pipe(
  v.array(policySection),
  v.maxLength(MAX_POLICIES, `must be at most ${MAX_POLICIES} policies`)
)

/** What the file says, as memory is given it. */
export function conflictSettings(
  section: ConflictSection = {},
  policies: readonly PolicySection[] = []
): ConflictSettings {
  const { conflict_window_secs: windowSecs, conflict_retention_days: retentionDays } = section
  return given({
    mode: section.mode,
    auto: section.auto,
    policies: policies.map((policy) => ({
      mode: policy.resolution,
      ...given({ auto: policy.auto, scope: policy.scope, pattern: policy.pattern })
    })),
    windowMs: windowSecs === undefined ? undefined : windowSecs * SECOND_MS,
    retentionMs: retentionDays === undefined ? undefined : retentionDays * DAY_MS,
    alertOpen: section.alert_open,
    alertPerDay: section.alert_per_day
  })
}
