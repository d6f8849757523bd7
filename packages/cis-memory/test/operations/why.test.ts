import { recorderOf } from '@cis-memory/core/audit'
import { ConflictGuard } from '@cis-memory/guard'
import { describe, expect, it } from 'vitest'
import { type Device, devices, pull, syncAll } from '../../../core/test/support/world.ts'
import type { WhyItem } from '../../src/index.ts'
import { why } from '../../src/operations/why.ts'
import { collect } from '../devices.ts'

async function open(count = 1): Promise<Device[]> {
  return devices(count, '/acme')
}

async function whyOf(
  { memory }: Device,
  path: string,
  domain: 'public' | 'private' = 'public'
): Promise<WhyItem[]> {
  return collect(why({ memory: memory[domain], audit: memory.audit, domain, path }, {}))
}

/** What each write did, latest first. */
async function acts(device: Device, path = 'a'): Promise<string[]> {
  return (await whyOf(device, path)).map(({ act }) => act)
}

describe('why', () => {
  it('has nothing to say of what was never there', async () => {
    const [here] = (await open()) as [Device]
    expect(await whyOf(here, 'a')).toEqual([])
  })

  it('tells writes in their order, what each replaced, and what is live', async () => {
    const [here] = (await open()) as [Device]
    const first = await here.memory.public.put('a', 1)
    const second = await here.memory.public.put('a', 2)
    const items = await whyOf(here, 'a')
    expect(items).toMatchObject([
      {
        entryId: second.entryId,
        isLive: true,
        act: 'write',
        versions: [{ value: 2, parents: [first.entryId] }]
      },
      { entryId: first.entryId, isLive: false, act: 'write', versions: [{ value: 1, parents: [] }] }
    ])
  })

  it('knows a deletion, an undo, and what says again what an earlier version said', async () => {
    const [here] = (await open()) as [Device]
    const { memory } = here
    await memory.public.put('a', 1)
    await memory.public.delete('a')
    await memory.undo('a')
    await memory.public.put('a', 2, { overwrite: true })
    await memory.public.put('a', 3)
    await memory.public.put('a', 1)
    await memory.public.put('a', 1)
    expect(await acts(here)).toEqual(['write', 'restore', 'write', 'write', 'undo', 'deletion', 'write'])
  })

  it('knows a resolution, and an undo of it, which brings several versions back', async () => {
    const [here, peer] = (await open(2)) as [Device, Device]
    await here.memory.public.put('a', 'ours')
    await peer.memory.public.put('a', 'theirs')
    await syncAll([here, peer])
    const { id } = await here.memory.getConflict('a')
    await here.memory.resolveConflict(id, { keep: 'local' })
    await here.memory.undo('a')
    await syncAll([here, peer])
    const items = await whyOf(here, 'a')
    expect(items.map(({ act }) => act)).toEqual(['undo', 'resolution', 'write', 'write'])
    expect(items[0]?.versions.map(({ value }) => value).sort()).toEqual(['ours', 'theirs'])
    expect(items.map(({ isLive }) => isLive)).toEqual([true, false, false, false])
    // What was replaced before it could sync is not on the other device.
    expect(await acts(peer)).toEqual(['undo', 'write', 'write'])
  })

  it('takes a write on several versions that never came here for a resolution', async () => {
    const [here, peer, third] = (await open(3)) as [Device, Device, Device]
    await here.memory.public.put('a', 'ours')
    await peer.memory.public.put('a', 'theirs')
    await pull(here, peer)
    const { id } = await here.memory.getConflict('a')
    await here.memory.resolveConflict(id, { keep: 'remote' })
    await pull(third, here)
    expect(await acts(third)).toEqual(['resolution'])
  })

  it('does not take a write on equal versions for a resolution', async () => {
    const [here, peer] = (await open(2)) as [Device, Device]
    await here.memory.public.put('a', 'same')
    await peer.memory.public.put('a', 'same')
    await pull(here, peer)
    await here.memory.public.get('a')
    await here.memory.public.put('a', 'next')
    expect(await acts(here)).toEqual(['write', 'restore', 'write'])
  })

  it('tells which agents were given each version, how often and when', async () => {
    const [here] = (await open()) as [Device]
    const guard = new ConflictGuard(here.memory)
    await here.memory.public.put('a', 1)
    for (const agent of ['one', 'two', 'one']) await guard.checkAndCreateContext({ agent })
    await here.memory.public.put('a', 2)
    await guard.checkAndCreateContext({ agent: 'two' })
    await guard.checkAndCreateContext({ agent: 'three', select: { keys: ['other'] } })
    const [second, first] = await whyOf(here, 'a')
    expect(second?.given).toMatchObject([{ agent: 'two', times: 1 }])
    expect(first?.given).toMatchObject([
      { agent: 'one', times: 2 },
      { agent: 'two', times: 1 }
    ])
    const [one] = first?.given ?? []
    expect(one?.firstAt).toBeLessThan(one?.lastAt as number)
  })

  it('does not count a delivery that was taken back', async () => {
    const [here] = (await open()) as [Device]
    const { entryId } = await here.memory.public.put('a', 1)
    const recorder = recorderOf(here.memory.audit)!
    const memories = [{ domain: 'public', path: '/acme/a', entryIds: [entryId] }] as const
    const of = await recorder.record({ kind: 'delivery', agent: 'one', scope: '/acme', memories })
    await recorder.record({
      kind: 'refusal',
      agent: 'one',
      scope: '/acme',
      code: 'GUARD_CONFLICT_PENDING',
      of,
      memories
    })
    expect((await whyOf(here, 'a'))[0]?.given).toEqual([])
  })

  it('names the record of what an agent wrote through its context', async () => {
    const [here] = (await open()) as [Device]
    await here.memory.public.put('a', 1)
    const context = await new ConflictGuard(here.memory).checkAndCreateContext({ agent: 'one' })
    await context.put('a', 2)
    const [byAgent, byOwner] = await whyOf(here, 'a')
    expect(byAgent?.versions[0]?.agent).toBe('one')
    const [written] = await collect(here.memory.audit.list({ kind: 'written' }))
    expect([byAgent?.recordedAs, byOwner?.recordedAs]).toEqual([written?.seq, undefined])
  })

  it('tells of private memory apart from public memory of the same name', async () => {
    const [here] = (await open()) as [Device]
    await here.memory.public.put('a', 'public')
    await here.memory.private.put('a', 'private')
    const request = { agent: 'one', domains: ['private'] } as const
    await new ConflictGuard(here.memory).checkAndCreateContext(request)
    expect(await whyOf(here, 'a', 'private')).toMatchObject([
      { versions: [{ value: 'private' }], given: [{ agent: 'one' }] }
    ])
    expect(await whyOf(here, 'a')).toMatchObject([{ versions: [{ value: 'public' }], given: [] }])
  })
})
