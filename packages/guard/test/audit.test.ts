import { setImmediate } from 'node:timers/promises'
import type { AuditRecord, Memory } from '@cis-memory/core'
import type { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { Gate, intercepted } from '../../core/test/support/store-doubles.ts'
import { collect, type Device, openDevice, pull } from '../../core/test/support/world.ts'
import { AgentExecutor, ConflictGuard, type SafeMemoryContext } from '../src/index.ts'
import { codeOf, failureOf, interfere, openWorld } from './world.ts'

const agent = 'reviewer'

/** What is on record, earliest first, without what a test cannot know. */
async function recordsOf({ audit }: Memory): Promise<Partial<AuditRecord>[]> {
  const records = await collect(audit.list())
  return records.reverse().map(({ at: _, conflictCount, ...record }) => {
    expect(conflictCount).toBe(record.conflicts.length)
    return Object.fromEntries(
      Object.entries(record).filter(([, value]) => value !== undefined && !isEmpty(value))
    ) as Partial<AuditRecord>
  })
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

async function conflictIds(memory: Memory): Promise<string[]> {
  return (await collect(memory.getUnresolvedConflicts())).map(({ id }) => id)
}

describe('what a guard puts on record', () => {
  it('a check, and what it found', async () => {
    const world = await openWorld()
    const guard = new ConflictGuard(world.memory)
    await guard.checkConflictsBeforeDelivery({ scope: 'web' })
    await world.contest('/acme/web/a')
    await guard.detectNewConflicts({ since: 0 })
    expect(await recordsOf(world.memory)).toEqual([
      { seq: 1, kind: 'check', scope: '/acme/web' },
      { seq: 2, kind: 'check', scope: '/acme', conflicts: await conflictIds(world.memory) }
    ])
  })

  it('a delivery, with every version it stands for, in both domains', async () => {
    const world = await openWorld()
    const theirs = await world.peer.memory.public.put('same', 1)
    const ours = await world.memory.public.put('same', 1)
    await pull(world.here, world.peer)
    const own = await world.memory.private.put('own', 2)
    await world.memory.public.put('not/selected', 3)
    const select = { keys: ['same', 'own', 'absent'] }
    await new ConflictGuard(world.memory).checkAndCreateContext({ agent, select })
    const [record] = await recordsOf(world.memory)
    expect(record).toMatchObject({ kind: 'delivery', agent, scope: '/acme' })
    expect(record?.memories).toEqual([
      {
        domain: 'public',
        path: '/acme/same',
        entryIds: expect.arrayContaining([ours.entryId, theirs.entryId]) as string[]
      },
      { domain: 'private', path: '/acme/own', entryIds: [own.entryId] }
    ])
  })

  it('a refusal, with the conflicts that caused it', async () => {
    const world = await openWorld()
    await world.contest('/acme/web/a')
    const guard = new ConflictGuard(world.memory)
    await codeOf(() => guard.checkAndCreateContext({ agent, scope: 'web' }))
    expect(await recordsOf(world.memory)).toEqual([
      {
        seq: 1,
        kind: 'refusal',
        agent,
        scope: '/acme/web',
        conflicts: await conflictIds(world.memory),
        code: 'GUARD_CONFLICT_PENDING'
      }
    ])
  })

  it('no delivery that a conflict has overtaken during the check', async () => {
    const world = await openWorld()
    const memory = interfere(world.memory, { afterCheck: () => world.contest('/acme/a') })
    await codeOf(() => new ConflictGuard(memory).checkAndCreateContext({ agent }))
    expect((await recordsOf(world.memory)).map(({ kind }) => kind)).toEqual(['refusal'])
  })

  it('a refusal of a scope outside, of a guard that is closed, and of whoever changed their mind', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory.within('web'))
    await codeOf(() => guard.checkAndCreateContext({ agent, scope: '/other' }))
    await failureOf(() => guard.checkAndCreateContext({ agent, signal: AbortSignal.abort() }))
    await guard.close()
    await codeOf(() => guard.checkAndCreateContext({ agent }))
    const refusal = { kind: 'refusal', agent, scope: '/acme/web' }
    expect(await recordsOf(memory)).toEqual([
      { ...refusal, seq: 1, code: 'CORE_BAD_PATH' },
      { ...refusal, seq: 2, code: 'ABORTED' },
      { ...refusal, seq: 3, code: 'GUARD_CLOSED' }
    ])
  })

  it('each start of an agent and the end of its run, as checks', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    await new AgentExecutor(guard).execute(() => 1, context)
    expect((await recordsOf(memory)).map(({ kind }) => kind)).toEqual(['delivery', 'check', 'check'])
  })

  it('what the executor refuses to start, forgeries first', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory)
    const executor = new AgentExecutor(guard)
    await codeOf(() => executor.execute(() => 1, { scope: '/' } as unknown as SafeMemoryContext))
    const context = await guard.checkAndCreateContext({ agent, scope: 'web' })
    await codeOf(() => executor.execute({ name: 'other', run: () => 1 }, context))
    await context.close()
    await codeOf(() => executor.execute(() => 1, context))
    expect(await recordsOf(memory)).toEqual([
      { seq: 1, kind: 'refusal', scope: '/acme', code: 'GUARD_UNCHECKED_CONTEXT' },
      { seq: 2, kind: 'delivery', agent, scope: '/acme/web' },
      { seq: 3, kind: 'refusal', agent, scope: '/acme/web', code: 'GUARD_WRONG_AGENT' },
      { seq: 4, kind: 'refusal', agent, scope: '/acme/web', code: 'GUARD_CONTEXT_CLOSED' }
    ])
  })

  it('an answer that does not count, and nothing when an agent fails by itself', async () => {
    const world = await openWorld()
    const guard = new ConflictGuard(world.memory)
    const executor = new AgentExecutor(guard)
    const context = await guard.checkAndCreateContext({ agent })
    await failureOf(() => executor.execute(() => Promise.reject(new Error('no idea')), context))
    await codeOf(() => executor.execute(() => world.contest('/acme/a'), context))
    const conflicts = await conflictIds(world.memory)
    expect((await recordsOf(world.memory)).slice(1)).toEqual([
      { seq: 2, kind: 'check', agent, scope: '/acme' },
      { seq: 3, kind: 'check', agent, scope: '/acme' },
      { seq: 4, kind: 'refusal', agent, scope: '/acme', conflicts, code: 'GUARD_CONFLICT_PENDING' }
    ])
  })

  it('a write before it happens, and what came of it', async () => {
    const world = await openWorld()
    const { entryId } = await world.memory.public.put('a', 1)
    const context = await new ConflictGuard(world.memory).checkAndCreateContext({ agent })
    const put = await context.put('a', 2)
    const deleted = await context.delete('a')
    await context.delete('never')
    await world.peerWrites('/acme/new', 'theirs')
    await codeOf(() => context.put('new', 'mine'))
    const about = { agent, scope: '/acme' }
    const at = (path: string, ...entryIds: string[]): object => ({ domain: 'public', path, entryIds })
    const records = await recordsOf(world.memory)
    expect(records.slice(1)).toEqual([
      { ...about, seq: 2, kind: 'write', memories: [at('/acme/a', entryId)] },
      { ...about, seq: 3, kind: 'written', memories: [at('/acme/a', put.entryId)], of: 2 },
      { ...about, seq: 4, kind: 'write', memories: [at('/acme/a', put.entryId)] },
      { ...about, seq: 5, kind: 'written', memories: [at('/acme/a', deleted?.entryId as string)], of: 4 },
      { ...about, seq: 6, kind: 'write', memories: [expect.objectContaining({ entryIds: [] })] },
      { ...about, seq: 7, kind: 'written', memories: [expect.objectContaining({ entryIds: [] })], of: 6 },
      { ...about, seq: 8, kind: 'write', memories: [at('/acme/new')] },
      { ...about, seq: 9, kind: 'refusal', memories: [at('/acme/new')], code: 'CORE_STALE_BASE', of: 8 }
    ])
  })

  it('a write through a context that has ended, as a refusal', async () => {
    const { memory } = await openWorld()
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent })
    await context.close()
    await codeOf(() => context.put('a', 1))
    expect((await recordsOf(memory))[1]).toMatchObject({ kind: 'refusal', code: 'GUARD_CONTEXT_CLOSED' })
  })

  it('nothing of what memories say', async () => {
    const world = await openWorld()
    await world.memory.public.put('a', 'CANARY', { tags: ['CANARY'], category: 'CANARY' })
    const guard = new ConflictGuard(world.memory)
    const context = await guard.checkAndCreateContext({ agent })
    await context.put('a', 'CANARY, again')
    await world.contest('/acme/b')
    await codeOf(() => guard.checkAndCreateContext({ agent }))
    expect(JSON.stringify(await collect(world.memory.audit.list()))).not.toContain('CANARY')
  })

  it('in a chain that holds', async () => {
    const { memory } = await openWorld()
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    await Promise.all([1, 2, 3].map((n) => context.put(`n${n}`, n)))
    expect(await memory.audit.verify()).toMatchObject({ state: 'intact', records: 7 })
  })
})

