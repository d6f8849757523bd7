import { CliError, codeOf } from './errors.ts'
import { type ExitCode, exitCodeOf } from './exit-codes.ts'
import { quote } from './invocation.ts'
import { printableLine, printableText } from './render/terminal-text.ts'

/** A failure as people and scripts are told it. */
export interface Explanation {
  readonly code: string
  readonly message: string
  /** What was kept safe, where the message does not say it. */
  readonly kept: string | undefined
  /** Commands to go on with, without the `cis` in front. */
  readonly next: readonly string[]
  readonly exitCode: ExitCode
}

/** Facts that errors carry as fields, whichever package they come from. */
interface Facts {
  readonly path?: unknown
  readonly conflictId?: unknown
  readonly currentId?: unknown
  readonly notifications?: unknown
}

interface Advice {
  readonly kept?: string
  readonly next?: (facts: Facts) => readonly string[]
}

const ON_DISK = 'Everything that was on this device is as it was.'
const BOTH_KEPT = 'Every version is kept.'
const RESUMES = 'What had arrived is kept; the next sync goes on from there.'

/** What to say beside an error's own message. */
const ADVICE: Readonly<Record<string, Advice>> = {
  CIS_HOME_NOT_FOUND: { next: () => ['init --space NAME', 'join TOKEN'] },
  CIS_HOME_EXISTS: { next: () => ['status'] },
  CIS_NO_PEER_REACHED: { kept: ON_DISK, next: () => ['peers list', 'invite'] },
  CIS_PEER_NOT_FOUND: { next: () => ['peers list'] },
  CIS_CONNECTION_LOST: { next: () => ['status'] },
  CORE_CONTESTED: {
    kept: BOTH_KEPT,
    next: ({ conflictId }) => [`memory conflicts show ${argument(conflictId, 'ID')}`]
  },
  CORE_STALE_BASE: {
    kept: BOTH_KEPT,
    next: ({ path }) => [`memory get ${argument(path, 'KEY')}`, `memory history ${argument(path, 'KEY')}`]
  },
  CORE_STALE_CONFLICT: {
    kept: BOTH_KEPT,
    next: ({ currentId, path }) =>
      typeof currentId === 'string'
        ? [`memory conflicts show ${currentId}`]
        : [`memory get ${argument(path, 'KEY')}`, 'memory conflicts list']
  },
  CORE_NOT_FOUND: { next: () => ['memory list'] },
  CORE_CONFLICT_NOT_FOUND: { kept: BOTH_KEPT, next: () => ['memory conflicts list'] },
  GUARD_CONFLICT_PENDING: {
    kept: BOTH_KEPT,
    next: ({ notifications }) => [settling(notifications)]
  },
  CORE_AUDIT_DAMAGED: { kept: ON_DISK, next: () => ['audit verify'] },
  GUARD_AUDIT_FAILED: { next: () => ['audit verify', 'status'] },
  GUARD_NOT_FRESH: { kept: ON_DISK, next: () => ['peers list', 'memory sync'] },
  SYNC_DISCONNECTED: { kept: RESUMES, next: () => ['memory sync'] },
  SYNC_TIMEOUT: { kept: RESUMES, next: () => ['memory sync'] },
  STORE_WRONG_KEY: { kept: ON_DISK },
  STORE_LOCKED: { kept: ON_DISK }
}

/** Turns whatever was thrown into what to tell. */
export function explain(error: unknown): Explanation {
  const code = codeOf(error) ?? 'CIS_UNEXPECTED'
  const advice = ADVICE[code]
  const message = error instanceof Error ? error.message : String(error)
  const facts = (typeof error === 'object' && error !== null ? error : {}) as Facts
  return {
    code,
    message: printableText(code === 'GUARD_CONFLICT_PENDING' ? refusalOf(message) : message),
    kept: advice?.kept,
    next: error instanceof CliError ? error.next : (advice?.next?.(facts) ?? []),
    exitCode: exitCodeOf(code)
  }
}

/**
 * What a guard's refusal says, without its last line: that is a command, and only this program knows its own name and
 * which home it is about.
 */
export function refusalOf(message: string): string {
  return message.replace(/\ncis [^\n]*$/, '')
}

/** The command that settles the first of a refusal's conflicts. */
export function settling(notifications: unknown): string {
  const [first] = Array.isArray(notifications) ? (notifications as { readonly id?: unknown }[]) : []
  return `memory conflicts resolve ${argument(first?.id, 'ID')}`
}

function argument(fact: unknown, placeholder: string): string {
  return typeof fact === 'string' ? quote(printableLine(fact)) : placeholder
}
