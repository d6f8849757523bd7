import { setImmediate } from 'node:timers/promises'
import type { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import type { EntryId, HistoryItem, ValueRead } from '../../src/index.ts'
import { Forger } from '../support/forge.ts'
import { Gate, intercepted } from '../support/store-doubles.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

async function history({ memory }: Device, path: string): Promise<HistoryItem[]> {
  return collect(memory.public.history(path))
}

/** A device with three versions of one memory: `one`, deleted, `three`. */
async function withHistory(): Promise<[Device, EntryId[]]> {
  const [a] = (await devices(1)) as [Device]
  const one = await a.memory.public.put('key', 'one', { tags: ['first'], category: 'notes' })
  const gone = await a.memory.public.delete('key')
  const three = await a.memory.public.put('key', 'three')
  return [a, [one.entryId, gone?.entryId as EntryId, three.entryId]]
}

describe('restore', () => {
  it('brings back exactly that version with its labels, and what was there is history', async () => {
    const [a, [one, , three]] = await withHistory()
    const before = (await history(a, 'key')).length
    const written = await a.memory.restore('key', { entryId: one as EntryId }, { agent: 'archivist' })
    expect(written.replaced).toEqual([three])
    expect(await a.memory.public.get('key')).toMatchObject({
      value: 'one',
      version: { tags: ['first'], category: 'notes', agent: 'archivist' }
    })
    const after = await history(a, 'key')
    expect(after).toHaveLength(before + 1)
    await a.memory.undo('key')
    expect(await a.memory.public.get('key'), 'and can be taken back').toMatchObject({ value: 'three' })
  })

  it('of a deletion deletes, and syncs as any write does', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 1)
    const gone = await a.memory.public.delete('key')
    await a.memory.public.put('key', 2)
    await a.memory.restore('key', { entryId: gone?.entryId as EntryId })
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ state: 'absent' })
  })

  it('works in the private domain, and keeps what a curated memory was made from', async () => {
    const [a] = (await devices(1)) as [Device]
    await a.memory.public.put('key', 'source')
    const curated = await a.memory.curateFromPublic('key', { mode: 'copy' })
    await a.memory.private.put('key', 'mine', { base: await a.memory.private.get('key') })
    await a.memory.restore('key', { entryId: curated.entryId }, { domain: 'private' })
    expect(await a.memory.private.get('key')).toMatchObject({
      value: 'source',
      version: { sources: [{ path: '/acme/web/key' }] }
    })
  })

  it('is refused while the path is contested, by whatever version is named', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const start = await a.memory.public.put('key', 'start')
    await syncAll([a, b])
    await b.memory.public.get('key')
    await b.memory.public.put('key', 'b')
    const own = await a.memory.public.put('key', 'a')
    await syncAll([a, b])
    for (const { entryId } of [start, own]) {
      await expect(a.memory.restore('key', { entryId })).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
    }
    expect((await a.memory.getConflict('key')).versions).toHaveLength(2)
  })

  it('settles for everybody what only a policy decided', async () => {
    const [a, b] = (await devices(2, '/acme/web', [{ mode: 'auto_lww' }])) as [Device, Device]
    const own = await a.memory.public.put('key', 'a')
    b.runtime.nowMs = a.runtime.nowMs + 1000
    await b.memory.public.put('key', 'b')
    await syncAll([a, b])
    expect(await a.memory.public.get('key')).toMatchObject({ value: 'b' })
    await a.memory.restore('key', { entryId: own.entryId })
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'a' })
  })

  it('asks which value of a version that has several, and finds each', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'a')
    b.runtime.nowMs = a.runtime.nowMs + 1000
    await b.memory.public.put('key', 'b')
    await syncAll([a, b])
    await a.memory.resolveConflict((await a.memory.getConflict('key')).id, { keep: 'remote' })
    const { entryId } = await a.memory.undo('key')
    await a.memory.resolveConflict((await a.memory.getConflict('key')).id, { value: 'c' })
    await expect(a.memory.restore('key', { entryId })).rejects.toMatchObject({
      code: 'CORE_AMBIGUOUS_CHOICE'
    })
    await expect(a.memory.restore('key', { entryId, index: 2 })).rejects.toMatchObject({
      code: 'CORE_AMBIGUOUS_CHOICE'
    })
    for (const [index, value] of ['a', 'b'].entries()) {
      await a.memory.restore('key', { entryId, index })
      expect(await a.memory.public.get('key')).toMatchObject({ value })
    }
  })

  it('of a document brings its earlier state back, although it holds less', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const words = async (device: Device, more?: string): Promise<string> => {
      await using document = await device.memory.public.doc('notes')
      const text = document.doc.getText('body')
      if (more !== undefined) text.insert(text.length, more)
      return text.toString()
    }
    await words(a, 'one')
    const earlier = await a.memory.public.get('notes')
    await words(a, ' two')
    const { entryId } = (earlier as ValueRead).version
    await a.memory.restore('notes', { entryId })
    await pull(b, a)
    expect(await words(b)).toBe('one')
    expect(await words(a)).toBe('one')
  })

  it('of what is not in the history, or cannot be opened, writes nothing', async () => {
    const [a, [one]] = await withHistory()
    await a.memory.public.put('other', 1)
    await expect(a.memory.restore('other', { entryId: one as EntryId })).rejects.toMatchObject({
      code: 'CORE_NOT_FOUND'
    })
    const [, b] = (await devices(2)) as [Device, Device]
    const forger = new Forger(b.replica)
    const lying = forger.entry('/acme/web/key', 1, { sealedPath: '/acme/web/other' })
    await b.replica.ingest(forger.batch([lying]))
    await b.memory.public.put('key', 'mine', { base: await b.memory.public.get('key') })
    const sealed = (await history(b, 'key')).find(({ version }) => version.kind === 'unreadable')
    await expect(
      b.memory.restore('key', { entryId: sealed?.version.entryId as EntryId })
    ).rejects.toMatchObject({ code: 'CORE_AMBIGUOUS_CHOICE' })
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'mine' })
  })

  it('does not replace what was written after it had looked', async () => {
    const [{ store, runtime }, [one]] = await withHistory()
    const gate = new Gate()
    const slow = intercepted(store as MemoryStore, async (_partition, write) => {
      await gate.pass()
      await write()
    })
    const { memory } = await openDevice(slow, runtime)
    await memory.public.get('key')
    const standing = gate.close()
    const writing = memory.public.put('key', 'four')
    await standing
    const restoring = memory.restore('key', { entryId: one as EntryId })
    await setImmediate()
    gate.open()
    await writing
    await expect(restoring).rejects.toMatchObject({ code: 'CORE_STALE_BASE' })
    expect(await memory.public.get('key')).toMatchObject({ value: 'four' })
  })
})
