import type { Memory } from '@cis-memory/core'
import { describe, expect, it } from 'vitest'
import {
  ConflictGuard,
  ConflictPendingError,
  type ContextMemory,
  type SafeMemoryContext
} from '../src/index.ts'
import {
  CONTESTED_TEXT,
  codeOf,
  failureOf,
  interfere,
  openWorld,
  overlay,
  receiveFork,
  receivePending,
  receiveUnreadable
} from './world.ts'

const agent = 'reviewer'

function paths(memories: Iterable<ContextMemory>): string[] {
  return [...memories].map((memory) => memory.path)
}

function valueAt(context: SafeMemoryContext, path: string): unknown {
  return context.get(path)?.value
}

async function pendingOf(call: () => unknown): Promise<ConflictPendingError> {
  const error = await failureOf(call)
  if (!(error instanceof ConflictPendingError)) throw error
  return error
}

describe('checkAndCreateContext', () => {
  it('gives both domains of a scope in which nothing is contested', async () => {
    const { memory } = await openWorld()
    await memory.public.put('web/timeout', 30)
    await memory.private.put('web/status', 'busy')
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent, scope: 'web' })
    expect(context.scope).toBe('/acme/web')
    expect(valueAt(context, 'timeout')).toBe(30)
    expect(context.get('status', { domain: 'private' })?.value).toBe('busy')
    expect(context.get('status')).toBeUndefined()
  })

  it('refuses while anything in the scope is contested, and names every conflict', async () => {
    const world = await openWorld()
    await world.contest('/acme/web/a')
    await world.contest('/acme/web/b')
    const error = await pendingOf(() => new ConflictGuard(world.memory).checkAndCreateContext({ agent }))
    expect(error.code).toBe('GUARD_CONFLICT_PENDING')
    expect(error.scope).toBe('/acme')
    expect(error.notifications.map(({ path }) => path).sort()).toEqual(['/acme/web/a', '/acme/web/b'])
  })

  it('says of each version who wrote it, when and having seen what', async () => {
    const world = await openWorld()
    await world.contest('/acme/a')
    const error = await pendingOf(() => new ConflictGuard(world.memory).checkAndCreateContext({ agent }))
    const [notification] = error.notifications
    expect(notification?.detectedAt).toBeTypeOf('number')
    expect(notification?.kind).toBe('edit')
    expect(notification?.versions).toHaveLength(2)
    expect(notification?.versions.map(({ isLocal }) => isLocal).sort()).toEqual([false, true])
    for (const version of notification?.versions ?? []) {
      expect(version.deviceName).toBeTypeOf('string')
      expect(version.writtenAt).toBeTypeOf('number')
      expect(version.parents).toBeInstanceOf(Array)
    }
    expect(notification?.versions.map((version) => version.agent)).toContain('builder')
  })

  it('keeps what contested memory says out of the error', async () => {
    const world = await openWorld()
    await world.contest('/acme/a')
    const error = await pendingOf(() => new ConflictGuard(world.memory).checkAndCreateContext({ agent }))
    expect(error.message).not.toMatch(/acme/)
    expect(`${error.message}${error.stack}${JSON.stringify(error.notifications)}`).not.toMatch(CONTESTED_TEXT)
  })

  it('ends its message with the command that settles the conflict', async () => {
    const world = await openWorld()
    await world.contest('/acme/a')
    const error = await pendingOf(() => new ConflictGuard(world.memory).checkAndCreateContext({ agent }))
    expect(error.message.split('\n').at(-1)).toBe(
      `cis memory conflicts resolve ${error.notifications[0]?.id}`
    )
  })

  it('is not blocked by a conflict outside the requested scope', async () => {
    const world = await openWorld()
    await world.memory.public.put('web/a', 1)
    await world.contest('/acme/website')
    await world.contest('/acme/api/a')
    const context = await new ConflictGuard(world.memory).checkAndCreateContext({ agent, scope: '/acme/web' })
    expect(valueAt(context, 'a')).toBe(1)
  })

  it('is blocked by a contested path in scope that is not selected', async () => {
    const world = await openWorld()
    await world.memory.public.put('web/a', 1)
    await world.contest('/acme/web/deep/b')
    const guard = new ConflictGuard(world.memory)
    const selects = [{ keys: ['a'] }, { prefixes: ['other'] }, { query: 'nothing' }, { keys: [] }]
    for (const select of selects) {
      expect(await codeOf(() => guard.checkAndCreateContext({ agent, scope: 'web', select }))).toBe(
        'GUARD_CONFLICT_PENDING'
      )
    }
  })

  it('withholds private memory too while public memory in the scope is contested', async () => {
    const world = await openWorld()
    await world.memory.private.put('web/status', 'busy')
    await world.contest('/acme/web/a')
    const guard = new ConflictGuard(world.memory)
    const request = { agent, scope: 'web', domains: ['private'], select: { keys: ['status'] } } as const
    expect(await codeOf(() => guard.checkAndCreateContext(request))).toBe('GUARD_CONFLICT_PENDING')
  })

  it('is blocked by a contested memory that it reads even where no index names it', async () => {
    const world = await openWorld()
    await world.contest('/acme/a')
    const noIndex: Memory = overlay(world.memory, {
      within: () => noIndex,
      snapshot: () => overlay(world.memory.snapshot(), { async *conflicts() {} })
    })
    for (const select of [{}, { keys: ['a'] }, { query: 'CANARY' }]) {
      const request = { agent, select }
      expect(await codeOf(() => new ConflictGuard(noIndex).checkAndCreateContext(request))).toBe(
        'GUARD_CONFLICT_PENDING'
      )
    }
  })

  it('delivers again once the owner has settled the conflict', async () => {
    const world = await openWorld()
    const guard = new ConflictGuard(world.memory)
    await world.contest('/acme/a')
    expect(await codeOf(() => guard.checkAndCreateContext({ agent }))).toBe('GUARD_CONFLICT_PENDING')
    await world.settle('/acme/a')
    expect((await guard.checkAndCreateContext({ agent })).size).toBe(1)
  })

  it('refuses a scope or a path outside the memory it guards', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory.within('web'))
    for (const scope of ['/', '/acme', '/acme/website', '/other']) {
      expect(await codeOf(() => guard.checkAndCreateContext({ agent, scope }))).toBe('CORE_BAD_PATH')
    }
    for (const select of [{ keys: ['/acme/api/a'] }, { prefixes: ['/acme'] }]) {
      expect(await codeOf(() => guard.checkAndCreateContext({ agent, select }))).toBe('CORE_BAD_PATH')
    }
  })

  it('gives what is judged, and counts the entries that cannot be yet', async () => {
    const world = await openWorld()
    await world.memory.public.put('a', 1)
    await receivePending(world, '/acme/a')
    const context = await new ConflictGuard(world.memory).checkAndCreateContext({ agent })
    expect(context.pending).toBe(1)
    expect(valueAt(context, 'a')).toBe(1)
  })

  it('is blocked by a version that cannot be read, alone or beside others', async () => {
    for (const isAlone of [true, false]) {
      const world = await openWorld()
      if (!isAlone) await world.memory.public.put('web/a', 1)
      await receiveUnreadable(world, '/acme/web/a')
      const guard = new ConflictGuard(world.memory)
      const error = await pendingOf(() => guard.checkAndCreateContext({ agent, scope: 'web' }))
      expect(error.notifications.map(({ kind }) => kind)).toEqual(['unreadable'])
      expect(error.notifications[0]?.versions.map(({ kind }) => kind)).toContain('unreadable')
    }
  })

  it('is blocked by a fork', async () => {
    const world = await openWorld()
    await receiveFork(world, '/acme/web/a')
    const guard = new ConflictGuard(world.memory)
    const error = await pendingOf(() => guard.checkAndCreateContext({ agent, scope: 'web' }))
    expect(error.notifications.map(({ kind }) => kind)).toEqual(['fork'])
    expect(JSON.stringify(error.notifications)).not.toMatch(CONTESTED_TEXT)
  })
})

