import { applyUpdate, Doc, mergeUpdates } from 'yjs'

/** Whether bytes are a Yjs state. A member may sign anything; what Yjs cannot take in would break every reader. */
export function isDocumentState(bytes: Uint8Array): boolean {
  try {
    applyUpdate(new Doc(), bytes)
    return true
  } catch {
    return false
  }
}

/** One Yjs state that contains all of the given ones. The result does not depend on their order as a document. */
export function mergeDocuments(states: readonly Uint8Array[]): Uint8Array {
  return states.length === 1 ? (states[0] as Uint8Array) : mergeUpdates([...states])
}
