/** What the command itself can fail with, beside the codes of what it calls. */
export type CliErrorCode =
  | 'CLI_USAGE'
  | 'CLI_NOTHING_THERE'
  | 'CLI_UNREADABLE_FILE'
  | 'CLI_EDIT_FAILED'
  | 'CLI_CANNOT_MERGE'
  | 'CLI_AUDIT_BROKEN'
  | 'CLI_DEMO_FAILED'

export interface CliErrorOptions extends ErrorOptions {
  /** Commands to try next, without the `cis` in front. */
  readonly next?: readonly string[]
}

/** A failure the command reports in its own words. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode
  readonly next: readonly string[]

  constructor(code: CliErrorCode, message: string, options: CliErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.next = options.next ?? []
  }
}

/** A mistake in how the command was called. Nothing was done. */
export function usageError(message: string, ...next: readonly string[]): CliError {
  return new CliError('CLI_USAGE', message, { next })
}

/** The `code` of whatever was thrown. Two copies of a package may be loaded, so classes are not compared. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : undefined
}
