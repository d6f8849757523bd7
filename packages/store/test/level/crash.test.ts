import assert from 'node:assert/strict'
import { describe, it } from 'vitest'
import type { Store } from '../../src/index.ts'
import { newPlace, openAt, startChild, textAt } from './scenario.ts'

/** As in children/write-batches.mjs. */
const ROWS_PER_BATCH = 8
const ROUNDS = 10

describe('a process killed in the middle of writing (P14)', () => {
  it('leaves every acknowledged batch, each batch whole or absent, and no doubt', async () => {
    const place = await newPlace()
    for (let round = 0; round < ROUNDS; round++) {
      const child = startChild('write-batches.mjs', place.directory, place.keyPath)
      const acknowledged = new Set<number>()
      const stopAfter = 1 + ((round * 37) % 90)
      for await (const line of child.lines) {
        acknowledged.add(Number(line))
        // What the pipe still holds was acknowledged too, so reading goes on to its end.
        if (acknowledged.size === stopAfter) void child.kill()
      }
      await child.kill()

      const store = await openAt(place)
      assert.equal(store.continuity, round === 0 && acknowledged.size === 0 ? 'first-open' : 'kept')
      const last = Number(await textAt(store, 'last'))
      assert.ok(acknowledged.size >= stopAfter)
      assert.ok(Math.max(...acknowledged) <= last)
      for (const n of acknowledged) assert.equal(await rowsOfBatch(store, n), ROWS_PER_BATCH)
      for (let n = last; n > last - 10 && n > 0; n--)
        assert.equal(await rowsOfBatch(store, n), ROWS_PER_BATCH)
      for (let n = last + 1; n < last + 10; n++) assert.equal(await rowsOfBatch(store, n), 0)
      await store.close()
    }
  })
})

describe('a process killed while it opens or closes a store', () => {
  it('leaves a store that opens and keeps its rows', async () => {
    const place = await newPlace()
    for (let round = 0; round < ROUNDS; round++) {
      const child = startChild('open-and-close.mjs', place.directory, place.keyPath)
      for await (const line of child.lines) if (Number(line) === 1 + round) break
      await child.kill()
      const store = await openAt(place)
      if (round > 0) assert.equal(await textAt(store, 'round'), String(round - 1))
      await store
        .partition('public')
        .write([{ type: 'put', key: Buffer.from('round'), value: Buffer.from(String(round)) }])
      await store.close()
    }
  })
})

async function rowsOfBatch(store: Store, n: number): Promise<number> {
  const keys = Array.from({ length: ROWS_PER_BATCH }, (_, i) => Buffer.from(`${n}.${i}`))
  const values = await store.partition('public').getMany(keys)
  return values.filter((value) => value !== undefined).length
}
