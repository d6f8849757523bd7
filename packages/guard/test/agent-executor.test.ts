import { describe, expect, it } from 'vitest'
import { AgentExecutor, ConflictGuard, type DeliveryRequest, type SafeMemoryContext } from '../src/index.ts'
import { codeOf, failureOf, interfere, openWorld, receiveUnreadable, type World } from './world.ts'

const agent = 'reviewer'

interface Setting {
  readonly world: World
  readonly guard: ConflictGuard
  readonly executor: AgentExecutor
  readonly context: SafeMemoryContext
}

async function open(request: Partial<DeliveryRequest> = {}, now?: () => number): Promise<Setting> {
  const world = await openWorld()
  await world.memory.public.put('a', 1)
  const guard = new ConflictGuard(world.memory, now === undefined ? {} : { now })
  const context = await guard.checkAndCreateContext({ agent, ...request })
  return { world, guard, executor: new AgentExecutor(guard), context }
}

describe('execute', () => {
  it('runs a function or an object on the context and answers what it does', async () => {
    const { executor, context } = await open()
    const read = (given: SafeMemoryContext): unknown => given.get('a')?.value
    expect(await executor.execute(read, context)).toBe(1)
    expect(await executor.execute({ run: read }, context)).toBe(1)
    expect(await executor.execute({ name: agent, run: async (given) => read(given) }, context)).toBe(1)
  })

  it('passes on what the agent fails with', async () => {
    const { executor, context } = await open()
    const failure = new Error('no idea')
    const fail = (): never => {
      throw failure
    }
    expect(await failureOf(() => executor.execute(fail, context))).toBe(failure)
    expect(await failureOf(() => executor.execute({ run: async () => fail() }, context))).toBe(failure)
  })

  it('may run the same context again while it is fresh', async () => {
    const { executor, context } = await open()
    await executor.execute(() => 1, context)
    expect(await executor.execute(() => 2, context)).toBe(2)
    expect(context.isFresh).toBe(true)
  })

  it('does not run an agent on a context made for one of another name', async () => {
    const { executor, context } = await open()
    expect(await codeOf(() => executor.execute({ name: 'other', run: () => 1 }, context))).toBe(
      'GUARD_WRONG_AGENT'
    )
  })
})

describe('P33: execute, before the agent starts', () => {
  const started = (): never => {
    throw new Error('the agent was started')
  }

  it.each(['abort', 'finish'] as const)(
    'refuses when a conflict has come since the check (%s)',
    async (onConflict) => {
      const { world, executor, context } = await open({ onConflict })
      await world.contest('/acme/b')
      expect(await codeOf(() => executor.execute(started, context))).toBe('GUARD_CONFLICT_PENDING')
    }
  )

  it.each(['abort', 'finish'] as const)(
    'asks the scope itself, in case nobody heard of it (%s)',
    async (onConflict) => {
      const world = await openWorld()
      const guard = new ConflictGuard(interfere(world.memory, { isDeaf: true }))
      const context = await guard.checkAndCreateContext({ agent, onConflict })
      await world.contest('/acme/b')
      expect(context.isFresh).toBe(true)
      expect(await codeOf(() => new AgentExecutor(guard).execute(started, context))).toBe(
        'GUARD_CONFLICT_PENDING'
      )
      expect(context.isFresh).toBe(false)
    }
  )

  it('refuses when what has come cannot be read', async () => {
    const { world, executor, context } = await open({ onConflict: 'finish' })
    await receiveUnreadable(world, '/acme/web/new')
    expect(await codeOf(() => executor.execute(started, context))).toBe('GUARD_CONFLICT_PENDING')
  })

  it('refuses when a conflict comes while it asks', async () => {
    const world = await openWorld()
    let shouldContest = false
    const memory = interfere(world.memory, {
      afterCheck: async () => {
        if (shouldContest) await world.contest('/acme/b')
      }
    })
    const guard = new ConflictGuard(memory)
    const context = await guard.checkAndCreateContext({ agent, onConflict: 'finish' })
    shouldContest = true
    expect(await codeOf(() => new AgentExecutor(guard).execute(started, context))).toBe(
      'GUARD_CONFLICT_PENDING'
    )
  })

  it('refuses a context that is closed, expired or of a closed guard', async () => {
    const closed = await open()
    await closed.context.close()
    expect(await codeOf(() => closed.executor.execute(started, closed.context))).toBe('GUARD_CONTEXT_CLOSED')

    let time = 0
    const expired = await open({ maxAgeMs: 10 }, () => time)
    time = 10
    expect(await codeOf(() => expired.executor.execute(started, expired.context))).toBe(
      'GUARD_CONTEXT_EXPIRED'
    )

    const ended = await open()
    await ended.guard.close()
    expect(await codeOf(() => ended.executor.execute(started, ended.context))).toBe('GUARD_CONTEXT_CLOSED')
  })

  it('does not start on a signal that has aborted', async () => {
    const { executor, context } = await open()
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    expect(await failureOf(() => executor.execute(started, context, { signal }))).toBe(reason)
  })
})

