import type { ConflictMode, Merger } from '@cis-memory/core'
import { describe, expect, it } from 'vitest'
import { collect, pull } from '../../core/test/support/world.ts'
import { ConflictGuard, type ContextMemory, type SafeMemoryContext } from '../src/index.ts'
import { codeOf, interfere, openWorld, receiveFork, receiveUnreadable, type World } from './world.ts'

const agent = 'reviewer'

/**
 * A world whose device has a policy, with `/acme/a` in conflict: this device wrote `mine`, then the peer `theirs` or
 * a deletion, neither having seen the other.
 */
async function inConflict(mode: ConflictMode, theirs: 'value' | 'delete' = 'value'): Promise<World> {
  const auto = mode === 'ai_merge'
  const world = await openWorld({ policies: [{ mode, auto, scope: '/acme/a' }] })
  const { here, peer, memory } = world
  await memory.public.put('a', 'before')
  await pull(peer, here)
  peer.runtime.nowMs = here.runtime.nowMs + 1000
  await memory.public.put('a', 'mine', { agent: 'builder' })
  if (theirs === 'value') await peer.memory.public.put('a', 'theirs', { overwrite: true, agent: 'tester' })
  else await peer.memory.public.delete('a', { overwrite: true })
  await pull(here, peer)
  return world
}

async function deliver({ memory }: World): Promise<SafeMemoryContext> {
  return new ConflictGuard(memory).checkAndCreateContext({ agent, select: { keys: ['a'] } })
}

function given(context: SafeMemoryContext): ContextMemory {
  const memory = context.get('a')
  if (memory === undefined) throw new Error('expected a memory')
  return memory
}

const merger: Merger = async () => ({ value: 'mine and theirs', model: 'scripted', promptHash: 'p1' })

async function conflictId({ memory }: World): Promise<string> {
  return (await memory.getConflict('a')).id
}

/** The entry ids that the last delivery put on record. */
async function deliveredIds({ memory }: World): Promise<readonly string[] | undefined> {
  const [record] = await collect(memory.audit.list({ kind: 'delivery' }))
  return record?.memories[0]?.entryIds
}

describe('where no policy has decided', () => {
  it.each(['manual', 'ai_merge'] as const)('%s delivers nothing', async (mode) => {
    const world = await inConflict(mode)
    expect(await codeOf(() => deliver(world))).toBe('GUARD_CONFLICT_PENDING')
  })

  it.each(['auto_lww', 'keep_all', 'ai_merge'] as const)(
    '%s lets through no fork and nothing unreadable',
    async (mode) => {
      for (const receive of [receiveFork, receiveUnreadable]) {
        const world = await openWorld({ mode, auto: mode === 'ai_merge' })
        await receive(world, '/acme/a')
        expect(await codeOf(() => deliver(world))).toBe('GUARD_CONFLICT_PENDING')
      }
    }
  )

  it('a policy for one path settles nothing elsewhere in the scope', async () => {
    const world = await inConflict('keep_all')
    await world.contest('/acme/b')
    expect(await codeOf(() => deliver(world))).toBe('GUARD_CONFLICT_PENDING')
  })

  it('what nobody contradicts carries no decision', async () => {
    const world = await openWorld({ mode: 'keep_all' })
    await world.memory.public.put('a', 1)
    expect(given(await deliver(world)).decision).toBeUndefined()
  })
})

describe('auto_lww', () => {
  it('delivers the latest, and says that a rule chose it and whose version was put aside', async () => {
    const world = await inConflict('auto_lww')
    const context = await deliver(world)
    const memory = given(context)
    expect(memory).toMatchObject({ value: 'theirs', origin: { agent: 'tester', isLocal: false } })
    expect(memory.decision).toMatchObject({
      mode: 'auto_lww',
      conflictId: await conflictId(world),
      kept: [],
      putAside: [{ agent: 'builder', isLocal: true, kind: 'value' }],
      model: undefined
    })
    expect(JSON.stringify(memory)).not.toContain('mine')
    expect(context.render()).toMatch(
      /<memory path="\/acme\/a" .*agent="tester".* decidedBy="auto_lww" putAside="[^"]* by device-0, agent builder">\n\| theirs\n<\/memory>/
    )
    expect(await deliveredIds(world)).toEqual([memory.origin.entryId])
  })

  it('delivers nothing at a path whose latest version is a deletion, and an agent settles nothing there unseen', async () => {
    const world = await inConflict('auto_lww', 'delete')
    const context = await deliver(world)
    expect(context.get('a')).toBeUndefined()
    expect(await codeOf(() => context.put('a', 'mine again'))).toBe('CORE_STALE_BASE')
  })

  it('lets an agent that was shown the decision write on it, which settles it for everybody', async () => {
    const world = await inConflict('auto_lww')
    const context = await deliver(world)
    const { replaced } = await context.put('a', 'third')
    expect(replaced).toHaveLength(2)
    await pull(world.peer, world.here)
    expect(await world.peer.memory.public.get('a')).toMatchObject({ state: 'value', value: 'third' })
  })
})