describe('a selection', () => {
  async function openSome(): Promise<ConflictGuard> {
    const { memory } = await openWorld()
    await memory.public.put('config/timeout', 'thirty')
    await memory.public.put('config/retries', 'three')
    await memory.public.put('configuration', 'no')
    await memory.public.put('notes/tea', 'oolong')
    await memory.private.put('config/token', 'mine')
    return new ConflictGuard(memory)
  }

  it('is everything in scope unless it names something', async () => {
    const context = await (await openSome()).checkAndCreateContext({ agent })
    expect(paths(context).sort()).toEqual([
      '/acme/config/retries',
      '/acme/config/timeout',
      '/acme/config/token',
      '/acme/configuration',
      '/acme/notes/tea'
    ])
  })

  it('takes keys in their order, relative or absolute', async () => {
    const select = { keys: ['notes/tea', '/acme/config/timeout', 'absent'] }
    const context = await (await openSome()).checkAndCreateContext({ agent, select })
    expect(paths(context)).toEqual(['/acme/notes/tea', '/acme/config/timeout'])
    expect(valueAt(context, 'notes/tea')).toBe('oolong')
    expect(valueAt(context, '/acme/notes/tea')).toBe('oolong')
    expect(context.get('config/retries')).toBeUndefined()
  })

  it('takes prefixes segment by segment, and only the domains asked for', async () => {
    const guard = await openSome()
    const select = { prefixes: ['config'] }
    const both = await guard.checkAndCreateContext({ agent, select })
    expect(paths(both).sort()).toEqual(['/acme/config/retries', '/acme/config/timeout', '/acme/config/token'])
    const own = await guard.checkAndCreateContext({ agent, select, domains: ['private'] })
    expect(paths(own)).toEqual(['/acme/config/token'])
  })

  it('takes what a query finds', async () => {
    const context = await (await openSome()).checkAndCreateContext({ agent, select: { query: 'oolong' } })
    expect(paths(context)).toEqual(['/acme/notes/tea'])
  })

  it('gives each memory once, and keys first, when several parts name it', async () => {
    const select = { query: 'three', prefixes: ['config'], keys: ['config/timeout'] }
    const context = await (await openSome()).checkAndCreateContext({ agent, select, domains: ['public'] })
    expect(paths(context)).toEqual(['/acme/config/timeout', '/acme/config/retries'])
  })

  it('says when its limit left something out', async () => {
    const guard = await openSome()
    const some = await guard.checkAndCreateContext({ agent, select: { limit: 4 } })
    expect([some.size, some.isComplete]).toEqual([4, false])
    const all = await guard.checkAndCreateContext({ agent, select: { limit: 5 } })
    expect([all.size, all.isComplete]).toEqual([5, true])
  })

  it('holds no more than 64 MiB of values, whatever peers store', async () => {
    const { memory } = await openWorld()
    const mebibyte = new Uint8Array(1024 * 1024)
    for (let i = 0; i < 65; i++) await memory.public.put(`large/${i}`, mebibyte)
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent })
    expect([context.size, context.isComplete]).toEqual([64, false])
  })

  it.each([
    [{ agent: '' }],
    [{ agent: '  ' }],
    [{ agent, select: { limit: 0 } }],
    [{ agent, select: { limit: 4097 } }],
    [{ agent, select: { limit: 1.5 } }],
    [{ agent, maxAgeMs: 0 }],
    [{ agent, maxAgeMs: Number.NaN }],
    [{ agent, domains: [] }]
  ])('refuses %j as a mistake in the program', async (request) => {
    const { memory } = await openWorld()
    const error = await failureOf(() => new ConflictGuard(memory).checkAndCreateContext(request))
    expect(error instanceof TypeError || error instanceof RangeError).toBe(true)
  })
})

