/** What went wrong while decoding or checking causal metadata. */
export type ClockErrorCode = 'CLOCK_MALFORMED' | 'CLOCK_LIMIT'

/**
 * Causal metadata that is not in its one canonical form (`CLOCK_MALFORMED`) or larger than its limit
 * (`CLOCK_LIMIT`). Nothing was applied; whoever sent the bytes is at fault.
 */
export class ClockError extends Error {
  override readonly name = 'ClockError'
  readonly code: ClockErrorCode

  constructor(code: ClockErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
