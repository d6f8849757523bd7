import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Device, devices, syncAll } from '../support/world.ts'
import { sync } from './line.ts'
import { liveIds } from './state.ts'

const DAY_MS = 86_400_000
const RUNS = 20

async function three(): Promise<[Device, Device, Device]> {
  return (await devices(3)) as [Device, Device, Device]
}

/** Lets time pass on all devices, and has each clean what it may. */
async function daysLater(all: readonly Device[], days: number): Promise<void> {
  for (const { runtime, memory } of all) {
    runtime.nowMs += days * DAY_MS
    await memory.cleanHistory()
  }
}

type Deed =
  | { readonly type: 'put' | 'delete'; readonly device: number; readonly path: number }
  | { readonly type: 'sync'; readonly device: number; readonly with: number }
  | { readonly type: 'days'; readonly days: number }

const device = fc.nat({ max: 2 })
const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('put' as const), device, path: fc.nat({ max: 1 }) })
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('delete' as const), device, path: fc.nat({ max: 1 }) })
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('sync' as const), device, with: device }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('days' as const), days: fc.nat({ max: 400 }) }) }
)

describe('a device that was away', () => {
  it('P17: brings nothing back that was deleted meanwhile, though years have passed and all histories were cleaned', async () => {
    const [a, b, c] = await three()
    await a.memory.public.put('key', 'old')
    await syncAll([a, b, c])
    await a.memory.public.delete('key')
    await sync(a, c)
    await daysLater([a, b, c], 3 * 365)
    await b.memory.public.put('other', 'written offline')
    await sync(c, b)
    await sync(a, b)
    for (const { memory } of [a, b, c])
      expect(await memory.public.get('key')).toMatchObject({ state: 'absent' })
    expect(await liveIds(b)).toEqual(await liveIds(a))
  })

  it('P17: finds what it has changed itself in conflict with the deletion, and neither wins', async () => {
    const [a, b, c] = await three()
    await a.memory.public.put('key', 'old')
    await syncAll([a, b, c])
    await a.memory.public.delete('key')
    await b.memory.public.put('key', 'changed offline', { base: await b.memory.public.get('key') })
    await daysLater([a, b, c], 3 * 365)
    await syncAll([a, b, c])
    for (const { memory } of [a, b, c]) {
      expect(await memory.public.get('key')).toMatchObject({
        state: 'conflict',
        conflict: { kind: 'delete' }
      })
    }
  })

  it('P17: whatever is written, deleted, cleaned and synced in between, what a deletion has replaced stays gone', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 5, maxLength: 30 }), async (deeds) => {
        const all = await three()
        const gone = new Set<string>()
        for (const each of deeds) await act(all, each, gone)
        await syncAll(all)
        for (const one of all) {
          const live = (await liveIds(one)).map((row) => row.split(' ')[1] as string)
          expect(live.filter((id) => gone.has(id))).toEqual([])
        }
      }),
      { numRuns: RUNS }
    )
  })
})

async function act(all: readonly Device[], deed: Deed, gone: Set<string>): Promise<void> {
  if (deed.type === 'days') return daysLater(all, deed.days)
  const one = all[deed.device] as Device
  if (deed.type === 'sync') {
    const other = all[deed.with] as Device
    if (other !== one) await sync(one, other)
    return
  }
  const { memory } = one
  const path = `path/${deed.path}`
  const read = await memory.public.get(path)
  if (deed.type === 'put') {
    await memory.public.put(path, one.runtime.nowMs, { base: read })
    return
  }
  const deleted = await memory.public.delete(path, { base: read })
  for (const id of deleted?.replaced ?? []) gone.add(id)
}
