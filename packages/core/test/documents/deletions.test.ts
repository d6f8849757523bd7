import { describe, expect, it } from 'vitest'
import { applyUpdate, Doc } from 'yjs'
import type { MemoryDoc, Version } from '../../src/index.ts'
import { Forger } from '../support/forge.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

const WHOLE = new Uint8Array(0)

function wordsOf({ value }: Pick<Version, 'value'>): unknown {
  if (value === undefined) return 'deleted'
  const doc = new Doc()
  applyUpdate(doc, value as Uint8Array)
  return doc.getArray('words').toJSON()
}

function type(open: MemoryDoc, word: string): void {
  open.doc.getArray('words').push([word])
}

/** Two devices that have the same document, which is open on the first. */
async function opened(): Promise<[Device, Device, MemoryDoc]> {
  const [a, b] = (await devices(2)) as [Device, Device]
  const open = await a.memory.public.doc('doc')
  type(open, 'old')
  await open.flush()
  await syncAll([a, b])
  return [a, b, open]
}

/** What is in conflict, as both devices agree. */
async function versions(a: Device, b: Device): Promise<unknown[]> {
  await syncAll([a, b])
  const conflict = await a.memory.getConflict('doc')
  expect(conflict.kind).toBe('delete')
  expect((await b.memory.getConflict('doc')).id).toBe(conflict.id)
  for (const device of [a, b]) expect(await fsck(device.replica, device.store)).toEqual([])
  return conflict.versions.map((version) => [wordsOf(version), version.deviceName])
}

describe('a deletion of a document that is open elsewhere', () => {
  it.each(['before', 'after'])('is in conflict with what is typed %s it arrives', async (when) => {
    const [a, b, open] = await opened()
    if (when === 'before') type(open, 'new')
    await b.memory.public.delete('doc', { overwrite: true })
    await pull(a, b)
    if (when === 'after') type(open, 'new')
    await open.close()
    expect(await versions(a, b)).toEqual([
      ['deleted', 'device-1'],
      [['old', 'new'], 'device-0']
    ])
  })

  it('stays in conflict while typing goes on, and only its last save with it', async () => {
    const [a, b, open] = await opened()
    await b.memory.public.delete('doc', { overwrite: true })
    await pull(a, b)
    for (const word of ['one', 'two']) {
      type(open, word)
      await open.flush()
    }
    expect(await versions(a, b)).toEqual([
      ['deleted', 'device-1'],
      [['old', 'one', 'two'], 'device-0']
    ])
    const { id } = await b.memory.getConflict('doc')
    await b.memory.resolveConflict(id, { keep: 'remote' })
    await pull(a, b)
    type(open, 'three')
    await open.close()
    await pull(b, a)
    const read = await b.memory.public.get('doc')
    expect(read.state === 'value' && wordsOf(read.version)).toEqual(['old', 'one', 'two', 'three'])
  })

  it('does not come back to life by what is never typed', async () => {
    const [a, b, open] = await opened()
    await b.memory.public.delete('doc', { overwrite: true })
    await pull(a, b)
    await open.close()
    expect((await a.memory.public.get('doc')).state).toBe('absent')
  })

  it('is in conflict with it too when this device deleted it, and when it settled it so', async () => {
    const [a, b, open] = await opened()
    await a.memory.public.delete('doc', { overwrite: true })
    type(open, 'new')
    await open.flush()
    type(open, 'newer')
    await open.flush()
    expect(await versions(a, b)).toEqual([
      ['deleted', 'device-0'],
      [['old', 'new', 'newer'], 'device-0']
    ])
    const { id } = await a.memory.getConflict('doc')
    await a.memory.resolveConflict(id, { delete: true })
    expect(await collect(b.memory.getUnresolvedConflicts())).toHaveLength(1)
    type(open, 'newest')
    await open.close()
    expect(await versions(a, b)).toEqual([
      ['deleted', 'device-0'],
      [['old', 'new', 'newer', 'newest'], 'device-0']
    ])
  })

  it('is what the next save has not seen, and nothing else: what came before it stays replaced', async () => {
    const [a, b, c] = (await devices(3)) as [Device, Device, Device]
    await a.memory.public.put('doc', 'plain')
    await syncAll([a, b, c])
    await b.memory.public.delete('doc', { overwrite: true })
    await syncAll([a, b, c])
    const open = await a.memory.public.doc('doc')
    type(open, 'old')
    await open.flush()
    await syncAll([a, b, c])
    await b.memory.public.delete('doc', { overwrite: true })
    await pull(a, b)
    type(open, 'new')
    await open.close()
    const query = { after: 0n, scope: WHOLE, shared: [WHOLE] }
    const { batch } = await a.replica.readFeed(query)
    const entries = batch.entries.filter(({ header }) => header.dot.actor === a.replica.actor)
    await c.replica.ingest({ ...batch, entries })
    const read = await c.memory.public.get('doc')
    expect(read.state === 'value' && wordsOf(read.version)).toEqual(['old', 'new'])
    expect(await versions(b, c)).toHaveLength(2)
  })
})

describe('a document that was never stored', () => {
  it('is started where something was deleted, whenever that was', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const open = await a.memory.public.doc('doc')
    type(open, 'new')
    await b.memory.public.put('doc', 'plain')
    await b.memory.public.delete('doc')
    await pull(a, b)
    await open.close()
    await pull(b, a)
    const read = await b.memory.public.get('doc')
    expect(read.state === 'value' && wordsOf(read.version)).toEqual(['new'])
  })
})

describe('an open document', () => {
  it('is not saved over versions that cannot be opened', async () => {
    const [a, b, open] = await opened()
    const forger = new Forger(b.replica)
    const lying = forger.entry('/acme/web/doc', 1, { sealedPath: '/acme/web/other' })
    await a.replica.ingest(forger.batch([lying]))
    type(open, 'new')
    await expect(open.flush()).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
    const { id, versions } = await a.memory.getConflict('doc')
    expect(versions).toHaveLength(2)
    await a.memory.resolveConflict(id, { keep: 'local' })
    await open.close()
  })

  it('is not saved over versions that an undo brought back', async () => {
    const [a, b, open] = await opened()
    const onB = await b.memory.public.doc('doc')
    type(onB, 'on b')
    await onB.close()
    type(open, 'on a')
    await open.flush()
    await syncAll([a, b])
    type(open, 'merged')
    await open.flush()
    await a.memory.undo('doc')
    const { id, kind } = await a.memory.getConflict('doc')
    expect(kind).toBe('reopened')
    type(open, 'new')
    await expect(open.flush()).rejects.toMatchObject({ code: 'CORE_CONTESTED', conflictId: id })
    await a.memory.resolveConflict(id, { delete: true })
    await open.close()
  })
})
