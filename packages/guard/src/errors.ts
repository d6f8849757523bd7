import type { ConflictNotification } from './notifications.ts'

/** What the guard can fail with. Branch on it; messages are for people and may change. */
export type GuardErrorCode =
  | 'GUARD_CONFLICT_PENDING'
  | 'GUARD_NOT_FRESH'
  | 'GUARD_UNCHECKED_CONTEXT'
  | 'GUARD_ENFORCEMENT_REQUIRED'
  | 'GUARD_CONTEXT_CLOSED'
  | 'GUARD_CONTEXT_EXPIRED'
  | 'GUARD_WRONG_AGENT'
  | 'GUARD_AUDIT_FAILED'
  | 'GUARD_NO_AUDIT'
  | 'GUARD_CLOSED'

/**
 * Something the user of a guard can act on; {@link GuardErrorCode} says what. Nothing was delivered, and nothing was
 * written unless the message says so.
 */
export class GuardError extends Error {
  override readonly name: string = 'GuardError'
  readonly code: GuardErrorCode

  constructor(code: GuardErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Memory in the scope is contested, so no agent is given any of the scope. Settle every notification, then check
 * again. Neither the message nor the notifications contain what a memory says, so an agent may see this error.
 */
export class ConflictPendingError extends GuardError {
  override readonly name = 'ConflictPendingError'
  declare readonly code: 'GUARD_CONFLICT_PENDING'
  /** The scope that was checked, as an absolute path. */
  readonly scope: string
  /** What is contested in it, at least one. */
  readonly notifications: readonly ConflictNotification[]

  constructor(scope: string, notifications: readonly ConflictNotification[], options?: ErrorOptions) {
    const count = notifications.length
    super(
      'GUARD_CONFLICT_PENDING',
      `${count === 1 ? 'a conflict in this scope is' : `${count} conflicts in this scope are`} not settled, so no ` +
        'memory of it is given to agents; settle each, then check again. ' +
        '`cis memory conflicts list` shows them; start with:\n' +
        `cis memory conflicts resolve ${notifications[0]?.id}`,
      options
    )
    this.scope = scope
    this.notifications = notifications
  }
}