describe('before a record is on disk', () => {
  /** A device whose records wait at a gate or fail, as the test says. */
  async function openOn(onRecord: () => Promise<void>): Promise<Device> {
    const { here } = await openWorld()
    const store = intercepted(here.store as MemoryStore, async (partition, write) => {
      if (partition === 'local') await onRecord()
      return write()
    })
    return openDevice(store, here.runtime, '/acme')
  }

  it('no context is handed out', async () => {
    const gate = new Gate()
    const { memory } = await openOn(() => gate.pass())
    const arrived = gate.close()
    let isDelivered = false
    const delivery = new ConflictGuard(memory).checkAndCreateContext({ agent }).then(() => {
      isDelivered = true
    })
    await arrived
    await setImmediate() // whatever did not wait has happened by now
    expect(isDelivered).toBe(false)
    gate.open()
    await delivery
    expect(isDelivered).toBe(true)
  })

  it('nothing is written', async () => {
    const gate = new Gate()
    const { memory } = await openOn(() => gate.pass())
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent })
    const arrived = gate.close()
    const put = context.put('a', 1)
    await arrived
    await setImmediate() // whatever did not wait has happened by now
    expect((await memory.public.get('a')).state).toBe('absent')
    gate.open()
    await put
    expect((await memory.public.get('a')).state).toBe('value')
  })

  it('a context is taken back when a conflict reaches its scope, and that is on record too', async () => {
    const gate = new Gate()
    const world = await openWorld()
    const store = intercepted(world.here.store as MemoryStore, async (partition, write) => {
      if (partition === 'local') await gate.pass()
      return write()
    })
    const here = await openDevice(store, world.here.runtime, '/acme')
    const own = await here.memory.public.put('own', 1)
    await world.peer.memory.public.put('a', 'theirs')
    const arrived = gate.close()
    const outcome = codeOf(() => new ConflictGuard(here.memory).checkAndCreateContext({ agent }))
    await arrived
    const found = new Promise((resolve) => here.memory.addEventListener('conflict:found', resolve))
    await here.memory.public.put('a', 'ours')
    await pull(here, world.peer)
    await found
    gate.open()
    expect(await outcome).toBe('GUARD_CONFLICT_PENDING')
    expect(await recordsOf(here.memory)).toMatchObject([
      { seq: 1, kind: 'delivery' },
      {
        seq: 2,
        kind: 'refusal',
        of: 1,
        code: 'GUARD_CONFLICT_PENDING',
        memories: [{ entryIds: [own.entryId] }]
      }
    ])
  })

  it('an agent does not start on what has come meanwhile, even when nobody hears of it', async () => {
    const gate = new Gate()
    const world = await openWorld()
    const store = intercepted(world.here.store as MemoryStore, async (partition, write) => {
      if (partition === 'local') await gate.pass()
      return write()
    })
    const here = await openDevice(store, world.here.runtime, '/acme')
    const guard = new ConflictGuard(interfere(here.memory, { isDeaf: true }))
    const context = await guard.checkAndCreateContext({ agent, onConflict: 'finish' })
    await world.peer.memory.public.put('a', 'theirs')
    const arrived = gate.close()
    const outcome = codeOf(() =>
      new AgentExecutor(guard).execute(() => {
        throw new Error('the agent was started')
      }, context)
    )
    await arrived
    await here.memory.public.put('a', 'ours')
    await pull(here, world.peer)
    gate.open()
    expect(await outcome).toBe('GUARD_CONFLICT_PENDING')
  })
})

