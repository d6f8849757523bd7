import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { ConflictSettings, ConflictThresholdEvent, ConflictWindowEvent } from '../../src/index.ts'
import { type Device, devices, pull, syncAll } from '../support/world.ts'

/** Rows in memory are read without leaving the turn, so that all is told when it is over. */
const told = (): Promise<void> => setImmediate()

const SCOPE = '/acme/web'
const DAY_MS = 24 * 60 * 60 * 1000

async function world(count: number, settings: ConflictSettings = {}): Promise<Device[]> {
  return devices(count, SCOPE, [settings])
}

/** Two devices write against each other, and everybody learns of it. */
async function contest(all: readonly Device[], path: string, one = 0, other = 1): Promise<void> {
  for (const at of [one, other]) {
    const device = all[at] as Device
    await device.memory.public.put(path, `${path} ${at}`, { base: await device.memory.public.get(path) })
  }
  await syncAll(all)
}

async function settle({ memory }: Device, path: string): Promise<void> {
  await memory.resolveConflict((await memory.getConflict(path)).id, { value: 'settled' })
}

function passTime(all: readonly Device[], ms: number): void {
  for (const { runtime } of all) runtime.nowMs += ms
}

describe('conflict statistics', () => {
  it('count what is open, what policies decide and what has ended, by path, scope, devices and day', async () => {
    const all = await world(3, { policies: [{ mode: 'auto_lww', scope: `${SCOPE}/log` }] })
    const [a] = all as [Device]
    await contest(all, 'config/a')
    await settle(a, 'config/a')
    await syncAll(all)
    passTime(all, DAY_MS)
    await contest(all, 'config/a')
    await contest(all, 'config/b', 0, 2)
    await contest(all, 'log/today', 1, 2)
    const stats = await a.memory.conflictStats()
    expect(stats).toMatchObject({ open: 2, settledByPolicy: 1, settled: 1 })
    expect(stats.byPath).toEqual([
      { path: '/acme/web/config/a', count: 2 },
      { path: '/acme/web/config/b', count: 1 },
      { path: '/acme/web/log/today', count: 1 }
    ])
    expect(stats.byScope).toEqual([
      { scope: '/acme/web/config', count: 3 },
      { scope: '/acme/web/log', count: 1 }
    ])
    const pairs = stats.byDevices.map(({ devices: [one, other], count }) => [
      ...[one.name, other.name].sort(),
      count
    ])
    expect(pairs[0]).toEqual(['device-0', 'device-1', 2])
    expect(pairs.slice(1).sort()).toEqual([
      ['device-0', 'device-2', 1],
      ['device-1', 'device-2', 1]
    ])
    expect(stats.perDay).toEqual([
      { day: '2026-01-01', count: 1 },
      { day: '2026-01-02', count: 3 }
    ])
  })

  it('are of one scope, and since a moment', async () => {
    const all = await world(2)
    const [a] = all as [Device]
    await contest(all, 'config/a')
    await settle(a, 'config/a')
    await syncAll(all)
    passTime(all, 1000)
    const since = a.runtime.now()
    passTime(all, 1000)
    await contest(all, 'other')
    const counts = async (options: { prefix?: string; since?: number }): Promise<number[]> => {
      const { open, settled } = await a.memory.conflictStats(options)
      return [open, settled]
    }
    expect(await counts({})).toEqual([1, 1])
    expect(await counts({ prefix: 'config' })).toEqual([0, 1])
    expect(await counts({ since })).toEqual([1, 0])
    expect((await a.memory.within('config').conflictStats()).open).toBe(0)
  })

  it('suggest what would have helped, from what keeps happening alone', async () => {
    const all = await world(2)
    const [a] = all as [Device]
    for (let i = 0; i < 3; i++) {
      await contest(all, 'hot')
      expect((await a.memory.conflictStats()).suggestions.length, 'twice may be chance').toBe(i < 2 ? 0 : 2)
      await settle(a, 'hot')
      await syncAll(all)
    }
    const { suggestions } = await a.memory.conflictStats()
    expect(suggestions.map(({ code, path, count }) => [code, path, count])).toEqual([
      ['sync-before-writing', undefined, 3],
      ['split-this-key', '/acme/web/hot', 3]
    ])
    expect(suggestions[0]?.devices?.map(({ name }) => name).sort()).toEqual(['device-0', 'device-1'])
  })

  it('remind of what has been open for more than a week', async () => {
    const all = await world(2)
    const [a] = all as [Device]
    await contest(all, 'old')
    passTime(all, 8 * DAY_MS)
    await contest(all, 'new')
    expect((await a.memory.conflictStats()).suggestions).toEqual([{ code: 'settle-old-conflicts', count: 1 }])
  })

  it('do not count again what an undo brought back', async () => {
    const all = await world(2)
    const [a] = all as [Device]
    await contest(all, 'key')
    await settle(a, 'key')
    await a.memory.undo('key')
    const { open, settled, byPath } = await a.memory.conflictStats()
    expect({ open, settled, byPath }).toEqual({
      open: 1,
      settled: 1,
      byPath: [{ path: '/acme/web/key', count: 1 }]
    })
  })
})

