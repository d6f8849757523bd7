import { describe, expect, it } from 'vitest'
import { createMemory } from '../../src/index.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

const EVERYTHING = { gte: new Uint8Array(0), lt: new Uint8Array(600).fill(0xff) }
const CANARY = 'canary-7f3a'

async function one(): Promise<Device> {
  return ((await devices(1)) as [Device])[0]
}

async function two(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

describe('private memory', () => {
  it('P24: is in no public row, feed page, public event or conflict, and is found only where it is', async () => {
    const [a, b] = await two()
    const heard: string[] = []
    for (const type of ['entry:committed', 'entry:received'] as const) {
      a.memory.addEventListener(type, (event) => heard.push(`${event.detail.domain} ${event.detail.path}`))
    }
    await a.memory.public.put('plain', 'ours')
    const rows = async (): Promise<string> => {
      const all = await collect(a.store.partition('public').range(EVERYTHING))
      return all
        .map(({ key, value }) => `${Buffer.from(key).toString('hex')} ${Buffer.from(value).toString('hex')}`)
        .join('\n')
    }
    const before = await rows()
    const tip = a.replica.end.lsn
    await a.memory.private.put(`secret/${CANARY}`, CANARY, { tags: [CANARY], agent: CANARY })
    await a.memory.private.put(`secret/${CANARY}`, `${CANARY} again`)
    await a.memory.private.delete(`secret/${CANARY}`)
    await a.memory.private.put('notes/mine', CANARY)
    await a.memory.curateFromPublic('plain', { mode: 'copy', as: 'notes/copy' })
    expect([await rows(), a.replica.end.lsn]).toEqual([before, tip])
    await pull(b, a)
    expect(await collect(b.memory.private.list())).toEqual([])
    expect((await collect(b.memory.public.list())).map(({ read }) => read.path)).toEqual(['/acme/web/plain'])
    expect(heard.filter((each) => each.startsWith('public'))).toEqual(['public /acme/web/plain'])
    expect(await collect(a.memory.getUnresolvedConflicts())).toEqual([])
    const hitsIn = async (scope: string, domain?: 'public' | 'private'): Promise<number> => {
      const memory = createMemory(a.replica, scope)
      return (await collect(memory.search(CANARY, domain === undefined ? {} : { domain }))).length
    }
    expect(await hitsIn('/acme/web')).toBe(1)
    expect(await hitsIn('/acme/web', 'public')).toBe(0)
    expect(await hitsIn('/acme/web/secret')).toBe(0)
    expect(await hitsIn('/acme/website')).toBe(0)
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('P24: gives its actor, numbers and path tokens away to nobody', async () => {
    const a = await one()
    const written = await a.memory.public.put('key', 1)
    for (let i = 0; i < 5; i++) await a.memory.private.put(`key/${i}`, i)
    const [own] = await a.replica.view('private').live('/acme/web/key/0' as never)
    const [ours] = await a.replica.view('public').live('/acme/web/key' as never)
    expect(own?.stored.dot.actor).not.toBe(a.replica.actor)
    expect(a.replica.membership.deviceOf(own?.stored.dot.actor as never)).toBeUndefined()
    const tokens = (domain: 'public' | 'private') =>
      a.replica.view(domain).codec.tokens.of('/acme/web/key' as never)
    expect(tokens('private')).not.toEqual(tokens('public'))
    await a.memory.public.put('key', 2)
    expect((await a.replica.headOf(a.replica.actor))?.last).toBe(2)
    expect(ours?.entryId).toBe(written.entryId)
  })
})

describe('curated memory', () => {
  it('is a copy with the versions it was made from, and goes on from what it replaced', async () => {
    const a = await one()
    const options = { tags: ['t'], category: 'c', contentType: 'text/plain' }
    const source = await a.memory.public.put('key', 'one', options)
    await a.memory.curateFromPublic('key', { mode: 'copy' })
    expect(await a.memory.private.get('key')).toMatchObject({
      value: 'one',
      version: { ...options, sources: [{ path: '/acme/web/key', entryId: source.entryId }] }
    })
    await a.memory.public.put('key', 'two')
    const again = await a.memory.within('/acme/web').curateFromPublic('key', { mode: 'copy' })
    expect(again.replaced).toHaveLength(1)
    expect(await a.memory.private.get('key')).toMatchObject({ value: 'two' })
    expect(await collect(a.memory.private.history('key'))).toHaveLength(2)
  })

  it('never replaces private memory that is no copy of the same source', async () => {
    const a = await one()
    await a.memory.public.put('key', 'ours')
    await a.memory.public.put('other', 'others')
    await a.memory.private.put('key', 'mine')
    await expect(a.memory.curateFromPublic('key', { mode: 'copy' })).rejects.toMatchObject({
      code: 'CORE_STALE_BASE'
    })
    await a.memory.curateFromPublic('key', { mode: 'copy', as: 'copy' })
    await expect(a.memory.curateFromPublic('other', { mode: 'copy', as: 'copy' })).rejects.toMatchObject({
      code: 'CORE_STALE_BASE'
    })
    await a.memory.private.get('copy')
    await a.memory.private.put('copy', 'edited by hand')
    await expect(a.memory.curateFromPublic('key', { mode: 'copy', as: 'copy' })).rejects.toMatchObject({
      code: 'CORE_STALE_BASE'
    })
    expect(await a.memory.private.get('key')).toMatchObject({ value: 'mine' })
    expect(await a.memory.private.get('copy')).toMatchObject({ value: 'edited by hand' })
  })

  it('comes from no source that is contested, absent, or outside the scope', async () => {
    const [a, b] = await two()
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    await syncAll([a, b])
    const refused: [string, object, string][] = [
      ['key', { mode: 'copy' }, 'CORE_CONTESTED'],
      ['nothing', { mode: 'copy' }, 'CORE_NOT_FOUND'],
      ['/acme/website/key', { mode: 'copy' }, 'CORE_BAD_PATH'],
      ['key', { mode: 'summary' }, 'CORE_BAD_OPTION']
    ]
    for (const [path, options, code] of refused) {
      await expect(a.memory.curateFromPublic(path, options as never)).rejects.toMatchObject({ code })
    }
    await a.memory.public.put('fine', 1)
    await expect(
      a.memory.curateFromPublic('fine', { mode: 'copy', as: '/acme/website/x' })
    ).rejects.toMatchObject({
      code: 'CORE_BAD_PATH'
    })
    expect(await collect(a.memory.private.list())).toEqual([])
  })
})
