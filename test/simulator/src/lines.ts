import { applyUpdate, Doc } from 'yjs'

/** Where edits go in a document. */
export const LINES = 'lines'

/** The lines of a document in a state. */
export function linesOf(state: Uint8Array): Set<string> {
  const doc = new Doc({ guid: '' })
  applyUpdate(doc, state)
  return new Set(doc.getArray<string>(LINES).toArray())
}
