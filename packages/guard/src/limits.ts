/*
 * Bounds of what one agent is given, each with its reason.
 */

/** Memories in a context unless the request says otherwise: more than fits a prompt is rarely what was meant. */
export const DEFAULT_CONTEXT_MEMORIES: number = 256
/** Memories in one context at most. */
export const MAX_CONTEXT_MEMORIES: number = 4096
/** What the values of one context may come to, since a context is held whole and peers choose how long values are. */
export const MAX_CONTEXT_BYTES: number = 64 * 1024 * 1024
/** What a query adds unless the request says otherwise; the same as a search. */
export const DEFAULT_QUERY_MEMORIES: number = 20
/** Keys or prefixes in one selection. */
export const MAX_SELECTED_PATHS: number = 4096
/** An agent's name: as much as a label of a memory, which it becomes. */
export const MAX_AGENT_NAME_BYTES: number = 255
