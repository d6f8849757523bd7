import { MemoryStore, type RowReader } from '@cis-memory/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSpace, type Domain, type Read } from '../../src/index.ts'
import { LiveEntries } from '../../src/replica/live-entries.ts'
import { liveKey } from '../../src/replica/rows.ts'
import { resolvers } from '../../src/sync/resolvers.ts'
import { counted, Gate, intercepted } from '../support/store-doubles.ts'
import { type Device, devices, openDevice, pull, TestRuntime } from '../support/world.ts'

const PATHS = ['a', 'b', 'c']
const VALUES = [1, -0, 'text', { z: 1, a: [{ y: null, b: 2.5 }] }, new Uint8Array([1, 2, 3])]

const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ type: fc.constant('put' as const), value: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('get' as const) }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('pull' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('settle' as const) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('undo' as const) }) }
  ),
  { minLength: 1, maxLength: 12 }
)
type Step = typeof steps extends fc.Arbitrary<(infer S)[]> ? S : never

/** Does one thing; that it may be refused is somebody else's test. */
async function take(step: Step, path: string, domain: Domain, device: Device, other: Device): Promise<void> {
  const { memory } = device
  if (step.type === 'put') await memory[domain].put(path, VALUES[step.value] ?? null, { tags: ['y', 'x'] })
  else if (step.type === 'delete') await memory[domain].delete(path)
  else if (step.type === 'get') await memory[domain].get(path)
  else if (step.type === 'pull') await pull(device, other)
  else if (step.type === 'undo') await memory.undo(path)
  else {
    const { id, versions } = await memory.getConflict(path)
    await memory.resolveConflict(id, { keep: (versions[0] as (typeof versions)[number]).entryId, index: 0 })
  }
}

/** To the letter: the order of keys and the sign of a zero count. */
function shown(read: Read): string {
  return JSON.stringify(read, (_key, value) => (Object.is(value, -0) ? '-0' : value))
}

async function expectAsRowsSay({ replica }: Device): Promise<void> {
  const rows = replica.snapshotViews()
  for (const domain of ['public', 'private'] as const) {
    for (const name of PATHS) {
      const path = `/acme/web/${name}` as never
      expect(shown(await replica.view(domain).read(path))).toBe(shown(await rows[domain].read(path)))
    }
  }
  await rows.close()
}

/** A device over a store whose writes go through a gate once the rows have them. */
async function gated(): Promise<{ device: Device; gate: Gate }> {
  const gate = new Gate()
  const behind = new MemoryStore({ continuity: 'kept' })
  const runtime = new TestRuntime()
  await createSpace(behind, runtime, { space: 'acme', device: 'device' })
  const store = intercepted(behind, async (_partition, write) => {
    await write()
    await gate.pass()
  })
  return { device: await openDevice(store, runtime), gate }
}

describe('what is read of live entries', () => {
  it('is what the rows say, whatever is written and read at the same time', async () => {
    const moves = fc.array(
      fc.record({
        device: fc.nat(1),
        domain: fc.constantFrom<Domain>('public', 'private'),
        path: fc.constantFrom(...PATHS),
        steps
      }),
      { minLength: 1, maxLength: 6 }
    )
    await fc.assert(
      fc.asyncProperty(moves, async (all) => {
        const both = (await devices(2)) as [Device, Device]
        for (const move of all) {
          const device = both[move.device] as Device
          const other = both[1 - move.device] as Device
          const running = move.steps.map((step) => take(step, move.path, move.domain, device, other))
          await Promise.allSettled(running)
          for (const each of both) await expectAsRowsSay(each)
        }
      }),
      { numRuns: 60 }
    )
  })

  it('P32: never goes back, while a batch is on disk and not acknowledged', async () => {
    const { device, gate } = await gated()
    const { memory } = device
    await memory.public.put('key', 'old')
    const arrived = gate.close()
    const writing = memory.public.put('key', 'new')
    await arrived
    for (let i = 0; i < 3; i++) expect(await memory.public.get('key')).toMatchObject({ value: 'new' })
    gate.open()
    await writing
    expect(await memory.public.get('key')).toMatchObject({ value: 'new' })
  })

  for (const when of ['during a batch', 'after it']) {
    it(`P32: never goes back, when a reader who began before a batch is through ${when}`, async () => {
      const [{ memory, replica, store }] = (await devices(1)) as [Device]
      const { codec } = replica.view('public')
      const token = codec.tokens.of('/acme/web/key' as never)
      const rowNow = (): Promise<Uint8Array | undefined> => store.partition('public').get(liveKey(token))
      await memory.public.put('key', 'old')
      const old = await rowNow()
      await memory.public.put('key', 'new')
      const rows = [resolvers<Uint8Array | undefined>(), resolvers<Uint8Array | undefined>()]
      const [slow, second] = rows as [(typeof rows)[0], (typeof rows)[0]]
      const left = [...rows]
      const live = new LiveEntries({ get: () => left.shift()?.promise } as unknown as RowReader, codec)
      const valueNow = async (): Promise<unknown> => (await live.at(token))[0]?.alternatives[0]?.value

      const before = valueNow()
      const disk = resolvers<void>()
      const writing = live.whileWritten(
        [{ token, live: await replica.view('public').liveAt(token) }],
        () => disk.promise
      )
      if (when === 'during a batch') slow.resolve(old)
      if (when === 'during a batch') expect(await before).toBe('old')
      second.resolve(await rowNow())
      expect(await valueNow()).toBe('new')
      disk.resolve()
      await writing
      slow.resolve(old)
      expect(await before).toBe('old')
      expect(await valueNow()).toBe('new')
    })
  }

  it('is not changed by what a reader does with it', async () => {
    const [{ memory }] = (await devices(1)) as [Device]
    await memory.public.put('key', { list: [1, { deep: 'as written' }] }, { tags: ['tag'] })
    await memory.public.put('bytes', new Uint8Array([1, 2]))
    const read = async (): Promise<unknown> => [
      await memory.public.get('key'),
      await memory.public.get('bytes')
    ]
    const before = JSON.stringify(await read())
    const deface = (value: unknown): void => {
      if (value instanceof Uint8Array) value.fill(9)
      else if (Array.isArray(value)) {
        value.forEach(deface)
        value.push('more')
      } else if (typeof value === 'object' && value !== null) {
        Object.values(value).forEach(deface)
        Object.assign(value, { more: true })
      }
    }
    deface(await read())
    expect(JSON.stringify(await read())).toBe(before)
  })

  it('comes from no row while it is kept, which is not for ever', async () => {
    const { store, reads, reset } = counted(new MemoryStore({ continuity: 'kept' }))
    const runtime = new TestRuntime()
    await createSpace(store, runtime, { space: 'acme', device: 'device' })
    const { memory } = await openDevice(store, runtime)
    const count = 8
    for (let i = 0; i < count; i++) await memory.public.put(`${i}`, runtime.random(900_000))
    reset()
    await memory.public.get(`${count - 1}`)
    expect(reads.get('E')).toBeUndefined()
    await memory.public.get('0')
    expect(reads.get('E')).toBe(1)
  })
})