describe('P33: one snapshot for check and read', () => {
  it('refuses when a conflict arrives between them', async () => {
    for (const onConflict of ['abort', 'finish'] as const) {
      const world = await openWorld()
      await world.memory.public.put('a', 'before')
      const memory = interfere(world.memory, { afterCheck: () => world.contest('/acme/a') })
      const guard = new ConflictGuard(memory)
      expect(await codeOf(() => guard.checkAndCreateContext({ agent, onConflict }))).toBe(
        'GUARD_CONFLICT_PENDING'
      )
    }
  })

  it('gives the memory that was checked even when nobody hears of the conflict', async () => {
    const world = await openWorld()
    await world.memory.public.put('a', 'before')
    const memory = interfere(world.memory, { isDeaf: true, afterCheck: () => world.contest('/acme/a') })
    const guard = new ConflictGuard(memory)
    const everything = await guard.checkAndCreateContext({ agent })
    expect(valueAt(everything, 'a')).toBe('before')
    expect(everything.render()).not.toMatch(CONTESTED_TEXT)
  })

  it.each([
    ['everything', {}],
    ['keys', { keys: ['a', 'new'] }],
    ['a query', { query: 'oolong' }]
  ])('gives the memory that was checked and nothing newer, for %s', async (_, select) => {
    const world = await openWorld()
    await world.memory.public.put('a', 'oolong')
    const memory = interfere(world.memory, {
      async afterCheck() {
        await world.peerWrites('/acme/a', 'oolong, newer')
        await world.peerWrites('/acme/new', 'oolong, new')
      }
    })
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent, select })
    expect(paths(context)).toEqual(['/acme/a'])
    expect(valueAt(context, 'a')).toBe('oolong')
  })

  it('reads a request once, so that what was checked is what is delivered', async () => {
    const world = await openWorld()
    await world.memory.public.put('web/a', 1)
    await world.contest('/acme/api/b')
    let reads = 0
    const request = {
      agent,
      get scope() {
        return reads++ === 0 ? 'web' : 'api'
      }
    }
    const context = await new ConflictGuard(world.memory).checkAndCreateContext(request)
    expect(context.scope).toBe('/acme/web')
    expect(reads).toBe(1)
  })
})

