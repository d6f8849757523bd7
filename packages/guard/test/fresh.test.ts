import { describe, expect, it } from 'vitest'
import { collect, pull } from '../../core/test/support/world.ts'
import { ConflictGuard, type GuardConfig } from '../src/index.ts'
import { codeOf, failureOf, openWorld, type World } from './world.ts'

const agent = 'reviewer'

type Refresh = NonNullable<GuardConfig['refresh']>

async function open(refresh: (world: World) => Refresh): Promise<{ world: World; guard: ConflictGuard }> {
  const world = await openWorld()
  return { world, guard: new ConflictGuard(world.memory, { refresh: refresh(world) }) }
}

const pullsFromPeer = (world: World): Refresh => {
  return () => pull(world.here, world.peer)
}

describe('fresh', () => {
  it('brings in what peers have before the scope is checked', async () => {
    const { world, guard } = await open(pullsFromPeer)
    await world.peer.memory.public.put('web/a', 'news')
    const stale = await guard.checkAndCreateContext({ agent, scope: 'web' })
    const fresh = await guard.checkAndCreateContext({ agent, scope: 'web', fresh: true })
    expect([stale.size, fresh.get('a')?.value]).toEqual([0, 'news'])
    const built = await guard.context().agent(agent).checkConflicts({ fresh: true })
    expect(built.build().size).toBe(1)
  })

  it('is blocked by the conflict it brings in', async () => {
    const { world, guard } = await open(pullsFromPeer)
    await world.memory.public.put('a', 'ours')
    await world.peer.memory.public.put('a', 'theirs')
    await guard.checkAndCreateContext({ agent })
    expect(await codeOf(() => guard.checkAndCreateContext({ agent, fresh: true }))).toBe(
      'GUARD_CONFLICT_PENDING'
    )
  })

  it('names the checked scope and passes the signal on, and asks nobody unless it is asked for', async () => {
    const asked: unknown[] = []
    const { guard } = await open(() => async (...given) => {
      asked.push(given)
    })
    const { signal } = new AbortController()
    await guard.checkAndCreateContext({ agent, scope: 'web' })
    await guard.checkAndCreateContext({ agent, scope: 'web', fresh: false })
    expect(asked).toEqual([])
    await guard.checkAndCreateContext({ agent, scope: 'web', fresh: true, signal })
    await guard.checkAndCreateContext({ agent, fresh: true })
    expect(asked).toEqual([
      ['/acme/web', { signal }],
      ['/acme', {}]
    ])
  })

  it('delivers nothing when peers cannot be asked, says what to do, and puts it on record', async () => {
    const cause = new Error('no route')
    for (const refresh of [
      () => Promise.reject(cause),
      () => {
        throw cause
      }
    ]) {
      const { world, guard } = await open(() => refresh)
      await world.memory.public.put('a', 1)
      const failure = await failureOf(() => guard.checkAndCreateContext({ agent, fresh: true }))
      expect(failure).toMatchObject({ code: 'GUARD_NOT_FRESH', cause })
      expect((failure as Error).message).toContain('cis peers list')
      const records = await collect(world.memory.audit.list())
      expect(records.map(({ kind, code }) => [kind, code])).toEqual([['refusal', 'GUARD_NOT_FRESH']])
    }
  })

  it('delivers nothing when the guard has no way to ask them', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory)
    expect(await codeOf(() => guard.checkAndCreateContext({ agent, fresh: true }))).toBe('GUARD_NOT_FRESH')
  })

  it("rejects with the caller's reason, also when the peers never answer", async () => {
    const controller = new AbortController()
    const reason = new Error('enough')
    const { guard } = await open(() => () => {
      controller.abort(reason)
      return new Promise(() => {})
    })
    const { signal } = controller
    expect(await failureOf(() => guard.checkAndCreateContext({ agent, fresh: true, signal }))).toBe(reason)
  })

  it('delivers nothing from a guard that was closed while it waited', async () => {
    const { guard } = await open(() => () => guard.close())
    expect(await codeOf(() => guard.checkAndCreateContext({ agent, fresh: true }))).toBe('GUARD_CLOSED')
  })

  it('takes true or false only', async () => {
    const { guard } = await open(pullsFromPeer)
    const request = { agent, fresh: 'yes' as unknown as boolean }
    await expect(guard.checkAndCreateContext(request)).rejects.toThrow(TypeError)
  })
})

describe('the name of an agent', () => {
  it('is as long as a label at most, so that what it writes can carry it', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory)
    const longest = 'é'.repeat(127)
    const context = await guard.checkAndCreateContext({ agent: longest })
    await context.put('a', 1)
    for (const name of [`${longest}éé`, '\ud800']) {
      await expect(guard.checkAndCreateContext({ agent: name })).rejects.toThrow(RangeError)
    }
  })
})
