/*
 * The part of the operations that is about conflicts, named after the methods of a memory.
 */
import type {
  Authorship,
  Choice,
  Conflict,
  ConflictStats,
  MergeProposal,
  PolicyDecision,
  Resolution,
  SettledConflict,
  Version,
  Written
} from '@cis-memory/core'
import type { NoArguments } from './contract.ts'

export interface ConflictArguments {
  /** A conflict's id, or the path it is at. */
  readonly conflict: string
}

/** A conflict with what helps to decide about it. */
export interface ShownConflict {
  readonly conflict: Conflict
  /** The latest version that all of them come from, while history has it. */
  readonly ancestor: Version | undefined
  /** Who wrote each version at first, where an undo brought it back; in the order of the versions. */
  readonly origins: readonly (Authorship | undefined)[]
  /** The policy of this device that decides it, so that nobody has to. */
  readonly policy: PolicyDecision['mode'] | undefined
  /** The merge that was proposed for exactly these versions, unless it was refused. */
  readonly proposal: MergeProposal | undefined
  /** Whether a merge can be proposed here: `conflicts.propose`. */
  readonly canPropose: boolean
}

export interface ResolveArguments {
  /** The id that was shown. When the conflict is another by now: `CORE_STALE_CONFLICT`. */
  readonly id: string
  /**
   * Where it was shown. With it, a stale id is told from one that never was, and versions that nobody can open are
   * settled.
   */
  readonly path?: string | undefined
  readonly choice: Choice
  readonly agent?: string | undefined
}

export interface UndoArguments {
  /** The id of a conflict that was settled, or the path of any memory. */
  readonly conflict: string
  readonly agent?: string | undefined
}

export interface SettledArguments {
  /** Leaves out what was settled before this, in milliseconds since 1970. @default all that is still recorded */
  readonly since?: number | undefined
}

export interface StatsArguments extends SettledArguments {
  /** Only what lies at or below this path. @default everything in scope */
  readonly prefix?: string | undefined
}

export interface ProposalArguments {
  readonly id: string
}

/** Operations on conflicts that answer once. */
export interface ConflictCalls {
  /** `CORE_CONFLICT_NOT_FOUND` when there is none. */
  'conflicts.show': { arguments: ConflictArguments; result: ShownConflict }
  'conflicts.resolve': { arguments: ResolveArguments; result: Resolution }
  /** Conflicts that are open in the session's scope. */
  'conflicts.count': { arguments: NoArguments; result: number }
  /**
   * Brings back what the last write at a path replaced. By the id of a conflict, only while the write that settled it is
   * that last one: `CORE_STALE_BASE` otherwise.
   */
  'conflicts.undo': { arguments: UndoArguments; result: Written }
  'conflicts.stats': { arguments: StatsArguments; result: ConflictStats }
  /** Has a conflict merged and keeps what comes out as a proposal. `CIS_NO_MODEL` when nothing here merges. */
  'conflicts.propose': { arguments: ProposalArguments; result: MergeProposal }
  'conflicts.refuse': { arguments: ProposalArguments; result: undefined }
}

/** Operations on conflicts that give items until they end. */
export interface ConflictStreams {
  'conflicts.list': { arguments: NoArguments; item: Conflict }
  /** What policies decide now, then what was ended, latest first. */
  'conflicts.settled': { arguments: SettledArguments; item: SettledConflict }
}