describe('checkConflictsBeforeDelivery', () => {
  it('answers what would block, and nothing when nothing does', async () => {
    const world = await openWorld()
    const guard = new ConflictGuard(world.memory)
    expect(await guard.checkConflictsBeforeDelivery()).toEqual([])
    await world.contest('/acme/web/a')
    expect((await guard.checkConflictsBeforeDelivery()).map(({ path }) => path)).toEqual(['/acme/web/a'])
    expect(await guard.checkConflictsBeforeDelivery({ scope: 'api' })).toEqual([])
  })
})

describe('detectNewConflicts', () => {
  it('answers only what was noticed since', async () => {
    const world = await openWorld()
    const guard = new ConflictGuard(world.memory)
    await world.contest('/acme/a')
    const [known] = await guard.checkConflictsBeforeDelivery()
    const since = known?.detectedAt ?? Number.NaN
    expect(await guard.detectNewConflicts({ since })).toHaveLength(1)
    expect(await guard.detectNewConflicts({ since: since + 1 })).toEqual([])
    expect(await guard.detectNewConflicts({ since: 0, scope: 'elsewhere' })).toEqual([])
  })
})

describe('the builder', () => {
  it('builds the context that was checked', async () => {
    const { memory } = await openWorld()
    await memory.public.put('web/a', 1)
    await memory.public.put('web/b', 2)
    const builder = new ConflictGuard(memory)
      .context()
      .scope('web')
      .select({ keys: ['a'] })
      .agent(agent)
    const checked = await builder.checkConflicts()
    const context = checked.build()
    expect(paths(context)).toEqual(['/acme/web/a'])
    expect(context.agent).toBe(agent)
    expect(checked.build()).toBe(context)
  })

  it('has nothing to build from before the check', async () => {
    const { memory } = await openWorld()
    expect('build' in new ConflictGuard(memory).context().agent(agent)).toBe(false)
  })

  it('fails the check while the scope is contested', async () => {
    const world = await openWorld()
    await world.contest('/acme/web/a')
    const builder = new ConflictGuard(world.memory).context().agent(agent)
    expect(await codeOf(() => builder.scope('web').checkConflicts())).toBe('GUARD_CONFLICT_PENDING')
    expect((await builder.scope('api').checkConflicts()).build().size).toBe(0)
  })

  it('does not build when a conflict has come since the check', async () => {
    const world = await openWorld()
    const builder = new ConflictGuard(world.memory).context().agent(agent)
    for (const onConflict of ['abort', 'finish'] as const) {
      const checked = await builder.checkConflicts({ onConflict })
      await world.contest('/acme/a')
      expect(await codeOf(() => checked.build())).toBe('GUARD_CONFLICT_PENDING')
      await world.settle('/acme/a')
    }
  })
})