describe('a threshold', () => {
  function heard({ memory }: Device): ConflictThresholdEvent[] {
    const all: ConflictThresholdEvent[] = []
    memory.addEventListener('conflict:threshold', ({ detail }) => all.push(detail))
    return all
  }

  it('of open conflicts is told once when it is reached, and again after there were fewer', async () => {
    const all = await world(2, { alertOpen: 2 })
    const [a] = all as [Device]
    const events = heard(a)
    await contest(all, 'one')
    await told()
    expect(events).toEqual([])
    await contest(all, 'two')
    await contest(all, 'three')
    await told()
    expect(events).toEqual([{ reached: 'open', threshold: 2 }])
    await settle(a, 'one')
    await settle(a, 'two')
    await syncAll(all)
    await contest(all, 'four')
    await told()
    expect(events).toHaveLength(2)
  })

  it('of a day counts those that have ended too, and not those of yesterday', async () => {
    const all = await world(2, { alertPerDay: 2 })
    const [a] = all as [Device]
    const events = heard(a)
    await contest(all, 'one')
    passTime(all, 2 * DAY_MS)
    await contest(all, 'two')
    await settle(a, 'two')
    await syncAll(all)
    await told()
    expect(events).toEqual([])
    await contest(all, 'three')
    await told()
    expect(events).toEqual([{ reached: 'per-day', threshold: 2 }])
  })

  it('counts what people have to settle, not what a policy decides', async () => {
    const all = await world(2, { alertOpen: 1, mode: 'auto_lww' })
    const [a] = all as [Device]
    const events = heard(a)
    await contest(all, 'one')
    await told()
    expect(events).toEqual([])
  })
})

describe('the window', () => {
  function heard({ memory }: Device): ConflictWindowEvent[] {
    const all: ConflictWindowEvent[] = []
    memory.addEventListener('conflict:window', ({ detail }) => all.push(detail))
    return all
  }

  it('gives notice when another device replaces a value soon after it was written, and stops nobody', async () => {
    const [a, b] = (await devices(2, SCOPE, [{ windowMs: 30_000 }, { windowMs: 30_000 }])) as [Device, Device]
    const both = [heard(a), heard(b)]
    const first = await a.memory.public.put('key', 1)
    await pull(b, a)
    b.runtime.nowMs = a.runtime.nowMs + 20_000
    await b.memory.public.get('key')
    const second = await b.memory.public.put('key', 2)
    await pull(a, b)
    for (const events of both) {
      expect(events).toMatchObject([
        {
          path: '/acme/web/key',
          entryId: second.entryId,
          deviceName: 'device-1',
          replaced: first.entryId,
          replacedDeviceName: 'device-0'
        }
      ])
      expect(events[0]?.afterMs).toBeGreaterThanOrEqual(20_000)
    }
    expect((await a.memory.public.get('key')).state, 'a notice, no conflict').toBe('value')
  })

  it('says nothing of later replacements, of one’s own, of resolutions, or without being asked to', async () => {
    const [a, b, c] = (await devices(3, SCOPE, [{ windowMs: 30_000 }, { windowMs: 30_000 }])) as [
      Device,
      Device,
      Device
    ]
    const all = [heard(a), heard(b), heard(c)]
    await a.memory.public.put('own', 1)
    await a.memory.public.put('own', 2)
    await a.memory.public.put('late', 1)
    await syncAll([a, b, c])
    passTime([a, b, c], 60_000)
    await b.memory.public.get('late')
    await b.memory.public.put('late', 2)
    await contest([a, b, c], 'contested')
    await settle(a, 'contested')
    await syncAll([a, b, c])
    await c.memory.public.get('late')
    await c.memory.public.put('late', 3)
    expect(all).toEqual([[], [], []])
  })
})