describe('when a record cannot be written', () => {
  /** A device whose disk takes as many records as it is told, and then none. */
  async function openFull(room: { left: number }): Promise<{ memory: Memory; contest(): Promise<void> }> {
    const world = await openWorld()
    const store = intercepted(world.here.store as MemoryStore, async (partition, write) => {
      if (partition === 'local' && room.left-- <= 0) throw new Error('no space left')
      return write()
    })
    const here = await openDevice(store, world.here.runtime, '/acme')
    return {
      memory: here.memory,
      async contest() {
        await here.memory.public.put('b', 1)
        await world.peer.memory.public.put('b', 2)
        await pull(here, world.peer)
      }
    }
  }

  it('nothing is delivered, checked or refused as if it had been', async () => {
    for (const isContested of [false, true]) {
      const { memory, contest } = await openFull({ left: 0 })
      if (isContested) await contest()
      const guard = new ConflictGuard(memory)
      expect(await codeOf(() => guard.checkAndCreateContext({ agent }))).toBe('GUARD_AUDIT_FAILED')
      expect(await codeOf(() => guard.checkConflictsBeforeDelivery())).toBe('GUARD_AUDIT_FAILED')
      const forged = {} as SafeMemoryContext
      expect(await codeOf(() => new AgentExecutor(guard).execute(() => 1, forged))).toBe('GUARD_AUDIT_FAILED')
    }
  })

  it('no agent is started', async () => {
    const { memory } = await openFull({ left: 1 })
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    const started = (): never => {
      throw new Error('the agent was started')
    }
    expect(await codeOf(() => new AgentExecutor(guard).execute(started, context))).toBe('GUARD_AUDIT_FAILED')
  })

  it('an answer does not count', async () => {
    const { memory } = await openFull({ left: 2 })
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    expect(await codeOf(() => new AgentExecutor(guard).execute(() => 1, context))).toBe('GUARD_AUDIT_FAILED')
  })

  it('nothing is written for an agent', async () => {
    const { memory } = await openFull({ left: 1 })
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent })
    expect(await codeOf(() => context.put('a', 1))).toBe('GUARD_AUDIT_FAILED')
    expect(await codeOf(() => context.delete('a'))).toBe('GUARD_AUDIT_FAILED')
    expect((await memory.public.get('a')).state).toBe('absent')
  })

  it('a write that has happened says that it has, and is announced on record', async () => {
    const { memory } = await openFull({ left: 2 })
    const context = await new ConflictGuard(memory).checkAndCreateContext({ agent })
    const failure = await failureOf(() => context.put('a', 1))
    expect(failure).toMatchObject({
      code: 'GUARD_AUDIT_FAILED',
      message: expect.stringContaining('is written') as string
    })
    expect(await memory.public.get('a')).toMatchObject({ value: 1, version: { agent } })
    expect((await recordsOf(memory)).map(({ kind }) => kind)).toEqual(['delivery', 'write'])
  })
})

describe('the audit', () => {
  it('is out of reach for an agent: nothing it is handed leads to a recorder', async () => {
    const { memory } = await openWorld()
    await memory.public.put('a', 1)
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent })
    const reached = new Set<unknown>()
    const walk = (value: unknown): void => {
      if ((typeof value !== 'object' && typeof value !== 'function') || value === null || reached.has(value))
        return
      reached.add(value)
      for (const key of Reflect.ownKeys(value)) {
        const descriptor = Object.getOwnPropertyDescriptor(value, key)
        if (descriptor !== undefined && 'value' in descriptor) walk(descriptor.value)
      }
      walk(Object.getPrototypeOf(value))
    }
    await new AgentExecutor(guard).execute((given, options) => {
      walk(given)
      walk(options)
      walk(given.list())
    }, context)
    expect(reached.has(memory.audit)).toBe(false)
    expect(reached.has(Object.getPrototypeOf(memory.audit))).toBe(false)
    for (const value of reached)
      expect(typeof value === 'object' && value !== null && 'record' in value).toBe(false)
  })
})