describe('execute, while the agent runs', () => {
  /** An agent that waits for its signal and never answers. */
  function patient(): {
    run: (context: SafeMemoryContext, options: { signal: AbortSignal }) => Promise<never>
    signal: () => AbortSignal
  } {
    let given: AbortSignal | undefined
    return {
      run: (_, { signal }) => {
        given = signal
        return new Promise<never>(() => {})
      },
      signal: () => given!
    }
  }

  it('aborts when a conflict reaches the scope', async () => {
    const { world, executor, context } = await open()
    const waiting = patient()
    const running = failureOf(() =>
      executor.execute(async (given, options) => {
        await world.contest('/acme/b')
        return waiting.run(given, options)
      }, context)
    )
    expect(await running).toMatchObject({ code: 'GUARD_CONFLICT_PENDING' })
    expect(waiting.signal().aborted).toBe(true)
  })

  it('lets it finish when the request says so', async () => {
    const { world, executor, context } = await open({ onConflict: 'finish' })
    const answer = await executor.execute(async (given, { signal }) => {
      await world.contest('/acme/b')
      return [given.isFresh, signal.aborted, given.get('a')?.value]
    }, context)
    expect(answer).toEqual([false, false, 1])
  })

  it('drops the answer of an agent that went on after a conflict', async () => {
    const { world, executor, context } = await open()
    const run = async (): Promise<string> => {
      await world.contest('/acme/b')
      return 'computed on contested memory'
    }
    expect(await codeOf(() => executor.execute(run, context))).toBe('GUARD_CONFLICT_PENDING')
  })

  it.each([
    ['abort', 'GUARD_CONFLICT_PENDING'],
    ['finish', 'answered']
  ] as const)(
    'asks the scope before the answer counts, in case nobody heard (%s)',
    async (onConflict, expected) => {
      const world = await openWorld()
      const guard = new ConflictGuard(interfere(world.memory, { isDeaf: true }))
      const context = await guard.checkAndCreateContext({ agent, onConflict })
      const run = async (): Promise<string> => {
        await world.contest('/acme/b')
        return 'answered'
      }
      const outcome = new AgentExecutor(guard).execute(run, context)
      expect(await outcome.catch((error: { code: string }) => error.code)).toBe(expected)
    }
  )

  it('drops the answer of an agent that closed its context in passing', async () => {
    const { executor, context } = await open()
    const run = (given: SafeMemoryContext): string => {
      void given.close()
      return 'computed'
    }
    expect(await codeOf(() => executor.execute(run, context))).toBe('GUARD_CONTEXT_CLOSED')
  })

  it("aborts with the caller's reason, and leaves the context alone", async () => {
    const { executor, context } = await open()
    const controller = new AbortController()
    const reason = new Error('enough')
    const waiting = patient()
    const running = failureOf(() =>
      executor.execute(
        (given, options) => {
          queueMicrotask(() => controller.abort(reason))
          return waiting.run(given, options)
        },
        context,
        { signal: controller.signal }
      )
    )
    expect(await running).toBe(reason)
    expect(waiting.signal().reason).toBe(reason)
    expect(context.isFresh).toBe(true)
  })

  it('ends when the context is closed under it', async () => {
    const { executor, context } = await open()
    const run = async (given: SafeMemoryContext): Promise<never> => {
      await given.close()
      return new Promise<never>(() => {})
    }
    expect(await codeOf(() => executor.execute(run, context))).toBe('GUARD_CONTEXT_CLOSED')
  })
})
