import type { AuditHead, AuditKind, EntryId, Version } from '@cis-memory/core'

/** Which records of the audit log. */
export interface AuditListArguments {
  readonly agent?: string | undefined
  readonly kind?: AuditKind | undefined
  /** Only records about this memory. @default all in scope */
  readonly path?: string | undefined
  /** Milliseconds since 1970: records of then or later. */
  readonly since?: number | undefined
}

export interface AuditVerifyArguments {
  /** A head that was noted elsewhere, and that the log must still have. */
  readonly noted?: AuditHead | undefined
}

/**
 * What a write did, as far as the history here shows it. What was replaced before it came to this device is not there.
 *
 * - `resolution`: it replaced several versions that differed.
 * - `undo`: it says again what the version it replaced had replaced; only an undo brings several values back.
 * - `restore`: it says again what an earlier version said.
 * - `deletion`, `write`: everything else.
 */
export type WhyAct = 'write' | 'deletion' | 'resolution' | 'undo' | 'restore'

/** That an agent was given a version here. */
export interface GivenTo {
  /** `undefined` when it gave no name. */
  readonly agent: string | undefined
  readonly times: number
  /** Milliseconds since 1970. */
  readonly firstAt: number
  readonly lastAt: number
}

/** One write of a memory: what it says, what its writer had seen, and which agents were given it here. */
export interface WhyItem {
  readonly entryId: EntryId
  /** Several only when an undo brought them back. `parents` of each are what the writer had seen and replaced. */
  readonly versions: readonly Version[]
  readonly isLive: boolean
  readonly act: WhyAct
  /** Latest first. */
  readonly given: readonly GivenTo[]
  /** The number of the audit record of this write, when an agent wrote it here through a context. */
  readonly recordedAs: number | undefined
}
