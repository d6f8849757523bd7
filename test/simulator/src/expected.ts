/** What an owner or an agent may be told in a world where things fail. */
const EXPECTED = new Set([
  'CORE_STALE_BASE',
  'CORE_CONTESTED',
  'CORE_CLOCK_AHEAD',
  'CORE_CLOSED',
  'CORE_CONFLICT_NOT_FOUND',
  'CORE_STALE_CONFLICT',
  'CORE_AMBIGUOUS_CHOICE',
  'CORE_NOT_FOUND',
  'CORE_TOO_MANY_VERSIONS',
  'STORE_CLOSED',
  'STORE_WRITE_FAILED',
  'GUARD_CONFLICT_PENDING',
  'GUARD_CONTEXT_CLOSED',
  'GUARD_CLOSED',
  'GUARD_AUDIT_FAILED'
])

/** How sessions between honest members may end: by the network's fault, or because one end has trouble of its own. */
const EXPECTED_OF_SESSIONS = new Set([
  'SYNC_DISCONNECTED',
  'SYNC_TIMEOUT',
  'SYNC_REFUSED',
  'SYNC_NOT_SHARED',
  'CORE_CLOSED',
  'STORE_CLOSED',
  'STORE_WRITE_FAILED'
])

export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

export function isExpected(error: unknown): boolean {
  return EXPECTED.has(codeOf(error) ?? '')
}

export function isExpectedOfSession(error: unknown): boolean {
  return EXPECTED_OF_SESSIONS.has(codeOf(error) ?? '')
}

/** Whether a write failed in a way after which its store has to be opened again. */
export function needsReopening(error: unknown): boolean {
  return ['CORE_CLOSED', 'STORE_WRITE_FAILED', 'GUARD_AUDIT_FAILED'].includes(codeOf(error) ?? '')
}
