import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/entry/bytes.ts'
import { historyRange } from '../../src/replica/rows.ts'
import { decodeHistoryRow } from '../../src/replica/stored-entry.ts'
import { decodeBatch, encodeBatch } from '../../src/sync/batch.ts'
import { collect, type Device, devices } from '../support/world.ts'
import { sync } from './line.ts'
import { liveIds, token } from './state.ts'

const RUNS = 12
const PATHS = ['a', 'b', 'c/d']
const WHOLE = new Uint8Array(0)

type Deed =
  | {
      readonly type: 'put' | 'delete'
      readonly device: number
      readonly path: number
      readonly value: number
    }
  | { readonly type: 'sync' }

const deed: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constantFrom('put' as const, 'put' as const, 'delete' as const),
      device: fc.nat({ max: 1 }),
      path: fc.nat({ max: PATHS.length - 1 }),
      value: fc.nat({ max: 2 })
    })
  },
  { weight: 2, arbitrary: fc.constant({ type: 'sync' as const }) }
)

/** Ways to bring a device all that another has. */
const WAYS: Readonly<Record<string, (to: Device, from: Device) => Promise<unknown>>> = {
  'the whole feed': (to, from) => sync(to, from),
  'a feed that is pushed': (to, from) => sync(from, to, { direction: 'push' }),
  'the feed of each scope': async (to, from) => {
    for (const scope of ['/acme/web/a', '/acme/web/b', '/acme/web/c']) {
      await sync(to, from, { scope: token(from, scope) })
    }
  },
  'single memories': (to, from) => sync(to, from, { paths: tokens(from) }),
  'broadcasts, in any order and twice': async (to, from) => {
    for (const path of [...tokens(from).reverse(), ...tokens(from)]) {
      const message = encodeBatch(await from.replica.readPaths([path], [WHOLE]))
      await to.replica.ingest(decodeBatch(message))
    }
  }
}

function tokens(device: Device): Uint8Array[] {
  return PATHS.map((path) => token(device, `/acme/web/${path}`))
}

/** Everything a reader sees. */
async function seenBy({ memory, replica }: Device): Promise<unknown> {
  const conflicts = await collect(memory.getUnresolvedConflicts())
  return {
    reads: await Promise.all(
      PATHS.map((path) => memory.public.get(path).then(({ state, base }) => [state, base]))
    ),
    conflicts: conflicts.map(({ id }) => id),
    pending: replica.pendingCount
  }
}

describe('ways of syncing', () => {
  it('P19: feed, scopes, single memories and broadcasts give a new device the same state', async () => {
    const ways = Object.entries(WAYS)
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 12 }), async (deeds) => {
        const [a, b, ...receivers] = (await devices(2 + ways.length)) as [Device, Device, ...Device[]]
        for (const each of deeds) await act([a, b], each)
        await sync(a, b)
        for (const [index, [name, way]] of ways.entries()) {
          const receiver = receivers[index] as Device
          await way(receiver, a)
          expect(await liveIds(receiver), name).toEqual(await liveIds(a))
          expect(await seenBy(receiver), name).toEqual(await seenBy(a))
        }
      }),
      { numRuns: RUNS }
    )
  })

  it('P21: a sync of two devices that know each other ends, and moves exactly what the other has never had', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 1, maxLength: 20 }), async (deeds) => {
        const [a, b] = (await devices(2)) as [Device, Device]
        for (const each of deeds) {
          if (each.type !== 'sync') {
            await act([a, b], each)
            continue
          }
          const difference = { sent: await missingAt(b, a), received: await missingAt(a, b) }
          expect(await sync(a, b)).toMatchObject(difference)
          expect(await liveIds(a)).toEqual(await liveIds(b))
        }
      }),
      { numRuns: 3 * RUNS }
    )
  })
})

/** How many entries are live at one device and were never at the other. */
async function missingAt(there: Device, here: Device): Promise<number> {
  const known = new Set(await liveIds(there))
  for (const path of tokens(there)) {
    for await (const { value } of there.store.partition('public').range(historyRange(path))) {
      known.add(`${toHex(path)} ${decodeHistoryRow(value).id}`)
    }
  }
  return (await liveIds(here)).filter((row) => !known.has(row)).length
}

async function act([a, b]: readonly [Device, Device], deed: Deed): Promise<void> {
  if (deed.type === 'sync') {
    await sync(a, b)
    return
  }
  const { memory } = deed.device === 0 ? a : b
  const path = PATHS[deed.path] as string
  const base = await memory.public.get(path)
  if (deed.type === 'delete') await memory.public.delete(path, { base })
  else await memory.public.put(path, deed.value, { base })
}
