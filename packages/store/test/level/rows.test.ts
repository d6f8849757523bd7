import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { describe, it } from 'vitest'
import { CorruptRowError, type RowReader } from '../../src/index.ts'
import { passphrase } from '../../src/level/index.ts'
import { filesOf, newPlace, openAt, put, storeWith, textAt, withRawRows } from './scenario.ts'

const PUBLIC = 0x01
const PRIVATE = 0x02
const EVERYTHING = { gte: Buffer.of(0), lt: Buffer.of(0xff) }

describe('a row changed on disk (P26)', () => {
  it('is noticed wherever a byte of it was altered', async () => {
    const place = await newPlace()
    await storeWith(place, put('E1', 'value'))
    let length = 0
    await withRawRows(place, async (rows) => {
      length = (await rows.get(rowKey(PUBLIC, 'E1')))!.length
    })
    for (let at = 0; at < length; at += 7) {
      await withRawRows(place, async (rows) => {
        const sealed = Buffer.from((await rows.get(rowKey(PUBLIC, 'E1')))!)
        sealed[at]! ^= 1
        await rows.put(rowKey(PUBLIC, 'E1'), sealed)
      })
      const store = await openAt(place)
      await assert.rejects(textAt(store, 'E1'), { code: 'STORE_CORRUPT_ROW' })
      await store.partition('public').write([put('E1', 'value')])
      await store.close()
    }
  })

  it('is noticed when two rows of one partition changed places', async () => {
    const place = await newPlace()
    await storeWith(place, put('E1', 'one'), put('E2', 'two'))
    await swapRaw(place, rowKey(PUBLIC, 'E1'), rowKey(PUBLIC, 'E2'))
    const store = await openAt(place)
    await assert.rejects(textAt(store, 'E1'), { code: 'STORE_CORRUPT_ROW' })
    await assert.rejects(textAt(store, 'E2'), { code: 'STORE_CORRUPT_ROW' })
  })

  it('is noticed when rows of one key in two partitions changed places', async () => {
    const place = await newPlace()
    const first = await openAt(place)
    await first.partition('public').write([put('E1', 'known to all')])
    await first.partition('private').write([put('E1', 'my own')])
    await first.close()
    await swapRaw(place, rowKey(PUBLIC, 'E1'), rowKey(PRIVATE, 'E1'))
    const store = await openAt(place)
    await assert.rejects(textAt(store, 'E1', 'public'), { code: 'STORE_CORRUPT_ROW' })
    await assert.rejects(textAt(store, 'E1', 'private'), { code: 'STORE_CORRUPT_ROW' })
  })

  it('is noticed when it was cut short or emptied', async () => {
    const place = await newPlace()
    await storeWith(place, put('E1', 'one'), put('E2', 'two'))
    await withRawRows(place, async (rows) => {
      await rows.put(rowKey(PUBLIC, 'E1'), Buffer.alloc(0))
      await rows.put(rowKey(PUBLIC, 'E2'), (await rows.get(rowKey(PUBLIC, 'E2')))!.subarray(0, 39))
    })
    const store = await openAt(place)
    await assert.rejects(textAt(store, 'E1'), { code: 'STORE_CORRUPT_ROW' })
    await assert.rejects(textAt(store, 'E2'), { code: 'STORE_CORRUPT_ROW' })
  })

  it('is named by partition, kind and key, without a word of what it held', async () => {
    const place = await newPlace()
    await storeWith(place, put('E1', 'a secret'))
    await damageRaw(place, rowKey(PUBLIC, 'E1'))
    const store = await openAt(place)
    const error = await textAt(store, 'E1').catch((reason) => reason)
    assert.ok(error instanceof CorruptRowError)
    assert.equal(error.partition, 'public')
    assert.equal(error.rowKind, 'E')
    assert.deepEqual(Buffer.from(error.key).toString(), 'E1')
    assert.ok(!inspect(error, { depth: 9 }).includes('secret'))
  })

  it('leaves the other rows readable, and can be written again', async () => {
    const place = await newPlace()
    await storeWith(place, put('E1', 'one'), put('E2', 'two'), put('E3', 'three'))
    await damageRaw(place, rowKey(PUBLIC, 'E2'))
    const store = await openAt(place)
    const rows = store.partition('public')
    assert.equal(await textAt(store, 'E3'), 'three')
    await assert.rejects(rows.getMany([Buffer.from('E1'), Buffer.from('E2')]), { code: 'STORE_CORRUPT_ROW' })
    assert.deepEqual(await keysOf(rows), ['E1', 'E2', 'E3'])
    await rows.write([put('E2', 'two again')])
    assert.equal(await textAt(store, 'E2'), 'two again')
  })

  it('ends a range after the rows before it, and says where to go on', async () => {
    const place = await newPlace()
    await storeWith(place, put('E1', 'one'), put('E2', 'two'), put('E3', 'three'))
    await damageRaw(place, rowKey(PUBLIC, 'E2'))
    const rows = (await openAt(place)).partition('public')
    const seen: string[] = []
    const reading = (async () => {
      for await (const { value } of rows.range(EVERYTHING)) seen.push(Buffer.from(value).toString())
    })()
    const error = await reading.catch((reason) => reason)
    assert.deepEqual(seen, ['one'])
    const next = Buffer.concat([error.key, Buffer.of(0)])
    for await (const { value } of rows.range({ ...EVERYTHING, gte: next })) {
      seen.push(Buffer.from(value).toString())
    }
    assert.deepEqual(seen, ['one', 'three'])
  })
})

describe('the files of a store', () => {
  it('hold no byte of any value, nor of the passphrase', async () => {
    const place = await newPlace()
    const canary = 'canary-4d1f'
    const key = passphrase(`passphrase-${canary}`)
    const store = await openAt(place, { key })
    for (const name of ['public', 'private', 'local'] as const) {
      const rows = store.partition(name)
      await rows.write([put('short', canary), put('gone', canary), put('long', canary.repeat(50_000))])
      await rows.write([put('short', `${canary} again`), { type: 'delete', key: Buffer.from('gone') }])
    }
    const whileOpen = await filesOf(place.directory)
    await store.close()
    await (await openAt(place, { key })).close()
    for (const [path, { bytes }] of [...whileOpen, ...(await filesOf(place.directory))]) {
      assert.equal(bytes.indexOf(canary), -1, `${path} has the canary`)
    }
    assert.ok([...whileOpen.values()].some(({ bytes }) => bytes.length > 500_000))
  })
})

type Place = Awaited<ReturnType<typeof newPlace>>

function rowKey(partition: number, key: string): Uint8Array {
  return Buffer.concat([Buffer.of(partition), Buffer.from(key)])
}

async function damageRaw(place: Place, key: Uint8Array): Promise<void> {
  await withRawRows(place, async (rows) => {
    const sealed = Buffer.from((await rows.get(key))!)
    sealed[sealed.length - 1]! ^= 0xff
    await rows.put(key, sealed)
  })
}

async function swapRaw(place: Place, a: Uint8Array, b: Uint8Array): Promise<void> {
  await withRawRows(place, async (rows) => {
    const [first, second] = await rows.getMany([a, b])
    await rows.batch([
      { type: 'put', key: a, value: second! },
      { type: 'put', key: b, value: first! }
    ])
  })
}

async function keysOf(rows: RowReader): Promise<string[]> {
  const keys: string[] = []
  for await (const key of rows.keys(EVERYTHING)) keys.push(Buffer.from(key).toString())
  return keys
}
