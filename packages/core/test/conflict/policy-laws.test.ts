import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { conflictKind } from '../../src/conflict/detect.ts'
import type { ConflictSettings, EntryId, Path, Read, Version } from '../../src/index.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

/*
 * Devices with different policies write, settle, merge, take back and sync at random. After every step the device that
 * acted is held to what must be true of it whatever its policy; in the end all hold the same.
 */

const RUNS = 40
const SCOPE = '/acme/web'
const PATHS = ['a', 'log/b'] as const
const SETTINGS: readonly ConflictSettings[] = [
  { mode: 'auto_lww' },
  { mode: 'keep_all' },
  { mode: 'ai_merge', auto: true },
  { policies: [{ mode: 'auto_lww', scope: SCOPE, pattern: 'log/*' }] }
]

type Step = {
  readonly type: 'put' | 'delete' | 'put-undo' | 'resolve' | 'restore' | 'propose' | 'refuse' | 'pull'
  readonly device: number
  readonly path: number
  /** A value, a version or another device, as the step needs. */
  readonly pick: number
}

/** One side of the story: a device, and every version it has ever known. */
interface Side {
  readonly device: Device
  readonly known: Map<string, Set<string>>
}

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom(
    'put' as const,
    'put' as const,
    'put' as const,
    'delete' as const,
    'put-undo' as const,
    'put-undo' as const,
    'resolve' as const,
    'restore' as const,
    'propose' as const,
    'refuse' as const,
    'pull' as const,
    'pull' as const,
    'pull' as const
  ),
  device: fc.nat({ max: SETTINGS.length - 1 }),
  path: fc.nat({ max: PATHS.length - 1 }),
  pick: fc.nat({ max: 5 })
})

function nameOf({ entryId, index }: Pick<Version, 'entryId' | 'index'>): string {
  return `${entryId}/${index}`
}

/** What a version says, without who says it. */
function saying({ kind, value, tags }: Pick<Version, 'kind' | 'value' | 'tags'>): unknown {
  return { kind, value, tags }
}

/** What a reader is told, without who wrote it when. */
function told(read: Read): unknown {
  if (read.state === 'absent') return 'absent'
  if (read.state === 'value') return { value: read.value }
  return read.conflict.versions.map((version) => JSON.stringify(saying(version))).sort()
}

async function known({ memory }: Device, path: string): Promise<Version[]> {
  return (await collect(memory.public.history(path))).map(({ version }) => version)
}

async function perform(step: Step, { device }: Side, all: readonly Side[]): Promise<void> {
  const { memory, runtime } = device
  const path = PATHS[step.path] as string
  runtime.nowMs += 1000
  const read = await memory.public.get(path)
  switch (step.type) {
    case 'put':
      // By what was read before: one who saw a conflict may not write over it, one who saw a value may.
      if (read.state !== 'conflict') await memory.public.put(path, `value ${step.pick}`)
      else await expect(memory.public.put(path, 0)).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
      return
    case 'delete':
      if (read.state !== 'conflict') await memory.public.delete(path)
      return
    case 'put-undo': {
      const before = (await collect(memory.public.history(path))).filter(({ isLive }) => isLive)
      if (read.state === 'conflict' || before.length === 0) return
      await memory.public.put(path, 'to be taken back')
      await memory.undo(path)
      const after = (await collect(memory.public.history(path))).filter(({ isLive }) => isLive)
      const sayings = (items: typeof before): unknown[] =>
        [...new Set(items.map(({ version }) => JSON.stringify(saying(version))))].sort()
      expect(sayings(after), 'P34: all that was there is back').toEqual(sayings(before))
      // A merge was proposed for versions by their ids, and these are written anew.
      if (read.settledBy?.mode === 'ai_merge') return
      expect(told(await memory.public.get(path)), 'P34: and is read as it was').toEqual(told(read))
      return
    }
    case 'resolve': {
      const conflict = read.state === 'conflict' ? read.conflict : read.settledBy?.conflict
      if (conflict === undefined) return
      const { entryId, index } = conflict.versions[step.pick % conflict.versions.length] as Version
      const { entryId: written } = await memory.resolveConflict(conflict.id, { keep: entryId, index })
      const [version] = await known(device, path)
      expect(version?.entryId).toBe(written)
      const shown = [...new Set(conflict.versions.map((each) => each.entryId))].sort()
      expect(version?.parents, 'P29: exactly what was shown').toEqual(shown)
      return
    }
    case 'restore': {
      const versions = await known(device, path)
      const version = versions[step.pick % versions.length]
      if (version === undefined) return
      const { entryId, index } = version
      const outcome = memory.restore(path, { entryId, index })
      if (read.state === 'conflict') {
        await expect(outcome).rejects.toMatchObject({ code: 'CORE_CONTESTED' })
        return
      }
      await outcome
      const [restored, ...others] = (await collect(memory.public.history(path))).filter(
        ({ isLive }) => isLive
      )
      expect(others).toEqual([])
      expect(restored && saying(restored.version), 'exactly that version').toEqual(saying(version))
      return
    }
    case 'propose':
    case 'refuse': {
      const conflict = read.state === 'conflict' ? read.conflict : read.settledBy?.conflict
      if (conflict === undefined) return
      const { id } = conflict
      if (step.type === 'propose') {
        const merge = { value: `merge ${step.pick}`, model: 'scripted', promptHash: 'abc' }
        await memory.proposeMerge(id, async () => merge)
      } else if ((await memory.getProposal(id)) !== undefined) {
        await memory.refuseProposal(id)
      }
      return
    }
    case 'pull': {
      const from = all[step.pick % all.length] as Side
      if (from.device !== device) await pull(device, from.device)
      return
    }
  }
}

