import type { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { type ConflictSettings, createMemory, Replica } from '../../src/index.ts'
import { MAX_PRUNED_RECORDS } from '../../src/limits.ts'
import { endedConflictRange, prefixRange } from '../../src/replica/rows.ts'
import { fsck } from '../support/fsck.ts'
import { counted, intercepted } from '../support/store-doubles.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

const SCOPE = '/acme/web'
const DAY_MS = 24 * 60 * 60 * 1000

async function two(settings: ConflictSettings = {}): Promise<[Device, Device]> {
  return (await devices(2, SCOPE, [settings])) as [Device, Device]
}

/** Makes paths contested between two devices, and lets the first know. */
async function contest([a, b]: readonly [Device, Device], ...paths: string[]): Promise<void> {
  for (const path of paths) {
    await a.memory.public.put(path, `${path} of a`)
    b.runtime.nowMs = a.runtime.nowMs + 1000
    await b.memory.public.put(path, `${path} of b`, { agent: 'writer' })
  }
  await syncAll([a, b])
}

async function settle({ memory }: Device, path: string, agent?: string): Promise<void> {
  const { id } = await memory.getConflict(path)
  await memory.resolveConflict(id, { keep: 'local' }, agent === undefined ? {} : { agent })
}

async function recordCount({ store }: Device): Promise<number> {
  return (await collect(store.partition('public').keys(endedConflictRange(0)))).length
}

describe('the ids that conflicts have had', () => {
  it('are known as stale for as long as ended conflicts are, and no longer', async () => {
    const [a, b, c] = (await devices(3, SCOPE, [{ retentionMs: 7 * DAY_MS }])) as [Device, Device, Device]
    const conflictIn = async (path: string): Promise<string> => (await a.memory.getConflict(path)).id
    const settling = (id: string): Promise<unknown> => a.memory.resolveConflict(id, { keep: 'local' })
    await contest([a, b], 'renamed', 'ended')
    const old = [await conflictIn('renamed'), await conflictIn('ended')]
    await c.memory.public.put('renamed', 'of c')
    await pull(a, c)
    await settle(a, 'ended')
    const open = await conflictIn('renamed')
    for (const id of old) await expect(settling(id)).rejects.toMatchObject({ code: 'CORE_STALE_CONFLICT' })
    expect(await fsck(a.replica, a.store)).toEqual([])
    a.runtime.nowMs += 8 * DAY_MS
    await contest([a, b], 'another')
    await settle(a, 'another')
    for (const id of old)
      await expect(settling(id)).rejects.toMatchObject({ code: 'CORE_CONFLICT_NOT_FOUND' })
    expect(await conflictIn(open), 'an open one never expires').toBe(open)
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('take no more rows with time, however often they change', async () => {
    const [a, b] = await two({ retentionMs: 7 * DAY_MS })
    const sizes: number[] = []
    for (let week = 0; week < 4; week++) {
      await contest([a, b], ...['one', 'two', 'three'].map((name) => `${week}/${name}`))
      for (const name of ['one', 'two', 'three']) await settle(a, `${week}/${name}`)
      sizes.push(
        (await collect(a.store.partition('public').keys(prefixRange(Uint8Array.of('K'.charCodeAt(0))))))
          .length
      )
      for (const { runtime } of [a, b]) runtime.nowMs += 8 * DAY_MS
    }
    expect(sizes).toEqual([3, 3, 3, 3])
  })
})

describe('the list of settled conflicts', () => {
  it('tells of each that has ended: between whom, when, and who ended it, without a word of what they said', async () => {
    const [a, b] = await two()
    await contest([a, b], 'key')
    const { id, detectedAt } = await a.memory.getConflict('key')
    a.runtime.nowMs += 5000
    await settle(a, 'key', 'referee')
    const [settled, ...others] = await collect(a.memory.getSettledConflicts())
    expect(others).toEqual([])
    const read = await a.memory.public.get('key')
    expect(settled).toMatchObject({
      id,
      path: '/acme/web/key',
      kind: 'edit',
      detectedAt,
      settledBy: { by: 'resolution', entryId: read.base[0], deviceName: 'device-0', agent: 'referee' },
      versions: [
        { deviceName: 'device-0', isLocal: true, agent: undefined, kind: 'value', index: 0 },
        { deviceName: 'device-1', isLocal: false, agent: 'writer', kind: 'value', index: 0 }
      ]
    })
    expect(settled?.settledAt).toBeGreaterThan(detectedAt + 4000)
    expect(JSON.stringify(settled)).not.toContain('of a')
  })

  it('has what a resolution from elsewhere has ended too, with the device and agent that made it', async () => {
    const [a, b] = await two()
    await contest([a, b], 'key')
    await settle(b, 'key', 'referee')
    expect(await collect(a.memory.getSettledConflicts())).toEqual([])
    await pull(a, b)
    const [settled] = await collect(a.memory.getSettledConflicts())
    expect(settled?.settledBy).toMatchObject({ deviceName: 'device-1', agent: 'referee' })
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('is of one scope, latest first, and since a moment', async () => {
    const [a, b] = await two({ policies: [{ mode: 'auto_lww', scope: '/acme/web/log' }] })
    await contest([a, b], 'one', 'two', 'log/today')
    await settle(a, 'one')
    a.runtime.nowMs += 1000
    const between = a.runtime.nowMs
    await settle(a, 'two')
    const paths = async (options: { since?: number } = {}, within = SCOPE): Promise<string[]> =>
      (await collect(a.memory.within(within).getSettledConflicts(options))).map(({ path }) => path)
    expect(await paths()).toEqual(['/acme/web/log/today', '/acme/web/two', '/acme/web/one'])
    expect(await paths({ since: between })).toEqual(['/acme/web/two'])
    expect(await paths({}, '/acme/web/log')).toEqual(['/acme/web/log/today'])
    expect(await paths({}, '/acme/web/on')).toEqual([])
  })

  it('has a conflict once it has ended, not while it merely changes', async () => {
    const [a, b, c] = (await devices(3)) as [Device, Device, Device]
    await contest([a, b], 'key')
    await c.memory.public.put('key', 'of c')
    await pull(a, c)
    expect((await a.memory.getConflict('key')).versions).toHaveLength(3)
    expect(await collect(a.memory.getSettledConflicts())).toEqual([])
    await settle(a, 'key')
    expect(await collect(a.memory.getSettledConflicts())).toHaveLength(1)
  })

  it('drops what is older than the owner wants, some of it with each that is added; open conflicts stay', async () => {
    const [a, b] = await two({ retentionMs: DAY_MS })
    const paths = Array.from({ length: MAX_PRUNED_RECORDS + 10 }, (_, i) => `key ${i}`)
    await contest([a, b], 'open', 'last', 'very last', ...paths)
    for (const path of paths) await settle(a, path)
    expect(await recordCount(a)).toBe(paths.length)
    a.runtime.nowMs += 2 * DAY_MS
    expect(await collect(a.memory.getSettledConflicts()), 'too old to be told').toEqual([])
    await settle(a, 'last')
    expect(await recordCount(a), 'dropped in steps').toBe(10)
    await settle(a, 'very last')
    expect(await recordCount(a)).toBe(2)
    const open = await collect(a.memory.getUnresolvedConflicts())
    expect(open.map(({ path }) => path)).toEqual(['/acme/web/open'])
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('P14: is written with what ends the conflict, or neither is', async () => {
    const [a, b] = await two()
    await contest([a, b], 'key')
    let isFull = false
    const store = intercepted(a.store as MemoryStore, (_partition, write) =>
      isFull ? Promise.reject(new Error('no space left')) : write()
    )
    const replica = await Replica.open({ store, runtime: a.runtime })
    const memory = createMemory(replica, SCOPE)
    const { id } = await memory.getConflict('key')
    isFull = true
    await expect(memory.resolveConflict(id, { keep: 'local' })).rejects.toThrow('no space left')
    const again = await openDevice(a.store, a.runtime)
    expect(await collect(again.memory.getSettledConflicts())).toEqual([])
    expect(await collect(again.memory.getUnresolvedConflicts())).toHaveLength(1)
  })
})

describe('an open conflict', () => {
  it('P10: never expires: after ten years it is listed, counted and contested as on its first day', async () => {
    const [a, b] = await two({ retentionMs: DAY_MS })
    await contest([a, b], 'key')
    const { id } = await a.memory.getConflict('key')
    a.runtime.nowMs += 3653 * DAY_MS
    await a.memory.cleanHistory()
    const { memory } = await openDevice(a.store, a.runtime, SCOPE, { retentionMs: DAY_MS })
    await using snapshot = memory.snapshot()
    for (const list of [memory.getUnresolvedConflicts(), snapshot.conflicts()]) {
      expect((await collect(list)).map((conflict) => conflict.id)).toEqual([id])
    }
    expect(await memory.public.get('key')).toMatchObject({ state: 'conflict', conflict: { id } })
    expect((await memory.conflictStats()).open).toBe(1)
  })
})

/** A thousand conflicts between two devices, of which the first knows, and 200 memories without one. */
async function thousand(): Promise<[Device, Device]> {
  const [a, b] = await two()
  const written = async (device: Device, count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: count }, (_, i) =>
        device.memory.public.put(`${i % 10}/key ${i}`, device.replica.device)
      )
    )
  }
  await written(b, 1200)
  await written(a, 1000)
  await pull(a, b)
  return [a, b]
}

/** Thousands of writes are signed and checked first, which takes a busy machine its time. */
describe('a thousand open conflicts among other memories', { timeout: 120_000 }, () => {
  it('are listed by reading the index and their own rows, a scope’s by those of the scope', async () => {
    const [a] = await thousand()
    const { store, reads, reset } = counted(a.store as MemoryStore)
    const { memory } = await openDevice(store, a.runtime)
    reset()
    expect(await collect(memory.getUnresolvedConflicts())).toHaveLength(1000)
    expect(Object.fromEntries(reads)).toEqual({ E: 1000, F: 2000 })
    reset()
    await using snapshot = memory.within('3').snapshot()
    expect(await collect(snapshot.conflicts())).toHaveLength(100)
    expect(Object.fromEntries(reads)).toEqual({ E: 100, F: 200 })
    reset()
    expect((await memory.conflictStats()).open).toBe(1000)
    // What is live where somebody has just looked is known.
    expect(Object.fromEntries(reads)).toEqual({ F: 2000 })
  })

  it('are settled by reading what each of them needs and no other, and the other device follows in one sync', async () => {
    const [a, b] = await thousand()
    const { store, reads, reset } = counted(a.store as MemoryStore)
    const here = await openDevice(store, a.runtime)
    const { memory } = here
    await pull(b, here)
    const ids = (await collect(memory.getUnresolvedConflicts())).map(({ id }) => id)
    reset()
    for (let at = 0; at < ids.length; at += 16) {
      const some = ids.slice(at, at + 16)
      await Promise.all(some.map((id) => memory.resolveConflict(id, { keep: 'local' })))
    }
    const { E: live = 0, ...others } = Object.fromEntries(reads)
    expect(others).toEqual({ F: 1000, K: 1000, Y: 1000 })
    expect(live, 'the name of its path, itself, and what a commit reads once for all').toBeLessThanOrEqual(
      3000
    )
    expect(await collect(memory.getUnresolvedConflicts())).toEqual([])
    await pull(b, here)
    expect(await collect(b.memory.getUnresolvedConflicts())).toEqual([])
    expect(await collect(b.memory.getSettledConflicts())).toHaveLength(1000)
  })
})
