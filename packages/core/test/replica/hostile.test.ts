import { type ActorId, type Timestamp, timestampFromMs } from '@cis-memory/clock'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { BatchEntry } from '../../src/sync/batch.ts'
import { Forger } from '../support/forge.ts'
import { fsck } from '../support/fsck.ts'
import { type Device, devices, pull } from '../support/world.ts'

const PATH = '/acme/web/key'
const ACTORS = 4
const MAX_NUMBER = 3

/** What only honest clocks promise: P5. */
const HOSTILE = /two live entries at one path/

/** An entry that claims to have seen some numbers of the others, and to be of some time. */
interface Claim {
  readonly actor: number
  readonly n: number
  readonly ms: number
  readonly seen: readonly number[]
  /** Which of the claims before it, it names as replaced. */
  readonly names: readonly number[]
}

const claims = fc.uniqueArray(
  fc.record({
    actor: fc.nat(ACTORS - 1),
    n: fc.integer({ min: 1, max: MAX_NUMBER }),
    ms: fc.integer({ min: 1, max: 5 }),
    seen: fc.array(fc.integer({ min: 0, max: MAX_NUMBER }), { minLength: ACTORS, maxLength: ACTORS }),
    names: fc.array(fc.nat(8), { maxLength: 4 })
  }),
  { minLength: 2, maxLength: 9, selector: ({ actor, n }) => `${actor} ${n}` }
)
const moves = fc.array(
  fc.oneof(
    fc.record({ type: fc.constant('arrive' as const), device: fc.nat(2), entry: fc.nat(8) }),
    fc.record({ type: fc.constant('pull' as const), device: fc.nat(2), from: fc.nat(2) }),
    fc.record({ type: fc.constant('clean' as const), device: fc.nat(2) })
  ),
  { minLength: 3, maxLength: 25 }
)

function forge(replica: Device['replica'], all: readonly Claim[]): BatchEntry[] {
  const forgers = Array.from({ length: ACTORS }, (_, i) => new Forger(replica, replica.key, i + 1))
  const forged: BatchEntry[] = []
  for (const { actor, n, ms, seen, names } of all) {
    const forger = forgers[actor] as Forger
    const rows = seen.flatMap((last, who): [ActorId, number][] =>
      who === actor || last === 0 ? [] : [[(forgers[who] as Forger).actor, last]]
    )
    const hlc = timestampFromMs(ms) as Timestamp
    const parents = names.flatMap((at) => forged[at]?.header.id ?? [])
    const entry = forger.entry(PATH, n, { hlc, context: new Map(rows), value: `${actor} ${n}`, parents })
    forged.push(forger.batch([entry]).entries[0] as BatchEntry)
  }
  return forged
}

/** Long after all that was replaced. */
async function clean({ runtime, memory }: Device): Promise<void> {
  const { nowMs } = runtime
  runtime.nowMs += 40 * 86_400_000
  await memory.cleanHistory()
  runtime.nowMs = nowMs
}

async function liveAt({ replica }: Device): Promise<string[]> {
  return (await replica.view('public').live(PATH as never)).map((entry) => entry.entryId).sort()
}

/** h, then k and l, each of which replaces the one before, then c, which has seen l and k and says nothing of h. */
const FORGOTTEN: Claim[] = [
  { actor: 0, n: 1, ms: 1, seen: [0, 0, 0, 0], names: [] },
  { actor: 1, n: 1, ms: 2, seen: [1, 0, 0, 0], names: [0] },
  { actor: 2, n: 1, ms: 3, seen: [1, 1, 0, 0], names: [1] },
  { actor: 3, n: 1, ms: 4, seen: [0, 1, 1, 0], names: [2] }
]

