/**
 * What this package can fail with, beside the codes of the packages below it. Branch on it; messages are for people
 * and may change.
 */
export type CisErrorCode =
  | 'CIS_AI_BAD_ANSWER'
  | 'CIS_AI_BAD_KEY'
  | 'CIS_AI_NOT_TEXT'
  | 'CIS_AI_REFUSED'
  | 'CIS_AI_SDK_MISSING'
  | 'CIS_AI_TIMEOUT'
  | 'CIS_AI_TOO_LARGE'
  | 'CIS_AI_UNREACHABLE'
  | 'CIS_BAD_ARGUMENT'
  | 'CIS_BAD_CONFIG'
  | 'CIS_BAD_SCOPE_FILE'
  | 'CIS_CONNECTION_LOST'
  | 'CIS_HOLDER_CLOSING'
  | 'CIS_HOME_EXISTS'
  | 'CIS_HOME_NOT_FOUND'
  | 'CIS_HOME_NOT_PRIVATE'
  | 'CIS_HOME_NOT_WRITABLE'
  | 'CIS_IMPORT_MALFORMED'
  | 'CIS_IMPORT_NOT_FOUND'
  | 'CIS_IMPORT_TOO_LARGE'
  | 'CIS_MESSAGE_TOO_LARGE'
  | 'CIS_NO_MODEL'
  | 'CIS_NO_PEER_REACHED'
  | 'CIS_NO_SCOPE'
  | 'CIS_NODE_OFF'
  | 'CIS_OUTSIDE_SESSION'
  | 'CIS_PEER_NOT_FOUND'
  | 'CIS_SESSION_CLOSED'
  | 'CIS_SOCKET_MALFORMED'
  | 'CIS_SOCKET_NOT_PRIVATE'
  | 'CIS_SOCKET_PATH_TOO_LONG'
  | 'CIS_SOCKET_TIMEOUT'
  | 'CIS_SOCKET_UNTRUSTED'
  | 'CIS_SOCKET_VERSION'
  | 'CIS_TOO_MANY_REQUESTS'
  | 'CIS_UNEXPECTED'

/** Something the user of this package can act on; {@link CisErrorCode} says what. */
export class CisError extends Error {
  override readonly name: string = 'CisError'
  readonly code: CisErrorCode

  constructor(code: CisErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** One thing that is wrong with a configuration file. */
export interface ConfigProblem {
  /** Counted from 1. */
  readonly line: number
  /** Dotted, or `undefined` when the file is not TOML at all. */
  readonly key: string | undefined
  readonly message: string
}

/** A configuration file that says something it may not. Nothing was started. */
export class ConfigError extends CisError {
  override readonly name = 'ConfigError'
  readonly file: string
  readonly problems: readonly ConfigProblem[]

  constructor(
    code: Extract<CisErrorCode, 'CIS_BAD_CONFIG' | 'CIS_BAD_SCOPE_FILE'>,
    file: string,
    problems: readonly ConfigProblem[]
  ) {
    super(code, problems.map(({ line, message }) => `${file}:${line}: ${message}`).join('\n'))
    this.file = file
    this.problems = problems
  }
}
