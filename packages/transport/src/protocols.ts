/** Sync sessions, between members. */
export const SYNC_PROTOCOL = '/cis/sync/1'
/** Joining, open to devices that are no members yet while an invitation is open. */
export const JOIN_PROTOCOL = '/cis/join/1'
