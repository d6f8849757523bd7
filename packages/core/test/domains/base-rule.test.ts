import { describe, expect, it } from 'vitest'
import { collect, type Device, devices, syncAll } from '../support/world.ts'

async function one(): Promise<Device> {
  const [device] = await devices(1)
  return device as Device
}

describe('put and its base', () => {
  it('P18: refuses to replace what this handle has not read, and writes nothing', async () => {
    const { memory } = await one()
    await memory.public.put('key', 'first')
    const other = memory.within('/acme/web')
    await expect(other.public.put('key', 'second')).rejects.toMatchObject({
      code: 'CORE_STALE_BASE',
      path: '/acme/web/key'
    })
    expect(await memory.public.get('key')).toMatchObject({ state: 'value', value: 'first' })
    expect(await collect(memory.public.history('key'))).toHaveLength(1)
  })

  it('P18: refuses a base that was overtaken between reading and writing', async () => {
    const { memory } = await one()
    await memory.public.put('key', 1)
    const read = await memory.public.get('key')
    await memory.public.put('key', 2)
    await expect(memory.public.put('key', 3, { base: read })).rejects.toMatchObject({
      code: 'CORE_STALE_BASE'
    })
  })

  it('P18: of writes in flight at once with the same base, lets exactly one through', async () => {
    const { memory } = await one()
    await memory.public.put('key', 0)
    const read = await memory.public.get('key')
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, i) => memory.public.put('key', i + 1, { base: read }))
    )
    expect(outcomes.filter((outcome) => outcome.status === 'fulfilled')).toHaveLength(1)
    expect(await collect(memory.public.history('key'))).toHaveLength(2)
  })

  it('lets a writer go on from what it read or wrote itself', async () => {
    const { memory } = await one()
    await memory.public.put('key', 1)
    await memory.public.put('key', 2)
    const other = memory.within('/acme/web')
    await other.public.get('key')
    await other.public.put('key', 3)
    expect(await memory.public.get('key')).toMatchObject({ value: 3 })
  })

  it('replaces a value unseen when told to, and says what it replaced', async () => {
    const { memory } = await one()
    const { entryId } = await memory.public.put('key', 1)
    const other = memory.within('/acme/web')
    const written = await other.public.put('key', 2, { overwrite: true })
    expect(written.replaced).toEqual([entryId])
  })

  it('records that a value was replaced unseen, and only then', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const overwrite = async (value: number): Promise<unknown> =>
      a.memory.within('/acme/web').public.put('key', value, { overwrite: true })
    await overwrite(1)
    await overwrite(2)
    await a.memory.public.get('key')
    await a.memory.public.put('key', 3, { overwrite: true })
    await a.memory.public.delete('key')
    await overwrite(5)
    await a.memory.within('/acme/web').public.delete('key', { overwrite: true })
    await syncAll([a, b])
    const history = await collect(a.memory.public.history('key'))
    expect(history.map(({ version }) => [version.value, version.isOverwrite]).reverse()).toEqual([
      [1, false],
      [2, true],
      [3, false],
      [undefined, false],
      [5, false],
      [undefined, true]
    ])
    const [onB] = await collect(b.memory.public.history('key'))
    expect(onB?.version.isOverwrite).toBe(true)
  })

  it('never overwrites a conflict, however it is asked', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    await syncAll([a, b])
    await a.memory.public.get('key')
    for (const options of [{}, { overwrite: true }, { base: [] }]) {
      await expect(a.memory.public.put('key', 'c', options)).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
      await expect(a.memory.public.delete('key', options)).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
    }
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'conflict' })
  })

  it('lets a write settle a conflict only with every live version as its stated base', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    await syncAll([a, b])
    const read = await a.memory.public.get('key')
    await expect(a.memory.public.put('key', 'c', { base: read.base.slice(1) })).rejects.toMatchObject({
      code: 'CORE_CONTESTED'
    })
    await a.memory.public.put('key', 'c', { base: read })
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'value', value: 'c' })
  })

  it('writes where a memory was deleted, since nothing there can be lost', async () => {
    const { memory } = await one()
    await memory.public.put('key', 1)
    await memory.public.delete('key')
    expect(await memory.public.get('key')).toMatchObject({ state: 'absent' })
    const other = memory.within('/acme/web')
    await other.public.put('key', 2)
    expect(await memory.public.get('key')).toMatchObject({ value: 2 })
  })

  it('P32: shows a device what it wrote, at once and for good', async () => {
    const { memory, store, runtime } = await one()
    for (let i = 0; i < 70; i++) await memory.public.put(`many/${i}`, i)
    const { openDevice } = await import('../support/world.ts')
    const again = await openDevice(store, runtime)
    for (let i = 0; i < 70; i++) {
      expect(await memory.public.get(`many/${i}`)).toMatchObject({ value: i })
      expect(await again.memory.public.get(`many/${i}`)).toMatchObject({ value: i })
    }
  })

  it('keeps what was given, however the caller changes it afterwards', async () => {
    const { memory } = await one()
    const value = { list: [1] }
    const bytes = Uint8Array.of(1, 2)
    const writes = [memory.public.put('object', value), memory.public.put('bytes', bytes)]
    value.list.push(2)
    bytes[0] = 9
    await Promise.all(writes)
    expect(await memory.public.get('object')).toMatchObject({ value: { list: [1] } })
    expect(await memory.public.get('bytes')).toMatchObject({ value: Uint8Array.of(1, 2) })
  })

  it('keeps tags as a set, so that their order is no difference', async () => {
    const { memory } = await one()
    await memory.public.put('key', 1, { tags: ['b', 'a', 'b'] })
    expect(await memory.public.get('key')).toMatchObject({ version: { tags: ['a', 'b'] } })
  })

  it('counts an expired value as absent and keeps it in the history', async () => {
    const { memory, runtime } = await one()
    await memory.public.put('key', 1, { expiresAt: runtime.nowMs + 10_000 })
    expect(await memory.public.get('key')).toMatchObject({ state: 'value' })
    runtime.nowMs += 20_000
    expect(await memory.public.get('key')).toMatchObject({ state: 'absent' })
    expect(await collect(memory.public.history('key'))).toHaveLength(1)
  })

  it('P8: dates a write after what it replaces, though the clock was set back, and refuses only to date it far ahead', async () => {
    const { memory, runtime } = await one()
    await memory.public.put('other', 1)
    const before = runtime.nowMs
    runtime.nowMs -= 60_000
    await memory.public.put('other', 2)
    runtime.nowMs = before - 24 * 3600_000
    await memory.public.put('fresh', 1)
    await expect(memory.public.put('other', 3)).rejects.toMatchObject({ code: 'CORE_CLOCK_AHEAD' })
    expect(await memory.public.get('other')).toMatchObject({ value: 2 })
  })
})

