import type { EntryId, JsonValue } from '@cis-memory/core'
import { describe, expect, it } from 'vitest'
import { pull } from '../../core/test/support/world.ts'
import { contextMemory } from '../src/context-memory.ts'
import { ConflictGuard, type DeliveryRequest, type SafeMemoryContext } from '../src/index.ts'
import { codeOf, interfere, openWorld, type World } from './world.ts'

const agent = 'reviewer'

async function open(
  request: Partial<DeliveryRequest> = {},
  now?: () => number
): Promise<{ world: World; context: SafeMemoryContext }> {
  const world = await openWorld()
  await world.memory.public.put(
    'a',
    { deep: [{ n: 1 }] },
    { tags: ['one'], category: 'numbers', agent: 'author' }
  )
  await world.memory.public.put('bytes', Uint8Array.of(1, 2, 3))
  await world.memory.private.put('own', 'mine')
  const guard = new ConflictGuard(world.memory, now === undefined ? {} : { now })
  return { world, context: await guard.checkAndCreateContext({ agent, ...request }) }
}

describe('what a context gives', () => {
  it('says who wrote each memory, where, when and as which version', async () => {
    const { world, context } = await open()
    const read = await world.memory.public.get('a')
    if (read.state !== 'value') throw new Error('expected a value')
    const { version } = read
    expect(context.get('a')).toMatchObject({
      path: '/acme/a',
      domain: 'public',
      kind: 'value',
      value: { deep: [{ n: 1 }] },
      category: 'numbers',
      tags: ['one'],
      origin: {
        entryId: version.entryId,
        device: version.device,
        deviceName: version.deviceName,
        isLocal: true,
        agent: 'author',
        writtenAt: version.writtenAt
      }
    })
  })

  it('can be walked more than once', async () => {
    const { context } = await open()
    expect([...context].map(({ path }) => path)).toEqual(context.list().map(({ path }) => path))
    expect([...context]).toHaveLength(context.size)
  })

  it('does not change when the memory does', async () => {
    const { world, context } = await open()
    await world.peerWrites('/acme/a', 'newer')
    expect(context.get('a')?.value).toEqual({ deep: [{ n: 1 }] })
  })

  it('stays as it was whatever is done to what it gave', async () => {
    const { context } = await open()
    const first = context.get('a')!
    const attempts = [
      () => Object.assign(first, { value: 'forged' }),
      () => Object.assign(first.origin, { deviceName: 'forged' }),
      () => Object.defineProperty(first, 'value', { value: 'forged' }),
      () => Object.assign(first.value as object, { forged: true }),
      () => ((first.value as { deep: { n: number }[] }).deep[0]!.n = 2),
      () => (first.value as { deep: JsonValue[] }).deep.push('forged'),
      () => (first.tags as string[]).push('forged'),
      () => (first.origin.parents as EntryId[]).push('forged' as EntryId),
      () => (context.list() as unknown[]).pop(),
      () => (context.domains as string[]).push('forged'),
      () => Object.assign(context, { get: () => 'forged' })
    ]
    for (const attempt of attempts) expect(attempt).toThrow(TypeError)
    expect(context.get('a')?.value).toEqual({ deep: [{ n: 1 }] })
    expect(context.get('a')?.tags).toEqual(['one'])
    expect(context.size).toBe(3)
  })

  it('gives bytes as copies, of which none is the one it keeps', async () => {
    const { context } = await open()
    const bytes = context.get('bytes')?.value as Uint8Array
    bytes.fill(9)
    new Uint8Array(bytes.buffer).fill(9)
    expect(context.get('bytes')?.value).toEqual(Uint8Array.of(1, 2, 3))
    expect({ ...context.get('bytes') }.value).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('copies the bytes of a Buffer too, whose own slices share them', async () => {
    const { world } = await open()
    const read = await world.memory.public.get('bytes')
    if (read.state !== 'value') throw new Error('expected a value')
    const buffer = Buffer.from([1, 2, 3])
    const memory = contextMemory('public', { ...read, value: buffer }, 0)
    buffer.fill(9)
    const copy = memory.value as Uint8Array
    copy.fill(9)
    expect(memory.value).toEqual(Uint8Array.of(1, 2, 3))
  })

  it('shows none of its memory when it is printed', async () => {
    const { inspect } = await import('node:util')
    const { context } = await open()
    expect(`${inspect(context, { depth: 9, showHidden: true })}${JSON.stringify(context)}`).not.toMatch(
      /deep|mine/
    )
  })
})

describe('P18: writing through a context', () => {
  it('replaces what the agent was shown, in its name', async () => {
    const { world, context } = await open()
    const written = await context.put('a', 2, {
      tags: ['two'],
      category: 'n',
      contentType: 'application/json'
    })
    expect(written.replaced).toEqual([context.get('a')?.origin.entryId])
    expect(await world.memory.public.get('a')).toMatchObject({
      state: 'value',
      value: 2,
      version: { agent, tags: ['two'], category: 'n', contentType: 'application/json' }
    })
  })

  it('replaces every one of several equal versions that it was shown as one', async () => {
    const world = await openWorld()
    await world.peer.memory.public.put('same', 1)
    await world.memory.public.put('same', 1)
    await pull(world.here, world.peer)
    const context = await new ConflictGuard(world.memory).checkAndCreateContext({ agent })
    expect((await context.put('same', 2)).replaced).toHaveLength(2)
  })

  it('does not make the owner have seen what the agent wrote', async () => {
    const { world, context } = await open()
    await world.memory.public.get('a')
    await context.put('a', 'by the agent')
    expect(await codeOf(() => world.memory.public.put('a', 'by the owner'))).toBe('CORE_STALE_BASE')
  })

  it('leaves what the context gives as it was', async () => {
    const { context } = await open()
    await context.put('a', 2)
    expect(context.get('a')?.value).toEqual({ deep: [{ n: 1 }] })
  })

  it('fails on what the agent has not seen: another version, or something where it was shown nothing', async () => {
    const { world, context } = await open({ select: { keys: ['a', 'absent'] } })
    await world.peerWrites('/acme/a', 'newer')
    await world.peerWrites('/acme/absent', 'new')
    for (const path of ['a', 'absent', 'bytes']) {
      expect(await codeOf(() => context.put(path, 'mine'))).toBe('CORE_STALE_BASE')
      expect(await codeOf(() => context.delete(path))).toBe('CORE_STALE_BASE')
    }
    expect(await world.memory.public.get('a')).toMatchObject({ value: 'newer' })
  })

  it('goes on from what the agent has written itself', async () => {
    const { world, context } = await open()
    await context.put('new', 1)
    await context.put('new', 2)
    await context.delete('new')
    await context.put('/acme/new', 3)
    expect(await world.memory.public.get('new')).toMatchObject({ value: 3 })
  })

  it('cannot be told to overwrite, to take another base or to write in another name', async () => {
    const { world, context } = await open()
    const options: object = { overwrite: true, base: [], agent: 'somebody else' }
    await world.peerWrites('/acme/a', 'newer')
    expect(await codeOf(() => context.put('a', 'mine', options))).toBe('CORE_STALE_BASE')
    expect(await codeOf(() => context.delete('a', options))).toBe('CORE_STALE_BASE')
    await context.put('new', 1, options)
    expect(await world.memory.public.get('new')).toMatchObject({ version: { agent } })
  })

  it('deletes what the agent was shown, and deletes nothing where there is nothing', async () => {
    const { world, context } = await open()
    expect(await context.delete('a')).toMatchObject({ path: '/acme/a' })
    expect((await world.memory.public.get('a')).state).toBe('absent')
    expect(await context.delete('never there')).toBeUndefined()
  })

  it('reaches the first domain of the request unless told, and no domain outside it', async () => {
    const { world, context } = await open({ domains: ['private'] })
    await context.put('own', 'changed')
    expect(await world.memory.private.get('own')).toMatchObject({ value: 'changed' })
    expect((await world.memory.public.get('own')).state).toBe('absent')
    await expect(context.put('own', 1, { domain: 'public' })).rejects.toThrow(RangeError)
    expect(() => context.get('a', { domain: 'public' })).toThrow(RangeError)
  })

  it('reaches nothing outside the scope that was checked', async () => {
    const { context } = await open({ scope: 'web' })
    expect(await codeOf(() => context.put('/acme/a', 1))).toBe('CORE_BAD_PATH')
    expect(await codeOf(() => context.get('/acme/a'))).toBe('CORE_BAD_PATH')
  })
})

describe('P33: the end of a context', () => {
  const uses: readonly [string, (context: SafeMemoryContext) => unknown][] = [
    ['get', (context) => context.get('a')],
    ['list', (context) => context.list()],
    ['iteration', (context) => [...context]],
    ['render', (context) => context.render()],
    ['put', (context) => context.put('new', 1)],
    ['delete', (context) => context.delete('a')]
  ]

  it.each(uses)('closing ends %s', async (_, use) => {
    const { context } = await open()
    await context.close()
    await context.close()
    expect(await codeOf(() => use(context))).toBe('GUARD_CONTEXT_CLOSED')
    expect(context.isFresh).toBe(false)
  })

  it.each(uses)('expiry ends %s', async (_, use) => {
    let time = 1_000
    const { context } = await open({ maxAgeMs: 100 }, () => time)
    expect(context.checkedAt).toBe(1_000)
    time = 1_099
    expect(context.isFresh).toBe(true)
    time = 1_100
    expect(await codeOf(() => use(context))).toBe('GUARD_CONTEXT_EXPIRED')
    expect(context.isFresh).toBe(false)
  })

  it.each(uses)('a conflict in scope ends %s', async (_, use) => {
    const { world, context } = await open()
    await world.contest('/acme/elsewhere')
    expect(await codeOf(() => use(context))).toBe('GUARD_CONFLICT_PENDING')
  })

  it.each(uses)('a conflict does not end %s when the agent may finish', async (_, use) => {
    const { world, context } = await open({ onConflict: 'finish' })
    await world.contest('/acme/elsewhere')
    await use(context)
    expect(context.isFresh).toBe(false)
    expect(context.signal.aborted).toBe(false)
  })

  it('a conflict outside its scope does not end it', async () => {
    const { world, context } = await open({ scope: 'web' })
    await world.contest('/acme/website')
    expect(context.isFresh).toBe(true)
    expect(context.signal.aborted).toBe(false)
  })

  it('aborts the signal with the reason that reads fail with', async () => {
    const { world, context } = await open()
    await world.contest('/acme/elsewhere')
    expect(context.signal.aborted).toBe(true)
    expect(await codeOf(() => context.signal.throwIfAborted())).toBe('GUARD_CONFLICT_PENDING')
  })

  it('is final: settling the conflict does not bring it back', async () => {
    const { world, context } = await open()
    await world.contest('/acme/elsewhere')
    await world.settle('/acme/elsewhere')
    expect(await codeOf(() => context.get('a'))).toBe('GUARD_CONFLICT_PENDING')
    expect(context.isFresh).toBe(false)
  })

  it('lets go of the memory: nothing is left listening', async () => {
    const world = await openWorld()
    let listening = 0
    const memory = interfere(world.memory, {
      onListen: (signal) => {
        listening++
        signal?.addEventListener('abort', () => listening--)
      }
    })
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    const second = await guard.checkAndCreateContext({ agent, onConflict: 'finish' })
    expect(listening).toBe(2)
    await context.close()
    expect(listening).toBe(1)
    await world.contest('/acme/a')
    expect(listening).toBe(0)
    expect(second.isFresh).toBe(false)
    await codeOf(() => guard.checkAndCreateContext({ agent }))
    expect(listening).toBe(0)
  })

  it('comes by itself with await using', async () => {
    const { context } = await open()
    {
      await using held = context
      expect(held.isFresh).toBe(true)
    }
    expect(context.isFresh).toBe(false)
  })
})
