import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { StoreLockedError } from '../../src/index.ts'
import { readHolder } from '../../src/level/index.ts'
import { newPlace, openAt, startChild, storeWith, textAt } from './scenario.ts'

describe('a store that is open', () => {
  it('tells a second process who has it and where that listens', async () => {
    const place = await newPlace()
    const child = startChild('hold.mjs', place.directory, place.keyPath, 'disk', '/run/cis.sock')
    await child.lines.next()
    const error = await openAt(place).catch((reason) => reason)
    assert.ok(error instanceof StoreLockedError)
    assert.equal(error.code, 'STORE_LOCKED')
    assert.equal(error.pid, child.process.pid)
    assert.equal(error.socketPath, '/run/cis.sock')
    const holder = await readHolder(place.directory)
    assert.equal(holder?.pid, child.process.pid)
    assert.ok(Math.abs(holder!.startedAtMs - Date.now()) < 60_000)
  })

  it('is locked for the process that has it, too', async () => {
    const place = await newPlace()
    const store = await openAt(place)
    await assert.rejects(openAt(place), { code: 'STORE_LOCKED', pid: process.pid, socketPath: undefined })
    await store.close()
    await openAt(place)
  })

  it('stays usable after a second opener was turned away', async () => {
    const place = await newPlace()
    const store = await openAt(place)
    await assert.rejects(openAt(place), { code: 'STORE_LOCKED' })
    await store.partition('public').write([{ type: 'put', key: Buffer.from('a'), value: Buffer.from('1') }])
    assert.equal(await textAt(store, 'a'), '1')
  })

  it.each([
    ['is missing', undefined],
    ['is no JSON', '{"pid":'],
    ['is of another shape', '["pid"]'],
    ['is null', 'null'],
    ['names a process that is gone', '{"pid":4194304999,"startedAtMs":1}']
  ])('is locked without a pid when the word its holder left %s', async (_, content) => {
    const place = await newPlace()
    const store = await openAt(place)
    const path = join(place.directory, 'holder.json')
    await writeFile(path, content ?? '')
    await assert.rejects(openAt(place), { code: 'STORE_LOCKED', pid: undefined })
    await store.close()
  })

  it('is free again once its process was killed', async () => {
    const place = await newPlace()
    const child = startChild('hold.mjs', place.directory, place.keyPath, 'disk')
    await child.lines.next()
    await child.kill()
    assert.equal(await readHolder(place.directory), undefined)
    assert.equal(await textAt(await openAt(place), 'held'), 'yes')
  })
})

describe('a store that is closed', () => {
  it('has no holder', async () => {
    const place = await newPlace()
    await storeWith(place)
    assert.equal(await readHolder(place.directory), undefined)
    assert.equal(await readHolder(join(place.root, 'nowhere')), undefined)
  })
})
