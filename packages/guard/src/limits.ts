/*
 * Bounds of what one agent is given, each with its reason.
 */

/** Memories in a context unless the request says otherwise: more than fits a prompt is rarely what was meant. */
export const DEFAULT_CONTEXT_MEMORIES: number = 256
/** Memories in one context at most: a context is held in memory as a whole, each up to the size of a value. */
export const MAX_CONTEXT_MEMORIES: number = 4096
/** What a query adds unless the request says otherwise; the same as a search. */
export const DEFAULT_QUERY_MEMORIES: number = 20
/** Keys or prefixes in one selection. */
export const MAX_SELECTED_PATHS: number = 4096
