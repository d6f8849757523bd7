import { expect, it } from 'vitest'
import { encodeCbor } from '../../src/entry/cbor.ts'
import { decodeLiveRow } from '../../src/replica/stored-entry.ts'

it('a live row that is no list is refused, and not taken for a path where nothing is', () => {
  for (const other of [1, null, 'text', new Map()]) {
    expect(() => decodeLiveRow(encodeCbor(other))).toThrow(
      expect.objectContaining({ code: 'CORE_MALFORMED' })
    )
  }
})
