import { mergeUpdates } from 'yjs'

/** One Yjs state that contains all of the given ones. The result does not depend on their order as a document. */
export function mergeDocuments(states: readonly Uint8Array[]): Uint8Array {
  return states.length === 1 ? (states[0] as Uint8Array) : mergeUpdates([...states])
}
