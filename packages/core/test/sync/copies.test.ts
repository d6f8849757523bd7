import type { MemoryStore } from '@cis-memory/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SyncSession, serveSession } from '../../src/sync/driver.ts'
import { fsck } from '../support/fsck.ts'
import { type Device, devices, openDevice, pull, readPage } from '../support/world.ts'
import { Line, type SyncSetup, sync, trySync } from './line.ts'
import { entriesOf, liveIds, token } from './state.ts'

/*
 * Copies of a whole machine, and machines that were set back, of which nothing on them tells: they go on under one name,
 * with one device key, and each believes that it is the only one.
 */

/** What is on a device's disk, as another machine that believes to be it. */
function copyOf({ store, runtime }: Device): Promise<Device> {
  return openDevice((store as MemoryStore).copy(), runtime)
}

async function putMany(device: Device, prefix: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await device.memory.public.put(`${prefix}/${i}`, i)
}

interface Story {
  /** Syncs with both of the others. */
  readonly hub: Device
  readonly original: Device
  readonly copy: Device
  /** Gives either something that the other does not get. */
  readonly source: Device
}

/** A device and its copy, from when all of them had the same. */
async function story(): Promise<Story> {
  const [hub, original, source] = (await devices(3)) as [Device, Device, Device]
  await original.memory.public.put('before', 1)
  for (const device of [hub, source, hub]) await sync(original, device)
  return { hub, original, copy: await copyOf(original), source }
}

/** An open session, whose listener waits for more. */
async function open(dialer: Device, listener: Device): Promise<SyncSession> {
  const line = new Line(dialer, listener)
  void serveSession({ channel: line.listener, replica: listener.replica, runtime: listener.runtime })
  return SyncSession.open({ channel: line.dialer, replica: dialer.replica, runtime: dialer.runtime })
}

