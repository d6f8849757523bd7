/** What the command says to whoever started it. Scripts branch on it, so a meaning never changes. */
export const EXIT = {
  done: 0,
  failure: 1,
  usage: 2,
  /** Contested memory: settle it, then go on. */
  contested: 3,
  noPeer: 4,
  /** Locked, or the key does not fit. */
  locked: 5,
  /** Changed since it was shown. */
  stale: 6,
  /** 128 and the number of SIGINT, as shells say it. */
  interrupted: 130
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Error codes that have an exit code of their own. Every other one is a failure. */
const BY_ERROR: Readonly<Record<string, ExitCode>> = {
  CLI_USAGE: EXIT.usage,
  CIS_BAD_ARGUMENT: EXIT.usage,
  CIS_NO_SCOPE: EXIT.usage,
  CIS_OUTSIDE_SESSION: EXIT.usage,
  CORE_AMBIGUOUS_CHOICE: EXIT.usage,
  CORE_BAD_OPTION: EXIT.usage,
  CORE_BAD_PATH: EXIT.usage,
  CORE_BAD_VALUE: EXIT.usage,
  CORE_VALUE_TOO_LARGE: EXIT.usage,
  TRANSPORT_BAD_ADDRESS: EXIT.usage,

  CLI_CANNOT_MERGE: EXIT.contested,
  CORE_CONTESTED: EXIT.contested,
  GUARD_CONFLICT_PENDING: EXIT.contested,

  CIS_NO_PEER_REACHED: EXIT.noPeer,
  TRANSPORT_UNREACHABLE: EXIT.noPeer,

  STORE_LOCKED: EXIT.locked,
  STORE_WRONG_KEY: EXIT.locked,
  STORE_KEY_FILE_DAMAGED: EXIT.locked,
  STORE_KEY_FILE_MISSING: EXIT.locked,
  STORE_KEY_FILE_OPEN: EXIT.locked,
  CORE_BAD_KEY: EXIT.locked,

  CORE_STALE_BASE: EXIT.stale,
  CORE_STALE_CONFLICT: EXIT.stale
}

/** The exit code of a failure with this error code. */
export function exitCodeOf(errorCode: string | undefined): ExitCode {
  return (errorCode === undefined ? undefined : BY_ERROR[errorCode]) ?? EXIT.failure
}
