import { ClockError } from '@cis-memory/clock'
import { CoreError, SyncError, type SyncErrorCode } from '../errors.ts'

/** What each end of a session means, to whoever reads it on either side. */
const REASONS: Readonly<Record<SyncErrorCode, string>> = {
  SYNC_DISCONNECTED: 'the connection ended before the sync did',
  SYNC_TIMEOUT: 'nothing was heard for too long',
  SYNC_FRAME_TOO_LARGE: 'a frame is over its limit',
  SYNC_MALFORMED: 'a message was not what it should be',
  SYNC_UNEXPECTED_MESSAGE: 'a message came that was not due, or brought what was not asked for',
  SYNC_VERSION: 'the two ends have no version of the protocol in common',
  SYNC_WRONG_SPACE: 'the two ends do not belong to the same space',
  SYNC_NOT_A_MEMBER: 'a device is not a member of the space',
  SYNC_NOT_SHARED: 'nothing of what was asked for is shared',
  SYNC_BAD_PROOF: 'something that was sent is not authentic',
  SYNC_LIMIT: 'a limit was exceeded',
  SYNC_REFUSED: 'the session was refused'
}

/** Why a session ended, by our own judgement or on the peer's word. Codes the peer invents count as a refusal. */
export function endingError(code: string, isPeersWord: boolean): SyncError {
  const known: SyncErrorCode = Object.hasOwn(REASONS, code) ? (code as SyncErrorCode) : 'SYNC_REFUSED'
  return new SyncError(known, isPeersWord ? `the peer ended the session: ${REASONS[known]}` : REASONS[known])
}

/**
 * What a session ends with when acting on a peer's message failed. Bytes that were not what they should be are the
 * peer's fault; whatever else is not a `SyncError` is ours, and is passed on as it is.
 */
export function endingCause(error: unknown): unknown {
  const isMalformed =
    error instanceof ClockError ||
    (error instanceof CoreError && (error.code === 'CORE_MALFORMED' || error.code === 'CORE_BAD_KEY'))
  return isMalformed ? new SyncError('SYNC_MALFORMED', REASONS.SYNC_MALFORMED, { cause: error }) : error
}

/** The code that a peer is told: our own troubles are none of its concern. */
export function codeFor(cause: unknown): SyncErrorCode {
  return cause instanceof SyncError ? cause.code : 'SYNC_REFUSED'
}
