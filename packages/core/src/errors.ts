/** Failures of memory operations that a caller may act on. `docs/reference/errors.md` lists cause and remedy. */
export type CoreErrorCode =
  | 'CORE_AUDIT_DAMAGED'
  | 'CORE_BAD_KEY'
  | 'CORE_BAD_PATH'
  | 'CORE_BAD_VALUE'
  | 'CORE_BAD_OPTION'
  | 'CORE_VALUE_TOO_LARGE'
  | 'CORE_DOC_TOO_LARGE'
  | 'CORE_NOT_A_DOCUMENT'
  | 'CORE_CLOCK_AHEAD'
  | 'CORE_CLOSED'
  | 'CORE_MALFORMED'
  | 'CORE_NO_SPACE'
  | 'CORE_SPACE_EXISTS'
  | 'CORE_NOT_ADMIN'
  | 'CORE_NOT_FOUND'
  | 'CORE_CONFLICT_NOT_FOUND'
  | 'CORE_AMBIGUOUS_CHOICE'
  | 'CORE_PROPOSAL_NOT_FOUND'
  | 'CORE_TOO_MANY_VERSIONS'
  | 'CORE_INVITATION_INVALID'
  | 'CORE_INVITATION_EXPIRED'
  | 'CORE_INVITATION_USED'

/** A memory operation that was refused. Nothing was written. */
export class CoreError extends Error {
  override readonly name: string = 'CoreError'
  readonly code: CoreErrorCode | 'CORE_STALE_BASE' | 'CORE_STALE_CONFLICT' | 'CORE_CONTESTED'

  constructor(code: CoreError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * A write whose author had not seen what is live now. Nothing was written: read the path again, decide, and
 * write with what was read as the base.
 */
export class StaleBaseError extends CoreError {
  override readonly name = 'StaleBaseError'
  /** Where, as the caller named it. Not part of the message: messages reach logs. */
  readonly path: string
  /** Ids of the versions that are live now. */
  readonly liveIds: readonly string[]

  constructor(path: string, liveIds: readonly string[]) {
    super(
      'CORE_STALE_BASE',
      'this memory has changed since it was last read here; nothing was written. Read it again, then write'
    )
    this.path = path
    this.liveIds = liveIds
  }
}

/** A write to, or a use of, a memory whose versions differ. Nothing was written: settle the conflict first. */
export class ContestedError extends CoreError {
  override readonly name = 'ContestedError'
  readonly path: string
  readonly conflictId: string

  constructor(path: string, conflictId: string) {
    super(
      'CORE_CONTESTED',
      `several versions of this memory exist; nothing was written. Settle conflict ${conflictId} first`
    )
    this.path = path
    this.conflictId = conflictId
  }
}

/** A resolution of a conflict that has changed since it was shown. Nothing was written: look at it again. */
export class StaleConflictError extends CoreError {
  override readonly name = 'StaleConflictError'
  readonly path: string
  /** The conflict at this path now, or `undefined` when it is settled. */
  readonly currentId: string | undefined

  constructor(path: string, currentId: string | undefined) {
    super(
      'CORE_STALE_CONFLICT',
      'this conflict has changed since it was shown; nothing was written. Look at it again, then decide'
    )
    this.path = path
    this.currentId = currentId
  }
}

/** Why a sync session, a message or a peer was refused. */
export type SyncErrorCode =
  | 'SYNC_DISCONNECTED'
  | 'SYNC_TIMEOUT'
  | 'SYNC_FRAME_TOO_LARGE'
  | 'SYNC_MALFORMED'
  | 'SYNC_UNEXPECTED_MESSAGE'
  | 'SYNC_VERSION'
  | 'SYNC_WRONG_SPACE'
  | 'SYNC_NOT_A_MEMBER'
  | 'SYNC_NOT_SHARED'
  | 'SYNC_BAD_PROOF'
  | 'SYNC_LIMIT'
  | 'SYNC_REFUSED'

/** A sync that ended early. Whole pages that had arrived are kept; the next sync goes on from there. */
export class SyncError extends Error {
  override readonly name = 'SyncError'
  readonly code: SyncErrorCode

  constructor(code: SyncErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Throws unless a promise the code makes to itself holds. A failure is a bug in cis, not in its use. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`cis broke a promise to itself: ${message}`)
}
