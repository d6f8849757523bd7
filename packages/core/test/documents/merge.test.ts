import { getHeapStatistics } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { Doc, encodeStateAsUpdate } from 'yjs'
import { isDocumentState } from '../../src/documents/merge.ts'

/** What a member has signed need not be a state: 14 million parts, it says, and none of them is there. */
const ANNOUNCES_TOO_MUCH = Buffer.from('018f8a8407', 'hex')
const MAX_GROWTH_BYTES = 16 * 1024 * 1024

function memoryInUse(): number {
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}

describe('what Yjs is given', () => {
  it('P28: is read before room is made for what it announces', async () => {
    const doc = new Doc()
    doc.getText('text').insert(0, 'hello')
    const state = encodeStateAsUpdate(doc)
    expect(await isDocumentState(state)).toBe(true)
    for (const rest of [new Uint8Array(0), state.subarray(2)]) {
      const before = memoryInUse()
      expect(await isDocumentState(Buffer.concat([ANNOUNCES_TOO_MUCH, rest]))).toBe(false)
      expect(memoryInUse() - before).toBeLessThan(MAX_GROWTH_BYTES)
    }
  })
})
