import assert from 'node:assert/strict'
import { storeSuite } from '@cis-memory/store/compliance'
import { describe, it, test } from 'vitest'
import { MemoryStore } from '../src/index.ts'

describe('MemoryStore', () => {
  storeSuite({
    test,
    create: async () => new MemoryStore(),
    reopen: async (closed) => (closed as MemoryStore).copy()
  })

  it('says of itself what its maker told it', () => {
    const id = new Uint8Array(16).fill(7)
    const store = new MemoryStore({ id, continuity: 'unclean-stop', durability: 'os' })
    assert.deepEqual(store.id, id)
    assert.equal(store.continuity, 'unclean-stop')
    assert.equal(store.durability, 'os')
  })

  it('shares no later write with its copies', async () => {
    const store = new MemoryStore()
    const key = Uint8Array.of(1)
    await store.partition('public').write([{ type: 'put', key, value: Uint8Array.of(1) }])
    const copy = store.copy({ continuity: 'copied-or-restored' })
    await copy.partition('public').write([{ type: 'put', key, value: Uint8Array.of(2) }])
    assert.deepEqual(await store.partition('public').get(key), Uint8Array.of(1))
    assert.deepEqual(copy.id, store.id)
    assert.equal(copy.continuity, 'copied-or-restored')
  })

  it('takes an id of 16 bytes only', () => {
    assert.throws(() => new MemoryStore({ id: new Uint8Array(15) }), RangeError)
  })
})