describe('two copies of a machine', () => {
  for (const [where, count] of [
    ['has not come as far', 2],
    ['has come exactly as far', 3],
    ['has come further', 5]
  ] as const) {
    it(`P11: what one has written reaches a peer that has read the other, when its feed ${where}`, async () => {
      const { hub, original, copy, source } = await story()
      await putMany(source, 'passed on', 3)
      await sync(original, source, { direction: 'pull' })
      await sync(hub, original, { direction: 'pull' })
      await putMany(copy, 'acknowledged', count)
      await sync(hub, copy, { direction: 'pull' })
      expect(await liveIds(hub)).toHaveLength(1 + 3 + count)
    })
  }

  for (const [how, setup] of [
    ['that dials', {}],
    ['that is pushed to', { direction: 'push' }],
    ['that pulls', { direction: 'pull' }]
  ] as const) {
    it(`P3: what one has passed on to a peer is sent to the other ${how}`, async () => {
      const { hub, original, copy, source } = await story()
      await putMany(source, 'passed on', 3)
      await sync(original, source, { direction: 'pull' })
      await sync(hub, original)
      await putMany(copy, 'own', 3)
      await (how === 'that is pushed to' ? sync(hub, copy, setup) : sync(copy, hub, setup))
      expect(await liveIds(copy)).toHaveLength(1 + 3 + 3)
    })
  }

  for (const [whose, connect] of [
    ['that a peer has open to both', (hub: Device, other: Device) => open(hub, other)],
    ['that both have open to a peer', (hub: Device, other: Device) => open(other, hub)]
  ] as const) {
    it(`P3: are told apart on lines ${whose} before anything tells them apart`, async () => {
      const { hub, original, copy, source } = await story()
      const lines = [await connect(hub, original), await connect(hub, copy)] as const
      for (const line of lines) await line.sync()
      await putMany(source, 'to the original', 2)
      await sync(original, source, { direction: 'pull' })
      await putMany(copy, 'acknowledged', 2)
      expect(original.replica.end.lsn).toBe(copy.replica.end.lsn)
      for (const line of lines) await line.sync()
      expect(await liveIds(hub)).toHaveLength(1 + 2 + 2)
      for (const line of lines) await line.sync()
      for (const device of [original, copy]) expect(await liveIds(device)).toEqual(await liveIds(hub))
      for (const line of lines) await line.close()
    })
  }

  it('P3 P11: are told apart though both were asked before anything told them apart', async () => {
    const { hub, original, copy, source } = await story()
    // Both confirm this one place.
    await pull(hub, original)
    await putMany(source, 'to the original', 3)
    await sync(original, source, { direction: 'pull' })
    await putMany(copy, 'acknowledged', 3)
    const pages = [await readPage(hub, original), await readPage(hub, copy)]
    for (const { page, reading } of pages) await hub.replica.ingest(page.batch, reading)
    for (const device of [copy, original]) {
      await pull(device, hub)
      await pull(hub, device)
      expect(await liveIds(device)).toEqual(await liveIds(hub))
    }
    expect(await liveIds(hub)).toHaveLength(1 + 3 + 3)
  })

  it('P22: are read apart in every scope, whichever scope showed that they differ', async () => {
    const { hub, original, copy, source } = await story()
    const scope = token(hub, '/acme/web/inside')
    await putMany(source, 'inside', 2)
    await putMany(source, 'outside', 2)
    await sync(original, source, { direction: 'pull' })
    await sync(hub, original, { direction: 'pull' })
    await sync(hub, original, { direction: 'pull', scope })
    await putMany(copy, 'outside/of the copy', 2)
    await putMany(copy, 'inside/of the copy', 2)
    await sync(hub, copy, { direction: 'pull', scope })
    expect(await liveIds(hub, scope)).toHaveLength(4)
    await sync(hub, copy, { direction: 'pull' })
    expect(await liveIds(hub)).toHaveLength(1 + 8)
  })

  it('P3: are sent what a peer was given beside the feed of one of them: by path, and by broadcast', async () => {
    const { hub, original, copy, source } = await story()
    await putMany(source, 'passed on', 2)
    await sync(original, source, { direction: 'pull' })
    const [byPath, byBroadcast] = [0, 1].map((i) => token(hub, `/acme/web/passed on/${i}`)) as [
      Uint8Array,
      Uint8Array
    ]
    await sync(hub, original, { direction: 'pull', paths: [byPath] })
    await hub.replica.ingest(await original.replica.readPaths([byBroadcast], [new Uint8Array(0)]))
    await sync(copy, hub)
    expect(await liveIds(copy)).toHaveLength(3)
  })

  it('P20: nothing is missed when the sync that tells them apart is cut anywhere', async () => {
    for (let count = 5; ; count++) {
      const { hub, original, copy, source } = await story()
      await putMany(source, 'passed on', 3)
      await sync(original, source, { direction: 'pull' })
      await sync(hub, original)
      await putMany(copy, 'acknowledged', 3)
      const cut = await trySync(hub, copy, { fate: ({ frame }, index) => (index === count ? 'cut' : frame) })
      await sync(hub, copy)
      expect(await liveIds(hub)).toHaveLength(1 + 3 + 3)
      expect(await liveIds(copy)).toEqual(await liveIds(hub))
      if (cut.error === undefined) return
    }
  })

  it('P15: nobody takes another name because of what a peer says', async () => {
    const { hub, original, copy, source } = await story()
    await putMany(source, 'passed on', 2)
    await sync(original, source, { direction: 'pull' })
    await sync(hub, original)
    const names = [hub, copy].map(({ replica }) => [replica.actor, replica.instance])
    await sync(hub, copy)
    expect([hub, copy].map(({ replica }) => [replica.actor, replica.instance])).toEqual(names)
  })

  it('P3: are read anew when an older version of this program has kept no marks for them', async () => {
    const { hub, original, copy, source } = await story()
    await putMany(source, 'passed on', 3)
    await sync(original, source, { direction: 'pull' })
    await sync(hub, original)
    await putMany(copy, 'acknowledged', 3)
    const reopened: Device[] = []
    for (const { store, runtime, replica } of [original, copy]) {
      const rows = store.partition('public')
      const marks = rows.keys({ gte: Buffer.from('N'), lt: Buffer.from('O') })
      for await (const key of marks) await rows.write([{ type: 'delete', key }])
      const device = await openDevice(store, runtime)
      expect(device.replica.actor).not.toBe(replica.actor)
      reopened.push(device)
    }
    for (const device of [...reopened, ...reopened]) await sync(hub, device)
    expect(await liveIds(hub)).toHaveLength(1 + 3 + 3)
    for (const device of reopened) expect(await liveIds(device)).toEqual(await liveIds(hub))
  })
})

describe('a store that is what a peer has read', () => {
  it('is read on from where it was, after it was closed and opened and has been renamed for what it shares', async () => {
    const { hub, original } = await story()
    await putMany(original, 'more', 2)
    const again = await openDevice(original.store, original.runtime)
    expect(await sync(hub, again)).toMatchObject({ sent: 0, received: 2 })
    const scope = token(hub, '/acme/web')
    await putMany(again, 'and more', 2)
    expect(await sync(hub, again, { shared: () => [scope] })).toMatchObject({ sent: 0, received: 5 })
    await putMany(hub, 'back', 2)
    expect(await sync(again, hub, { direction: 'pull' })).toMatchObject({ received: 2 })
  })
})

/** What may happen between machines. Places wrap around. */
type Step =
  | { readonly type: 'put' | 'put-anywhere' | 'back-up' | 'copy' | 'set-back'; readonly at: number }
  | {
      readonly type: 'sync'
      readonly at: number
      readonly with: number
      readonly direction: 'push' | 'pull' | 'both'
      readonly how: 'scope' | 'paths' | 'whole'
      /** On the line that they have open, over a fresh one, or over one that is cut in place of that frame. */
      readonly line: 'open' | 'fresh' | number
    }

