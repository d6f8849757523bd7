import type { ConflictStats, ConflictThresholdEvent, DeviceLabel, Notice, RowCheck } from '@cis-memory/core'
import type { PeerInfo } from './contract.ts'

/** What the process that has the store open can say of its health. It has changed nothing and asked nobody. */
export interface DoctorReport {
  /** The scope that conflicts and curated memories were looked at in. */
  readonly scope: string
  readonly rows: RowCheck
  /** Members whose latest write is dated later than the clock here says it is, and by how much. */
  readonly clocksAhead: readonly (DeviceLabel & { readonly aheadMs: number })[]
  /** Entries that arrived and cannot be judged yet. */
  readonly held: number
  /** What a person should know of this copy of the space: see `Memory.getNotices`. */
  readonly notices: readonly Notice[]
  readonly peers: readonly PeerInfo[]
  readonly conflicts: ConflictStats
  /** Thresholds of the configuration that are reached. */
  readonly thresholds: readonly ConflictThresholdEvent[]
  /** Curated memories whose sources say something else by now; `limit` are that many or more. */
  readonly stale: { readonly count: number; readonly limit: number }
  readonly model: {
    readonly isConfigured: boolean
    /** Whether a policy has it asked as conflicts come. */
    readonly isAskedByPolicy: boolean
    /** The last merge by policy that it failed on, since this process has begun. */
    readonly lastFailure: MergeFailure | undefined
  }
}

/** That a model was to merge a conflict and did not. */
export interface MergeFailure {
  readonly path: string
  /** An error code. */
  readonly code: string
  /** In milliseconds since 1970. */
  readonly at: number
}