it('P3: replicas that keep exchanging end up with the same versions, whatever members claim to have seen', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 2, max: 3 }), claims, moves, async (count, all, steps) => {
      const replicas = await devices(count)
      const [a] = replicas as [Device]
      const entries = forge(a.replica, all)
      const forgers = Array.from({ length: ACTORS }, (_, i) => new Forger(a.replica, a.replica.key, i + 1))
      const heads = forgers.map(
        (forger) => forger.batch([forger.entry('/acme/web/head', MAX_NUMBER + 1)]).commits[0]
      )
      for (const device of replicas) {
        const commits = heads.flatMap((head) => (head === undefined ? [] : [head]))
        await device.replica.ingest({ records: forgers.map(({ epoch }) => epoch), commits, entries: [] })
      }
      const give = async (device: Device, entry: BatchEntry): Promise<void> => {
        const commits = [{ commit: entry.commit, leaves: undefined }]
        await device.replica.ingest({ records: [], commits, entries: [entry] })
      }
      for (const step of steps) {
        const device = replicas[step.device % count] as Device
        if (step.type === 'clean') await clean(device)
        else if (step.type === 'arrive')
          await give(device, entries[step.entry % entries.length] as BatchEntry)
        else if (step.from % count !== step.device % count)
          await pull(device, replicas[step.from % count] as Device)
      }
      for (let round = 0; round < 12; round++) {
        for (const to of replicas) for (const from of replicas) if (to !== from) await pull(to, from)
      }
      const [first] = await Promise.all(replicas.map(liveAt))
      for (const device of replicas) {
        expect(await liveAt(device)).toEqual(first)
        expect((await fsck(device.replica, device.store)).filter((each) => !HOSTILE.test(each))).toEqual([])
      }
    }),
    {
      numRuns: 60,
      examples: [
        // Cleaned on one device, live on the other, and then brought back by c, which says nothing of it.
        [
          2,
          FORGOTTEN,
          [
            { type: 'arrive', device: 0, entry: 0 },
            { type: 'pull', device: 1, from: 0 },
            { type: 'arrive', device: 1, entry: 1 },
            { type: 'arrive', device: 1, entry: 2 },
            { type: 'clean', device: 1 },
            { type: 'arrive', device: 1, entry: 3 },
            { type: 'arrive', device: 0, entry: 3 }
          ]
        ],
        // The same, of something that the device which cleaned it had sent to the other.
        [
          2,
          FORGOTTEN,
          [
            { type: 'arrive', device: 1, entry: 0 },
            { type: 'pull', device: 0, from: 1 },
            { type: 'arrive', device: 1, entry: 1 },
            { type: 'arrive', device: 1, entry: 2 },
            { type: 'clean', device: 1 },
            { type: 'arrive', device: 1, entry: 3 },
            { type: 'arrive', device: 0, entry: 3 }
          ]
        ],
        [
          2,
          // b, then a that has seen b, then c that has seen a and says nothing of b.
          [
            { actor: 0, n: 1, ms: 2, seen: [0, 1, 0, 0], names: [] },
            { actor: 1, n: 1, ms: 1, seen: [0, 0, 0, 0], names: [] },
            { actor: 2, n: 1, ms: 3, seen: [1, 0, 0, 0], names: [] }
          ],
          [
            { type: 'arrive', device: 0, entry: 0 },
            { type: 'arrive', device: 1, entry: 1 },
            { type: 'arrive', device: 1, entry: 2 },
            { type: 'pull', device: 0, from: 1 }
          ]
        ],
        [
          2,
          // The same, but the first has never heard of b when the second brings it back.
          [
            { actor: 0, n: 1, ms: 2, seen: [0, 1, 0, 0], names: [] },
            { actor: 1, n: 1, ms: 1, seen: [0, 0, 0, 0], names: [] },
            { actor: 2, n: 1, ms: 3, seen: [1, 0, 0, 0], names: [] }
          ],
          [
            { type: 'arrive', device: 1, entry: 1 },
            { type: 'arrive', device: 1, entry: 0 },
            { type: 'arrive', device: 0, entry: 2 }
          ]
        ]
      ]
    }
  )
}, 120_000)