const place = fc.nat({ max: 11 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('put' as const), at: place }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'put-anywhere' as const,
        'back-up' as const,
        'copy' as const,
        'set-back' as const
      ),
      at: place
    })
  },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      at: place,
      with: place,
      direction: fc.constantFrom('push' as const, 'pull' as const, 'both' as const),
      how: fc.constantFrom('whole' as const, 'whole' as const, 'scope' as const, 'paths' as const),
      line: fc.oneof(fc.constantFrom('open' as const, 'fresh' as const), fc.integer({ min: 6, max: 14 }))
    })
  }
)

const MAX_MACHINES = 6

/** The first of the machines, which alone is copied and set back. */
const ORIGINAL = 0
const SOURCES = 2

/** Machines that write, each at paths of its own, and are never told that they are copies. */
class Machines {
  readonly #all: Device[]
  #backup: Device | undefined
  readonly #lines = new Map<string, Promise<SyncSession>>()
  #count = 0

  constructor(all: readonly Device[]) {
    this.#all = [...all]
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const each of steps) await this.#do(each)
  }

  /** Everybody syncs with everybody, and then has whatever anybody had. */
  async settle(): Promise<void> {
    const had = new Set((await Promise.all(this.#all.map((device) => liveIds(device)))).flat())
    for (let round = 0; round < 3; round++) {
      for (const [at] of this.#all.entries()) {
        for (let other = 0; other < at; other++) await this.#sync(at, other, {})
      }
    }
    for (const device of this.#all) {
      expect(await liveIds(device)).toEqual([...had].sort())
      expect(device.replica.pendingCount).toBe(0)
      expect(await fsck(device.replica, device.store)).toEqual([])
    }
    for (const line of this.#lines.values()) await (await line).close()
  }

  async #do(each: Step): Promise<void> {
    const at = each.at % this.#all.length
    const device = this.#all[at] as Device
    switch (each.type) {
      case 'put':
        // A number that two copies use is what tells them apart soonest, so most are used by machines without one.
        return this.#put(this.#all[1 + (each.at % SOURCES)] as Device)
      case 'put-anywhere':
        return this.#put(device)
      case 'back-up':
        this.#backup = await copyOf(this.#all[ORIGINAL] as Device)
        return
      case 'copy':
        if (this.#all.length < MAX_MACHINES) this.#all.push(await copyOf(this.#all[ORIGINAL] as Device))
        return
      case 'set-back':
        if (this.#backup === undefined) return
        this.#all[ORIGINAL] = await copyOf(this.#backup)
        for (const name of [...this.#lines.keys()]) {
          if (name.split(' ').includes(`${ORIGINAL}`)) this.#lines.delete(name)
        }
        return
      case 'sync': {
        const other = each.with % this.#all.length
        const [scope, paths] = [token(device, '/acme/web/even'), await this.#somePaths(device)]
        const what = each.how === 'scope' ? { scope } : each.how === 'paths' ? { paths } : {}
        return this.#sync(at, other, { ...what, direction: each.direction }, each.line)
      }
    }
  }

  async #put({ memory }: Device): Promise<void> {
    const number = this.#count++
    await memory.public.put(`${number % 2 === 0 ? 'even' : 'odd'}/${number}`, number)
  }

  async #sync(
    at: number,
    other: number,
    setup: SyncSetup,
    on: 'open' | 'fresh' | number = 'fresh'
  ): Promise<void> {
    const [dialer, listener] = [this.#all[at] as Device, this.#all[other] as Device]
    // Machines with one key take each other for themselves.
    if (dialer.replica.device === listener.replica.device) return
    if (on === 'open') {
      const name = `${at} ${other}`
      const line = this.#lines.get(name) ?? open(dialer, listener)
      this.#lines.set(name, line)
      await (await line).sync(setup)
    } else if (on === 'fresh') {
      await sync(dialer, listener, setup)
    } else {
      await trySync(dialer, listener, { ...setup, fate: ({ frame }, i) => (i === on ? 'cut' : frame) })
    }
  }

  async #somePaths(device: Device): Promise<Uint8Array[]> {
    const entries = await entriesOf(device)
    return [token(device, '/acme/web/nowhere'), ...entries.slice(0, 2).map(({ header }) => header.path)]
  }
}

describe('machines that are copied and set back', () => {
  it('P3 P11 P20: have all that any of them had, once everybody has synced with everybody', async () => {
    const stories = fc.array(step, { minLength: 10, maxLength: 30, size: 'max' })
    await fc.assert(
      fc.asyncProperty(stories, async (steps) => {
        const machines = new Machines(await devices(1 + SOURCES))
        await machines.run(steps)
        await machines.settle()
      }),
      { numRuns: 25 }
    )
  }, 120_000)
})