describe('enforcement', () => {
  it.each([[false], [undefined], ['true'], [1], [null], [{}]])('cannot be %j', async (enforceCheck) => {
    const { memory } = await openWorld()
    const config = { enforceCheck } as unknown as { enforceCheck: true }
    expect(await codeOf(() => new ConflictGuard(memory, config))).toBe('GUARD_ENFORCEMENT_REQUIRED')
  })

  it('cannot be inherited away', async () => {
    const { memory } = await openWorld()
    const config = Object.create({ enforceCheck: false }) as { enforceCheck: true }
    expect(await codeOf(() => new ConflictGuard(memory, config))).toBe('GUARD_ENFORCEMENT_REQUIRED')
  })

  it('may be spelled out', async () => {
    const { memory } = await openWorld()
    expect(new ConflictGuard(memory, { enforceCheck: true })).toBeInstanceOf(ConflictGuard)
  })
})

describe('closing a guard', () => {
  it('ends its contexts, makes no more, and may happen twice', async () => {
    const { memory } = await openWorld()
    await memory.public.put('a', 1)
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    await guard.close()
    await guard.close()
    expect(await codeOf(() => context.get('a'))).toBe('GUARD_CONTEXT_CLOSED')
    expect(await codeOf(() => guard.checkAndCreateContext({ agent }))).toBe('GUARD_CLOSED')
    expect(await codeOf(() => guard.checkConflictsBeforeDelivery())).toBe('GUARD_CLOSED')
  })

  it('leaves the memory open', async () => {
    const { memory } = await openWorld()
    await new ConflictGuard(memory).close()
    expect((await memory.public.get('a')).state).toBe('absent')
  })

  it('stops a check that is under way', async () => {
    const world = await openWorld()
    const memory = interfere(world.memory, { afterCheck: () => guard.close() })
    const guard: ConflictGuard = new ConflictGuard(memory)
    expect(await codeOf(() => guard.checkAndCreateContext({ agent }))).toBe('GUARD_CONTEXT_CLOSED')
  })
})

describe('cancelling', () => {
  it("rejects with the caller's reason", async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory)
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    expect(await failureOf(() => guard.checkAndCreateContext({ agent, signal }))).toBe(reason)
    expect(await failureOf(() => guard.checkConflictsBeforeDelivery({ signal }))).toBe(reason)
    expect(await failureOf(() => guard.detectNewConflicts({ since: 0, signal }))).toBe(reason)
  })

  it('stops a check that is under way', async () => {
    const world = await openWorld()
    await world.memory.public.put('a', 1)
    const controller = new AbortController()
    const reason = new Error('enough')
    const memory = interfere(world.memory, { afterCheck: async () => controller.abort(reason) })
    const { signal } = controller
    expect(await failureOf(() => new ConflictGuard(memory).checkAndCreateContext({ agent, signal }))).toBe(
      reason
    )
  })
})
