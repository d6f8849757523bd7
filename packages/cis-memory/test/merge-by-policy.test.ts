import { setImmediate } from 'node:timers/promises'
import type { ConflictSettings, Merge, Merger } from '@cis-memory/core'
import { describe, expect, it } from 'vitest'
import { type Device, devices, pull, syncAll } from '../../core/test/support/world.ts'
import { mergeByPolicy } from '../src/merge-by-policy.ts'

const SCOPE = '/acme/web'
const POLICIES = { policies: [{ mode: 'ai_merge', auto: true, scope: SCOPE, pattern: 'notes/**' }] } as const
const MERGE: Merge = { value: 'merged', model: 'scripted', promptHash: 'abc' }

async function two(settings: ConflictSettings = POLICIES): Promise<[Device, Device]> {
  return (await devices(2, SCOPE, [settings])) as [Device, Device]
}

async function contest([a, b]: readonly [Device, Device], ...paths: string[]): Promise<void> {
  for (const path of paths) {
    await a.memory.public.put(path, 'a', { base: await a.memory.public.get(path) })
    b.runtime.nowMs = a.runtime.nowMs + 1000
    await b.memory.public.put(path, 'b', { base: await b.memory.public.get(path) })
  }
  await syncAll([a, b])
}

/** A merger that notes what it is asked for. */
function noting(answer: (path: string) => Merge = () => MERGE): { merger: Merger; asked: string[] } {
  const asked: string[] = []
  const merger: Merger = async ({ conflict }) => {
    asked.push(conflict.path)
    return answer(conflict.path)
  }
  return { merger, asked }
}

/** Rows in memory are read without leaving the turn, so that all is done when it is over. */
const done = (): Promise<void> => setImmediate()

describe('merging by policy', () => {
  it('settles what is open and what comes, where the policy is ai_merge and nowhere else', async () => {
    const both = await two()
    const [a] = both
    await contest(both, 'notes/open', 'config')
    const { merger, asked } = noting()
    await using _merging = mergeByPolicy(a.memory, merger)
    await done()
    expect(await a.memory.public.get('notes/open')).toMatchObject({ value: 'merged' })
    await contest(both, 'notes/one', 'notes/two')
    await done()
    expect(asked).toEqual(['open', 'one', 'two'].map((name) => `${SCOPE}/notes/${name}`))
    expect((await a.memory.public.get('notes/two')).state).toBe('value')
    expect((await a.memory.public.get('config')).state).toBe('conflict')
  })

  it('leaves what was proposed to the owner where the policy does not say that it may be read, and asks once', async () => {
    const both = await two({ mode: 'ai_merge' })
    const [a] = both
    await contest(both, 'key')
    const { merger, asked } = noting()
    for (const _ of ['now', 'after a restart']) {
      await using _merging = mergeByPolicy(a.memory, merger)
      await done()
    }
    const { id } = await a.memory.getConflict('key')
    expect(await a.memory.getProposal(id)).toMatchObject({ value: 'merged' })
    expect((await a.memory.public.get('key')).state).toBe('conflict')
    expect(asked).toHaveLength(1)
  })

  it('does not ask again for what was refused, nor for what an undo has brought back', async () => {
    const both = await two()
    const [a] = both
    await contest(both, 'notes/key')
    const { id } = await a.memory.getConflict('notes/key')
    const { merger, asked } = noting()
    {
      await using _merging = mergeByPolicy(a.memory, merger)
      await done()
      await a.memory.refuseProposal(id)
      await done()
    }
    await a.memory.resolveConflict(id, { keep: 'local' })
    await using _merging = mergeByPolicy(a.memory, merger)
    await a.memory.undo('notes/key')
    await done()
    expect((await a.memory.public.get('notes/key')).state).toBe('conflict')
    expect(asked).toHaveLength(1)
  })

  it('tells of what the merger failed on, and goes on with the others', async () => {
    const both = await two()
    const [a] = both
    await contest(both, 'notes/bad', 'notes/good')
    const { merger } = noting((path) => {
      if (path.endsWith('bad')) throw new Error('the model is down')
      return MERGE
    })
    const failed: string[] = []
    await using _merging = mergeByPolicy(a.memory, merger, {
      onError: (error, { path }) => failed.push(`${path}: ${(error as Error).message}`)
    })
    await done()
    expect(failed).toEqual(['/acme/web/notes/bad: the model is down'])
    expect((await a.memory.public.get('notes/good')).state).toBe('value')
  })

  it('merges anew what has changed while the merger thought', async () => {
    const both = await two()
    const [a, b] = both
    await contest(both, 'notes/key')
    const answers = ['outdated', 'current']
    const merger: Merger = async () => {
      const value = answers.shift() as string
      if (value === 'outdated') {
        const { id } = await b.memory.getConflict('notes/key')
        await b.memory.resolveConflict(id, { value: 'settled by b' })
        await a.memory.resolveConflict(id, { value: 'settled by a' })
        await pull(a, b)
      }
      return { ...MERGE, value }
    }
    const errors: unknown[] = []
    await using _merging = mergeByPolicy(a.memory, merger, { onError: (error) => errors.push(error) })
    await done()
    expect(await a.memory.public.get('notes/key')).toMatchObject({ value: 'current' })
    expect(errors).toEqual([])
  })

  it('ends with its signal or when it is closed, and gives up what it is at', async () => {
    const both = await two()
    const [a] = both
    await contest(both, 'notes/one', 'notes/two')
    let asked = 0
    const errors: unknown[] = []
    const hanging: Merger = ({ signal }) => {
      asked++
      return new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      })
    }
    const merging = mergeByPolicy(a.memory, hanging, { onError: (error) => errors.push(error) })
    await done()
    await merging.close()
    await merging.close()
    await contest(both, 'notes/three')
    await done()
    expect(asked).toBe(1)
    expect(errors, 'its own end is no failure').toEqual([])
  })
})
