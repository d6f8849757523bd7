import { describe, expect, it } from 'vitest'
import type { Curator, EntryId, StaleCurated } from '../../src/index.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

async function pair(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

const shout: Curator = async ({ source }) => ({ value: String(source.value).toUpperCase(), agent: 'shouter' })

/** A curator that answers once it is told to. */
function waiting(): { curator: Curator; asked: Promise<void>; answer: () => void } {
  let answer = (): void => {}
  const answered = new Promise<void>((resolve) => {
    answer = resolve
  })
  let ask = (): void => {}
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const curator: Curator = async () => {
    ask()
    await answered
    return { value: 'adapted' }
  }
  return { curator, asked, answer }
}

describe('adapting a public memory', () => {
  it('writes what the curator makes of it, with a link to its source and the source’s labels', async () => {
    const [a] = await pair()
    const labels = { tags: ['b', 'a'], category: 'style', expiresAt: a.runtime.nowMs + 1e9 }
    const { entryId } = await a.memory.public.put('tone', 'friendly', labels)
    await a.memory.curateFromPublic('tone', { mode: 'adapt', curator: shout, as: 'mine' })
    expect(await a.memory.private.get('mine')).toMatchObject({
      value: 'FRIENDLY',
      version: {
        ...labels,
        tags: ['a', 'b'],
        agent: 'shouter',
        sources: [{ path: '/acme/web/tone', entryId }]
      }
    })
    const other: Curator = async () => ({ value: { a: 1 }, category: 'other', tags: ['c'] })
    await a.memory.curateFromPublic('tone', { mode: 'adapt', curator: other, as: 'mine' })
    expect(await a.memory.private.get('mine')).toMatchObject({
      value: { a: 1 },
      version: { category: 'other', tags: ['c'], contentType: 'application/json', agent: undefined }
    })
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('writes nothing when the source changed, went or became contested while the curator thought', async () => {
    const meanwhile: [string, (a: Device, b: Device) => Promise<unknown>][] = [
      ['CORE_STALE_BASE', ({ memory }) => memory.public.put('tone', 'changed')],
      ['CORE_STALE_BASE', ({ memory }) => memory.public.delete('tone')],
      [
        'CORE_CONTESTED',
        async (a, b) => {
          await b.memory.public.put('tone', 'other')
          await pull(a, b)
        }
      ]
    ]
    for (const [code, happens] of meanwhile) {
      const [a, b] = await pair()
      await a.memory.public.put('tone', 'friendly')
      const { curator, asked, answer } = waiting()
      const curated = a.memory.curateFromPublic('tone', { mode: 'adapt', curator })
      await asked
      await happens(a, b)
      answer()
      await expect(curated).rejects.toMatchObject({ code, path: '/acme/web/tone' })
      expect(await collect(a.memory.private.list())).toEqual([])
    }
  })

  it('replaces no private memory that was written while the curator thought', async () => {
    const [a] = await pair()
    await a.memory.public.put('tone', 'friendly')
    await a.memory.curateFromPublic('tone', { mode: 'copy' })
    const { curator, asked, answer } = waiting()
    const curated = a.memory.curateFromPublic('tone', { mode: 'adapt', curator })
    await asked
    await a.memory.private.put('tone', 'mine', { base: await a.memory.private.get('tone') })
    answer()
    await expect(curated).rejects.toMatchObject({ code: 'CORE_STALE_BASE' })
    expect(await a.memory.private.get('tone')).toMatchObject({ value: 'mine' })
  })

  it('asks no curator about what is contested or absent, and writes nothing after an abort or a failure', async () => {
    const [a, b] = await pair()
    await a.memory.public.put('fought', 'a')
    await b.memory.public.put('fought', 'b')
    await syncAll([a, b])
    await a.memory.public.put('tone', 'friendly')
    let asked = 0
    const counting: Curator = async () => {
      asked++
      return { value: 1 }
    }
    const curate = (path: string, curator: Curator, signal?: AbortSignal) =>
      a.memory.curateFromPublic(path, { mode: 'adapt', curator, ...(signal && { signal }) })
    await expect(curate('fought', counting)).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
    await expect(curate('nothing', counting)).rejects.toMatchObject({ code: 'CORE_NOT_FOUND' })
    await expect(curate('tone', counting, AbortSignal.abort(new Error('no')))).rejects.toThrow('no')
    expect(asked).toBe(0)
    const controller = new AbortController()
    const aborting: Curator = async ({ signal }) => {
      expect(signal).toBe(controller.signal)
      controller.abort(new Error('enough'))
      return { value: 1 }
    }
    await expect(curate('tone', aborting, controller.signal)).rejects.toThrow('enough')
    await expect(curate('tone', () => Promise.reject(new Error('down')))).rejects.toThrow('down')
    await expect(curate('tone', async () => ({ value: undefined as never }))).rejects.toMatchObject({
      code: 'CORE_BAD_VALUE'
    })
    await expect(curate('tone', undefined as never)).rejects.toMatchObject({ code: 'CORE_BAD_OPTION' })
    expect(await collect(a.memory.private.list())).toEqual([])
  })
})

describe('curated memory whose source is another by now', () => {
  async function stale({ memory }: Device): Promise<Pick<StaleCurated, 'path' | 'reason'>[]> {
    return (await collect(memory.listStaleCurated())).map(({ path, reason }) => ({ path, reason }))
  }

  it('is listed with what became of the source, until it is curated again', async () => {
    const [a, b] = await pair()
    for (const path of ['changed', 'gone', 'fought', 'same']) {
      await a.memory.public.put(path, 'one')
      await a.memory.curateFromPublic(path, { mode: 'copy', as: `mine/${path}` })
    }
    expect(await stale(a)).toEqual([])
    const [made] = (await a.memory.public.get('changed')).base
    await a.memory.public.put('changed', 'two')
    await a.memory.public.delete('gone')
    await b.memory.public.put('fought', 'other')
    await syncAll([a, b])
    const all = await collect(a.memory.listStaleCurated())
    expect(all.map(({ path, reason }) => [path, reason]).sort()).toEqual([
      ['/acme/web/mine/changed', 'changed'],
      ['/acme/web/mine/fought', 'contested'],
      ['/acme/web/mine/gone', 'deleted']
    ])
    const [copy] = (await a.memory.private.get('mine/changed')).base
    expect(all.find(({ reason }) => reason === 'changed')).toEqual({
      path: '/acme/web/mine/changed',
      entryId: copy,
      sourcePath: '/acme/web/changed',
      sourceIds: [made],
      reason: 'changed'
    })
    await a.memory.curateFromPublic('changed', { mode: 'copy', as: 'mine/changed' })
    await a.memory.private.delete('mine/gone')
    expect(await stale(a)).toEqual([{ path: '/acme/web/mine/fought', reason: 'contested' }])
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('is not listed because the same was written again, here or elsewhere', async () => {
    const [a, b] = await pair()
    await a.memory.public.put('key', 'one')
    await a.memory.curateFromPublic('key', { mode: 'adapt', curator: shout, as: 'mine' })
    await b.memory.public.put('key', 'one')
    await syncAll([a, b])
    expect(await stale(a)).toEqual([])
    await a.memory.public.put('key', 'two', { base: await a.memory.public.get('key') })
    expect(await stale(a)).toHaveLength(1)
    await a.memory.public.put('key', 'one')
    expect(await stale(a)).toEqual([])
    await a.memory.public.put('key', 'one', { tags: ['new'] })
    expect(await stale(a)).toEqual([{ path: '/acme/web/mine', reason: 'changed' }])
  })

  it('is listed within its scope, and is no more once it was written by hand', async () => {
    const [a] = await pair()
    for (const as of ['mine/a', 'mine/b', 'other']) {
      await a.memory.public.put('key', as)
      await a.memory.curateFromPublic('key', { mode: 'copy', as })
    }
    await a.memory.public.put('key', 'last')
    const within = await collect(a.memory.within('mine').listStaleCurated())
    expect(within.map(({ path }) => path).sort()).toEqual(['/acme/web/mine/a', '/acme/web/mine/b'])
    await a.memory.private.put('mine/a', 'by hand', { base: await a.memory.private.get('mine/a') })
    expect(await collect(a.memory.within('mine').listStaleCurated())).toHaveLength(1)
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('is told of when the source changes, here or by a sync, to whoever listens in its scope', async () => {
    const [a, b] = await pair()
    await a.memory.public.put('key', 'one')
    await a.memory.curateFromPublic('key', { mode: 'copy', as: 'mine/copy' })
    await syncAll([a, b])
    const heard: unknown[] = []
    a.memory.within('mine').addEventListener('curated:stale', ({ detail }) => {
      heard.push([detail.path, detail.reason])
    })
    a.memory.within('other').addEventListener('curated:stale', () => heard.push('elsewhere'))
    await a.memory.public.put('key', 'two')
    await a.memory.public.put('unrelated', 1)
    await b.memory.public.put('key', 'three', { base: await b.memory.public.get('key') })
    await pull(a, b)
    await a.replica.close()
    expect(heard).toEqual([
      ['/acme/web/mine/copy', 'changed'],
      ['/acme/web/mine/copy', 'contested']
    ])
  })

  it('keeps the version it was made from out of a cleaning, also one that it was brought back to', async () => {
    const [a] = await pair()
    const base = async () => ({ base: await a.memory.public.get('key') })
    await a.memory.public.put('key', 'one')
    const first = await a.memory.curateFromPublic('key', { mode: 'copy', as: 'mine' })
    for (const value of ['two', 'three', 'four', 'five'])
      await a.memory.public.put('key', value, await base())
    const values = async () =>
      (await collect(a.memory.public.history('key'))).map(({ version }) => version.value)
    a.runtime.nowMs += 31 * 86_400_000
    const promised = await a.memory.cleanHistory({ domain: 'public', dryRun: true })
    expect(await a.memory.cleanHistory({ domain: 'public' })).toEqual(promised)
    expect(promised.versions).toBe(2)
    expect(await values()).toEqual(['five', 'four', 'one'])
    expect(await stale(a)).toHaveLength(1)
    await a.memory.curateFromPublic('key', { mode: 'copy', as: 'mine' })
    await a.memory.restore('mine', { entryId: first.entryId as EntryId }, { domain: 'private' })
    expect(await a.memory.cleanHistory({ domain: 'public' })).toMatchObject({ versions: 0 })
    await a.memory.private.delete('mine', { base: await a.memory.private.get('mine') })
    expect(await a.memory.cleanHistory({ domain: 'public', dryRun: true })).toMatchObject({
      versions: 0,
      unproven: 1
    })
  })
})