describe('scopes', () => {
  it('P22: shows nothing outside, under any spelling of a path', async () => {
    const { memory, replica } = await one()
    const { createMemory } = await import('../../src/index.ts')
    const outside = createMemory(replica, '/acme/website')
    await outside.public.put('secret', 'canary')
    await memory.public.put('mine', 1)
    expect((await collect(memory.public.list())).map((item) => item.read.path)).toEqual(['/acme/web/mine'])
    expect(await collect(memory.search('canary'))).toEqual([])
    expect(await collect(outside.search('canary'))).toHaveLength(1)
    for (const path of [
      '/acme/website/secret',
      '../website/secret',
      '/acme/web/../website/secret',
      '/',
      '/acme',
      '',
      'a//b',
      './a',
      'a/',
      ' a',
      'a\u0000b',
      'a\u202eb'
    ]) {
      await expect(memory.public.get(path)).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
      await expect(memory.private.put(path, 1)).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    }
    expect(() => memory.within('/acme')).toThrow(expect.objectContaining({ code: 'CORE_BAD_PATH' }))
    await expect(collect(memory.public.list({ prefix: '/acme' }))).rejects.toMatchObject({
      code: 'CORE_BAD_PATH'
    })
  })

  it('gives a memory one name, however its scope is divided', async () => {
    const { memory } = await one()
    await memory.within('config').public.put('timeout', 30)
    expect(await memory.public.get('config/timeout')).toMatchObject({ value: 30 })
    expect(await memory.public.get('/acme/web/config/timeout')).toMatchObject({ value: 30 })
    expect(await memory.public.get('config/time\u006fut'.normalize('NFD'))).toMatchObject({ value: 30 })
  })

  it('keeps private and public memories of one name apart', async () => {
    const { memory } = await one()
    await memory.private.put('key', 'mine')
    expect(await memory.public.get('key')).toMatchObject({ state: 'absent' })
    await memory.public.put('key', 'ours')
    expect(await memory.private.get('key')).toMatchObject({ value: 'mine' })
  })
})