describe('keep_all', () => {
  it('delivers every version that can be read, each with its origin', async () => {
    const world = await inConflict('keep_all')
    const context = await deliver(world)
    const memory = given(context)
    expect(memory.value).toBe('theirs')
    expect(memory.decision).toMatchObject({
      mode: 'keep_all',
      kept: [
        { value: 'mine', origin: { agent: 'builder', isLocal: true } },
        { value: 'theirs', origin: { agent: 'tester', isLocal: false } }
      ],
      putAside: []
    })
    expect(await deliveredIds(world)).toEqual(memory.decision?.kept.map(({ origin }) => origin.entryId))
  })

  it('shows all of them in a prompt', async () => {
    const text = (await deliver(await inConflict('keep_all'))).render()
    expect(text).toMatch(
      /<memory path="\/acme\/a" domain="public" decidedBy="keep_all" versions="2">\n<memory-version origin="this device" .*>\n\| mine\n<\/memory-version>\n<memory-version origin="peer" .*>\n\| theirs\n<\/memory-version>\n<\/memory>/
    )
  })

  it('tells of a deletion beside what it keeps', async () => {
    const context = await deliver(await inConflict('keep_all', 'delete'))
    const { decision, value } = given(context)
    expect(value).toBe('mine')
    expect(decision?.kept.map((version) => version.value)).toEqual(['mine'])
    expect(decision?.putAside).toMatchObject([{ kind: 'deleted', isLocal: false }])
    expect(context.render()).toMatch(/putAside="[^"]* by device-1, who deleted it"/)
  })

  it('keeps no version that has expired', async () => {
    const world = await openWorld({ mode: 'keep_all' })
    const { here, peer, memory } = world
    await memory.public.put('a', 'short', { expiresAt: Date.now() + 60_000 })
    await peer.memory.public.put('a', 'long')
    await pull(here, peer)
    const now = Date.now() + 120_000
    here.runtime.nowMs = now
    const guard = new ConflictGuard(memory, { now: () => now })
    const context = await guard.checkAndCreateContext({ agent })
    expect(given(context).decision?.kept.map(({ value }) => value)).toEqual(['long'])
  })

  it('cannot be changed by whoever was given it', async () => {
    const { decision } = given(await deliver(await inConflict('keep_all')))
    expect(decision).toBeDefined()
    for (const target of [
      decision,
      decision?.kept,
      decision?.kept[0],
      decision?.kept[0]?.origin,
      decision?.putAside
    ]) {
      expect(Object.isFrozen(target)).toBe(true)
    }
  })

  it('counts every version towards what a context may hold', async () => {
    const world = await openWorld({ mode: 'keep_all' })
    const mebibyte = (byte: number): Uint8Array => new Uint8Array(1024 * 1024).fill(byte)
    for (let i = 0; i < 22; i++) {
      await world.memory.public.put(`large/${i}`, mebibyte(1))
      await world.peer.memory.public.put(`large/${i}`, mebibyte(2))
    }
    await pull(world.here, world.peer)
    // One that stands for all, and both: three times as much as one value.
    const context = await new ConflictGuard(world.memory).checkAndCreateContext({ agent })
    expect([context.size, context.isComplete]).toEqual([21, false])
  })
})

describe('ai_merge', () => {
  it('delivers what was proposed for exactly these versions, and says what made it of what', async () => {
    const world = await inConflict('ai_merge')
    await world.memory.proposeMerge(await conflictId(world), merger)
    const context = await deliver(world)
    const memory = given(context)
    expect(memory.value).toBe('mine and theirs')
    expect(memory.decision).toMatchObject({
      mode: 'ai_merge',
      model: 'scripted',
      kept: [],
      putAside: [{ agent: 'builder' }, { agent: 'tester' }]
    })
    expect(context.render()).toMatch(
      /decidedBy="ai_merge" model="scripted" mergedFrom="[^"]*agent builder; [^"]*agent tester"/
    )
    expect(await deliveredIds(world)).toHaveLength(2)
  })

  it('delivers nothing of what waits for its owner', async () => {
    const world = await openWorld({ mode: 'ai_merge' })
    await world.contest('/acme/a')
    await world.memory.proposeMerge(await conflictId(world), merger)
    expect(await codeOf(() => deliver(world))).toBe('GUARD_CONFLICT_PENDING')
  })

  it('delivers nothing once the owner has refused it, and ends what was delivered', async () => {
    const world = await inConflict('ai_merge')
    await world.memory.proposeMerge(await conflictId(world), merger)
    const context = await deliver(world)
    await world.memory.refuseProposal(await conflictId(world))
    expect(await codeOf(() => context.get('a'))).toBe('GUARD_CONFLICT_PENDING')
    expect(await codeOf(() => deliver(world))).toBe('GUARD_CONFLICT_PENDING')
  })

  it('lets no agent settle what the owner has refused since, though its versions are those it was shown', async () => {
    const world = await inConflict('ai_merge')
    await world.memory.proposeMerge(await conflictId(world), merger)
    const guard = new ConflictGuard(interfere(world.memory, { isDeaf: true }))
    const context = await guard.checkAndCreateContext({ agent, onConflict: 'finish' })
    await world.memory.refuseProposal(await conflictId(world))
    for (const write of [() => context.put('a', 'as merged'), () => context.delete('a')]) {
      expect(await codeOf(write)).toBe('CORE_CONTESTED')
    }
    expect((await world.memory.public.get('a')).state).toBe('conflict')
  })
})
