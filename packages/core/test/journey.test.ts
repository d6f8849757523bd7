import { describe, expect, it } from 'vitest'
import { collect, type Device, devices, pull, syncAll } from './support/world.ts'

describe('the whole story between two replicas', () => {
  it('keeps both values when neither write saw the other, until the owner settles it', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('config/timeout', 30)
    await syncAll([a, b])
    expect(await b.memory.public.get('config/timeout')).toMatchObject({ state: 'value', value: 30 })

    await a.memory.public.put('config/timeout', 60)
    b.runtime.nowMs += 1000
    await b.memory.public.put('config/timeout', 90)
    await syncAll([a, b])
    const [onA] = await collect(a.memory.getUnresolvedConflicts())
    const [onB] = await collect(b.memory.getUnresolvedConflicts())
    expect(onA?.id).toBe(onB?.id)
    expect(onA?.versions.map((version) => version.value).sort()).toEqual([60, 90])
    expect(await a.memory.public.get('config/timeout')).toMatchObject({ state: 'conflict' })

    const resolution = await b.memory.resolveConflict(onB?.id ?? '', { keep: 'remote' })
    expect(resolution.path).toBe('/acme/web/config/timeout')
    await pull(a, b)
    expect(await a.memory.public.get('config/timeout')).toMatchObject({ state: 'value', value: 60 })
    expect(await collect(a.memory.getUnresolvedConflicts())).toEqual([])
    expect(
      (await collect(a.memory.public.history('config/timeout'))).map((item) => item.version.value)
    ).toEqual([60, 90, 60, 30])
  })

  it('finds Chinese words in both domains of its scope and nothing outside', async () => {
    const [a] = (await devices(1)) as [Device]
    await a.memory.public.put('notes/stack', '我们的技术栈是 TypeScript')
    await a.memory.private.put('notes/mine', '技术栈的秘密')
    const outside = a.memory.within('api')
    const hits = await collect(a.memory.search('技术'))
    expect(hits.map(({ item }) => [item.domain, item.read.path]).sort()).toEqual([
      ['private', '/acme/web/notes/mine'],
      ['public', '/acme/web/notes/stack']
    ])
    expect(await collect(outside.search('技术'))).toEqual([])
  })
})
