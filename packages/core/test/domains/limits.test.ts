import { describe, expect, it } from 'vitest'
import { createMemory, type Path, Replica } from '../../src/index.ts'
import { MAX_VALUE_BYTES } from '../../src/limits.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

async function two(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

describe('a write', () => {
  it('of bytes keeps them, also from a Buffer whose slices share memory', async () => {
    const [a] = await two()
    const bytes = Buffer.from([1, 2])
    const writing = a.memory.public.put('bytes', bytes)
    bytes[0] = 9
    await writing
    expect(await a.memory.public.get('bytes')).toMatchObject({ value: Uint8Array.of(1, 2) })
  })

  it('has a size that says nothing of its content once compression is off, and others read it all the same', async () => {
    const [a, b] = await two()
    const replica = await Replica.open({ store: a.store, runtime: a.runtime, compression: false })
    const quiet = { ...a, replica, memory: createMemory(replica, '/acme/web') }
    const sizeOf = async (device: Device, value: string): Promise<number> => {
      await device.memory.public.put('key', value)
      await syncAll([quiet, b])
      const read = await b.memory.public.get('key')
      expect(read).toMatchObject({ value })
      await device.memory.public.get('key')
      const [live] = await b.replica.view('public').live(read.path as Path)
      return live?.stored.cipher.length ?? 0
    }
    const sizes = [await sizeOf(quiet, 'x'.repeat(5000)), await sizeOf(quiet, 'secret '.repeat(715).slice(5))]
    expect(sizes[0]).toBeGreaterThan(5000)
    expect(sizes[1]).toBe(sizes[0])
    expect(await sizeOf(b, 'x'.repeat(5000))).toBeLessThan(500)
  })

  it('at every limit arrives as it was written, and one beyond is refused', async () => {
    const [a, b] = await two()
    const deep = Array.from({ length: 14 }, (_, i) => `${i}`.padStart(255, 's')).join('/')
    const value = new Uint8Array(MAX_VALUE_BYTES).fill(7)
    const tags = Array.from({ length: 64 }, (_, i) => `${i + 100}`.padStart(255, 't'))
    const labels = { tags, category: 'c'.repeat(255), contentType: 'x'.repeat(255), agent: 'a'.repeat(255) }
    await a.memory.public.put(deep, value, labels)
    await pull(b, a)
    const read = await b.memory.public.get(deep)
    if (read.state !== 'value') throw new Error(read.state)
    expect(Buffer.compare(read.value as Uint8Array, value)).toBe(0)
    const { tags: readTags, category, contentType, agent } = read.version
    expect({ tags: readTags, category, contentType, agent }).toEqual(labels)
    await expect(a.memory.public.put(`${deep}/more`, 1)).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    await expect(a.memory.public.put('large', new Uint8Array(MAX_VALUE_BYTES + 1))).rejects.toMatchObject({
      code: 'CORE_VALUE_TOO_LARGE'
    })
    for (const domain of ['public', 'private'] as const) {
      for (const options of [
        { tags: [...tags, 'one more'] },
        { category: 'c'.repeat(256) },
        { agent: 'é'.repeat(128) },
        { expiresAt: Number.NaN },
        { expiresAt: 1.5 },
        { tags: [1 as never] }
      ]) {
        await expect(a.memory[domain].put('key', 1, options)).rejects.toMatchObject({
          code: 'CORE_BAD_OPTION'
        })
      }
    }
    for (const limit of [Number.NaN, 0, -1, 0.5, Infinity]) {
      await expect(collect(a.memory.search('x', { limit }))).rejects.toMatchObject({
        code: 'CORE_BAD_OPTION'
      })
    }
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('whose signal is aborted writes nothing, whatever it is', async () => {
    const [a] = await two()
    await a.memory.public.put('key', 1)
    const signal = AbortSignal.abort(new Error('enough'))
    const tip = a.replica.end.lsn
    const { memory } = a
    const calls: (() => Promise<unknown>)[] = [
      () => memory.public.put('key', 2, { signal }),
      () => memory.private.put('key', 2, { signal }),
      () => memory.public.delete('key', { signal } as never),
      () => memory.public.delete('nothing', { signal } as never),
      () => memory.public.get('key', { signal }),
      () => memory.undo('key', { signal }),
      () => memory.resolveConflict('aaaaaaaaaaaa', { keep: 'both' }, { signal }),
      () => memory.curateFromPublic('key', { mode: 'copy', signal }),
      () => collect(memory.public.list({ signal })),
      () => memory.public.doc('doc', { signal })
    ]
    for (const call of calls) await expect(call()).rejects.toThrow('enough')
    expect(a.replica.end.lsn).toBe(tip)
  })

  it('beside others of the same path in one commit follows them, and the commit proves each', async () => {
    const [a, b] = await two()
    const handles = Array.from({ length: 40 }, () => createMemory(a.replica, '/acme/web'))
    await Promise.all(handles.map((memory, i) => memory.public.put('key', i, { overwrite: true })))
    expect(await collect(a.memory.public.history('key'))).toHaveLength(40)
    expect(await fsck(a.replica, a.store)).toEqual([])
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ state: 'value', value: 39 })
    expect(await fsck(b.replica, b.store)).toEqual([])
  })
})

describe('a snapshot', () => {
  it('shows its moment in both domains and in the conflict index, whatever is written after it', async () => {
    const [a, b] = await two()
    for (const domain of ['public', 'private'] as const) await a.memory[domain].put('key', 'before')
    const before = a.memory.snapshot()
    for (const domain of ['public', 'private'] as const) {
      await a.memory[domain].put('key', 'after')
      await a.memory[domain].put('new', 'after')
    }
    await b.memory.public.put('key', 'of b')
    await syncAll([a, b])
    const contested = a.memory.snapshot()
    const { id } = await a.memory.getConflict('key')
    await a.memory.resolveConflict(id, { value: 'settled' })
    for (const domain of ['public', 'private'] as const) {
      expect(await before.get(domain, 'key')).toMatchObject({ state: 'value', value: 'before' })
      expect((await before.get(domain, 'new')).state).toBe('absent')
      expect((await collect(before.list(domain))).map(({ read }) => read.path)).toEqual(['/acme/web/key'])
    }
    expect(await collect(before.conflicts())).toEqual([])
    expect((await collect(contested.conflicts())).map((conflict) => conflict.id)).toEqual([id])
    expect((await contested.get('public', 'key')).state).toBe('conflict')
    expect(await collect(a.memory.getUnresolvedConflicts())).toEqual([])
    await before.close()
    await before.close()
    await contested.close()
  })
})

describe('a reader', () => {
  it('that lists while others write sees each memory once, as it was at some moment', async () => {
    const [a] = await two()
    for (let i = 0; i < 50; i++) await a.memory.public.put(`many/${i}`, 0)
    const seen: string[] = []
    for await (const { read } of a.memory.public.list()) {
      seen.push(read.path)
      await a.memory.public.put(`many/${seen.length % 50}`, seen.length, { overwrite: true })
      await a.memory.public.put(`more/${seen.length}`, 1)
    }
    expect(seen).toHaveLength(50)
    expect(new Set(seen).size).toBe(50)
  })

  it('that searches while others write finds what was acknowledged before it asked', async () => {
    const [a] = await two()
    await collect(a.memory.search('anything'))
    for (const [i, word] of ['apple', 'bridge', 'candle', 'dolphin', 'engine'].entries()) {
      await a.memory.public.put(`note/${i}`, word)
      const found = await Promise.all([
        collect(a.memory.search(word)),
        collect(a.memory.search(word)),
        collect(a.memory.search(word))
      ])
      expect(found.map((hits) => hits.length)).toEqual([1, 1, 1])
    }
    await a.memory.public.put('note/0', 'changed')
    const [gone] = await Promise.all([collect(a.memory.search('apple')), collect(a.memory.search('changed'))])
    expect(gone).toEqual([])
  })

  it('P32: sees its device go forward only, across restarts', async () => {
    const [a, b] = await two()
    await a.memory.public.put('key', 0)
    for (let i = 1; i <= 5; i++) {
      await pull(b, a)
      expect(await b.memory.public.get('key')).toMatchObject({ value: i - 1 })
      await a.memory.public.put('key', i)
      const again = await openDevice(a.store, a.runtime)
      expect(await again.memory.public.get('key')).toMatchObject({ value: i })
    }
  })
})
