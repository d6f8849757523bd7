import { invariant } from '../errors.ts'

type Yjs = typeof import('yjs')

/** Loading it is a fifth of what reading one memory from the shell takes, and few memories are documents. */
let yjs: Yjs | undefined

/**
 * Whether bytes are a Yjs state. A member may sign anything; what Yjs cannot take in would break every reader. Loads
 * Yjs when it is the first to be asked.
 */
export async function isDocumentState(bytes: Uint8Array): Promise<boolean> {
  yjs ??= await import('yjs')
  try {
    yjs.applyUpdate(new yjs.Doc(), bytes)
    return true
  } catch {
    return false
  }
}

/**
 * One Yjs state that contains all of the given ones, each of which has been found to be one. The result does not
 * depend on their order as a document.
 */
export function mergeDocuments(states: readonly Uint8Array[]): Uint8Array {
  if (states.length === 1) return states[0] as Uint8Array
  invariant(yjs !== undefined, 'documents are merged after they were opened')
  return yjs.mergeUpdates([...states])
}
