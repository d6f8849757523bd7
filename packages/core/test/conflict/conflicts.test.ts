import { describe, expect, it } from 'vitest'
import type { Conflict } from '../../src/index.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

async function contested(
  count: number,
  values: readonly string[]
): Promise<{ all: Device[]; conflict: Conflict }> {
  const all = await devices(count)
  for (const [i, value] of values.entries()) {
    const device = all[i] as Device
    device.runtime.nowMs += i * 1000
    await device.memory.public.put('key', value)
  }
  await syncAll(all)
  const conflict = await (all[0] as Device).memory.getConflict('key')
  return { all, conflict }
}

describe('conflicts', () => {
  it('have one id on every device, and another as soon as a version is added', async () => {
    const { all, conflict } = await contested(3, ['a', 'b'])
    for (const device of all) expect((await device.memory.getConflict('key')).id).toBe(conflict.id)
    const third = all[2] as Device
    const [, b] = all as [Device, Device]
    await b.memory.resolveConflict(conflict.id, { value: 'c' })
    await expect(third.memory.resolveConflict(conflict.id, { keep: 'local' })).resolves.toMatchObject({
      conflictId: conflict.id
    })
    await syncAll(all)
    const again = await third.memory.getConflict('key')
    expect(again.id).not.toBe(conflict.id)
    expect(again.versions).toHaveLength(2)
  })

  it('P29: a resolution covers exactly what was shown, and a version that came later stays', async () => {
    const [a, b, c] = (await devices(3)) as [Device, Device, Device]
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    await c.memory.public.put('key', 'c')
    await pull(a, b)
    const shown = await a.memory.getConflict('key')
    await a.memory.resolveConflict(shown.id, { keep: 'local' })
    await pull(a, c)
    const after = await a.memory.getConflict('key')
    expect(after.versions.map((version) => version.value).sort()).toEqual(['a', 'c'])
  })

  it('P29: refuses to settle a conflict that has changed since it was shown', async () => {
    const [a, b, c] = (await devices(3)) as [Device, Device, Device]
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    await pull(a, b)
    const shown = await a.memory.getConflict('key')
    await c.memory.public.put('key', 'c')
    await pull(a, c)
    const now = await a.memory.getConflict('key')
    await expect(a.memory.resolveConflict(shown.id, { keep: 'remote' })).rejects.toMatchObject({
      code: 'CORE_STALE_CONFLICT',
      currentId: now.id
    })
    expect((await a.memory.getConflict('key')).versions).toHaveLength(3)
  })

  it('says so when a conflict was settled meanwhile, and when there never was one', async () => {
    const { all, conflict } = await contested(2, ['a', 'b'])
    const [a] = all as [Device]
    await a.memory.resolveConflict(conflict.id, { keep: 'local' })
    await expect(a.memory.resolveConflict(conflict.id, { keep: 'local' })).rejects.toMatchObject({
      code: 'CORE_STALE_CONFLICT',
      currentId: undefined
    })
    await expect(a.memory.resolveConflict('aaaaaaaaaaaa', { keep: 'local' })).rejects.toMatchObject({
      code: 'CORE_CONFLICT_NOT_FOUND'
    })
    await expect(a.memory.resolveConflict('no such id', { keep: 'local' })).rejects.toMatchObject({
      code: 'CORE_CONFLICT_NOT_FOUND'
    })
  })

  it('name local what this device wrote, and on a third device what was there first', async () => {
    const { all, conflict } = await contested(3, ['a', 'b'])
    const [a, b, c] = all as [Device, Device, Device]
    await a.memory.resolveConflict(conflict.id, { keep: 'local' })
    await b.memory.resolveConflict(conflict.id, { keep: 'remote' })
    await c.memory.resolveConflict(conflict.id, { keep: 'local' })
    for (const device of [a, b, c])
      expect(await device.memory.public.get('key')).toMatchObject({ value: 'a' })
  })

  it('P30: equal resolutions on two devices agree without anybody writing again', async () => {
    const { all, conflict } = await contested(2, ['a', 'b'])
    const [a, b] = all as [Device, Device]
    await a.memory.resolveConflict(conflict.id, { value: 'same' })
    await b.memory.resolveConflict(conflict.id, { value: 'same' })
    await syncAll(all)
    const heads = (): Promise<unknown> =>
      Promise.all(all.map((device) => device.replica.headOf(device.replica.actor)))
    const before = await heads()
    const read = await a.memory.public.get('key')
    expect(read).toMatchObject({ state: 'value', value: 'same' })
    expect(read.base).toHaveLength(2)
    await collect(b.memory.public.list())
    expect(await heads()).toEqual(before)
    await a.memory.public.put('key', 'next')
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'next' })
  })

  it('keep both, the latest in place and the others beside it, in one commit', async () => {
    const { all, conflict } = await contested(2, ['a', 'b'])
    const [a, b] = all as [Device, Device]
    const resolution = await a.memory.resolveConflict(conflict.id, { keep: 'both' })
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'b' })
    const [beside] = resolution.alsoWritten
    expect(beside).toMatch(/^\/acme\/web\/key~[0-9a-f]{6}$/)
    expect(await b.memory.public.get(beside ?? '')).toMatchObject({ value: 'a' })
  })

  it('ask which version is meant when local or remote could be several', async () => {
    const { all, conflict } = await contested(3, ['a', 'b', 'c'])
    const [a] = all as [Device]
    await expect(a.memory.resolveConflict(conflict.id, { keep: 'remote' })).rejects.toMatchObject({
      code: 'CORE_AMBIGUOUS_CHOICE'
    })
    const last = conflict.versions.at(-1)
    await a.memory.resolveConflict(conflict.id, { keep: last?.entryId ?? ('' as never) })
    expect(await a.memory.public.get('key')).toMatchObject({ value: last?.value })
  })

  it('show a delete against an edit as such, and let either side win', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'start')
    await syncAll([a, b])
    await a.memory.public.delete('key')
    await b.memory.public.get('key')
    await b.memory.public.put('key', 'edited')
    await syncAll([a, b])
    const conflict = await a.memory.getConflict('key')
    expect(conflict.kind).toBe('delete')
    await b.memory.resolveConflict(conflict.id, { keep: 'remote' })
    await pull(a, b)
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'absent' })
  })

  it('P34: undo brings back what was there, as a conflict again, and it syncs', async () => {
    const { all, conflict } = await contested(2, ['a', 'b'])
    const [a, b] = all as [Device, Device]
    await a.memory.resolveConflict(conflict.id, { keep: 'local' })
    await pull(b, a)
    await b.memory.undo('key')
    await pull(a, b)
    const reopened = await a.memory.getConflict('key')
    expect(reopened.kind).toBe('reopened')
    expect(reopened.versions.map((version) => version.value).sort()).toEqual(['a', 'b'])
    const chosen = reopened.versions.find((version) => version.value === 'b')
    await a.memory.resolveConflict(reopened.id, {
      keep: chosen?.entryId ?? ('' as never),
      index: chosen?.index ?? 0
    })
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'b' })
  })

  it('P34: undo of a plain write brings back the value before, and of a first write nothing', async () => {
    const [a] = (await devices(1)) as [Device]
    await a.memory.public.put('key', 1, { tags: ['x'] })
    await a.memory.public.put('key', 2)
    await a.memory.undo('key')
    expect(await a.memory.public.get('key')).toMatchObject({ value: 1, version: { tags: ['x'] } })
    const fresh = await a.memory.public.put('fresh', 1)
    await a.memory.undo(fresh.path)
    expect(await a.memory.public.get('fresh')).toMatchObject({ state: 'absent' })
  })

  it('are announced when they appear and when they are settled elsewhere', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const heard: string[] = []
    const settled = new Promise<void>((resolve) => {
      a.memory.addEventListener('conflict:found', (event) => heard.push(event.detail.path))
      a.memory.addEventListener('conflict:settled', (event) => {
        heard.push(`settled ${event.detail.path}`)
        resolve()
      })
    })
    a.memory.within('elsewhere').addEventListener('conflict:found', () => heard.push('out of scope'))
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    await syncAll([a, b])
    const { id } = await b.memory.getConflict('key')
    await b.memory.resolveConflict(id, { keep: 'local' })
    await pull(a, b)
    await settled
    expect(heard).toEqual(['/acme/web/key', 'settled /acme/web/key'])
  })
})
