import { type AuditMemory, ContestedError, type Memory } from '@cis-memory/core'
import { type AuditEvent, type AuditRecorder, recorderOf } from '@cis-memory/core/audit'
import { ConflictPendingError, GuardError } from './errors.ts'
import { idsOf } from './notifications.ts'

/** What a refusal is about. */
export interface Refused {
  readonly agent: string | undefined
  readonly scope: string
  /** The caller's: what it aborts with is no refusal of the guard. */
  readonly signal: AbortSignal | undefined
  /** The record that is taken back, and what it was about. */
  readonly of?: number | undefined
  readonly memories?: readonly AuditMemory[] | undefined
}

/** Longer codes than ours come from elsewhere. */
const CODE = /^[A-Z][A-Z0-9_]{1,63}$/

/**
 * Puts on record what a guard does. Whoever waits for a record has nothing in hand yet: what cannot be recorded does
 * not happen.
 */
export class GuardAudit {
  readonly #recorder: AuditRecorder

  static {
    Object.freeze(GuardAudit.prototype)
    Object.freeze(GuardAudit)
  }

  /** @throws {GuardError} `GUARD_NO_AUDIT` */
  constructor(memory: Memory) {
    const recorder = recorderOf(memory.audit)
    if (recorder === undefined) {
      throw new GuardError(
        'GUARD_NO_AUDIT',
        'this memory has no audit log that this guard can add to, because another copy of cis opened it; no guard was ' +
          'made. Install one copy, or make the guard with the copy that opened the memory'
      )
    }
    this.#recorder = recorder
  }

  /**
   * Resolves to the number of the record once it is on disk.
   *
   * @param kept what has happened all the same when it fails
   * @throws {GuardError} `GUARD_AUDIT_FAILED`
   */
  async record(event: AuditEvent, kept: string = 'nothing was delivered or written'): Promise<number> {
    try {
      return await this.#recorder.record(event)
    } catch (cause) {
      throw new GuardError(
        'GUARD_AUDIT_FAILED',
        `this could not be put on record, and ${kept}. Check the disk and \`cis audit verify\`, open the memory ` +
          'again, and ask again',
        { cause }
      )
    }
  }

  /** Puts on record why something was refused, and fails with it. */
  async refuse(error: unknown, { agent, scope, signal, of, memories }: Refused): Promise<never> {
    const code = signal?.aborted && error === signal.reason ? 'ABORTED' : codeOf(error)
    await this.record({ kind: 'refusal', agent, scope, conflicts: conflictsOf(error), code, of, memories })
    throw error
  }
}

function codeOf(error: unknown): string {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && CODE.test(code) ? code : 'UNEXPECTED'
}

function conflictsOf(error: unknown): readonly string[] {
  if (error instanceof ConflictPendingError) return idsOf(error.notifications)
  return error instanceof ContestedError ? [error.conflictId] : []
}