/** What is true of a device at any moment, whatever its policies. */
async function check({ device, known: before }: Side): Promise<void> {
  const { memory, replica } = device
  await using snapshot = memory.snapshot()
  const contested = (await collect(memory.getUnresolvedConflicts())).map(({ path }) => path).sort()
  expect((await collect(snapshot.conflicts())).map(({ path }) => path).sort()).toEqual(contested)
  const listed = new Map((await collect(memory.public.list())).map(({ read }) => [read.path, read]))
  const settled = (await collect(memory.getSettledConflicts())).filter(
    ({ settledAt }) => settledAt === undefined
  )
  for (const name of PATHS) {
    const path = `${SCOPE}/${name}` as Path
    const live = await replica.view('public').live(path)
    const isInConflict = conflictKind(live) !== undefined
    const read = await memory.public.get(name)
    expect(read.base, 'the base is all that is live').toEqual(live.map(({ entryId }) => entryId))
    expect(told(await snapshot.get('public', name))).toEqual(told(read))
    expect(told(listed.get(path) ?? { ...read, state: 'absent', settledBy: undefined })).toEqual(told(read))
    expect(contested.includes(path), 'contested is what reads as a conflict').toBe(read.state === 'conflict')
    const decided = settled.filter((each) => each.path === path)
    const isDecided = isInConflict && read.state !== 'conflict'
    expect(decided.length, 'what a policy decides is listed').toBe(isDecided ? 1 : 0)
    expect(read.state !== 'conflict' && read.settledBy !== undefined).toBe(isDecided)
    if (isDecided) {
      const ids = new Set(decided[0]?.versions.map(({ entryId }) => entryId))
      expect(ids, 'with every version it decides about').toEqual(new Set<EntryId>(read.base))
    }
    const now = new Set((await known(device, name)).map(nameOf))
    for (const version of before.get(name) ?? []) expect(now, 'no version is ever lost').toContain(version)
    before.set(name, now)
  }
}

describe('devices with different policies', () => {
  it('agree on what is stored, lose no version, and take back what they did (P18 P29 P34)', async () => {
    const story = fc.array(step, { minLength: 1, maxLength: 50, size: 'max' })
    await fc.assert(
      fc.asyncProperty(story, async (steps) => {
        const all: Side[] = (await devices(SETTINGS.length, SCOPE, SETTINGS)).map((device) => ({
          device,
          known: new Map()
        }))
        for (const each of steps) {
          const side = all[each.device] as Side
          await perform(each, side, all)
          await check(side)
        }
        await syncAll(all.map(({ device }) => device))
        const opinions: unknown[] = []
        for (const side of all) {
          await check(side)
          const { store, runtime, replica } = side.device
          expect(await fsck(replica, store)).toEqual([])
          const live = PATHS.map((name) => replica.view('public').live(`${SCOPE}/${name}` as Path))
          const stored = (await Promise.all(live)).map((entries) => entries.map(({ entryId }) => entryId))
          // The same policy makes the same of it on every device.
          const reads: unknown[] = []
          for (const settings of SETTINGS.slice(0, 2)) {
            const { memory } = await openDevice(store, runtime, SCOPE, settings)
            for (const name of PATHS) reads.push(told(await memory.public.get(name)))
          }
          opinions.push({ stored, reads })
        }
        for (const opinion of opinions) expect(opinion).toEqual(opinions[0])
      }),
      { numRuns: RUNS }
    )
  }, 120_000)
})
