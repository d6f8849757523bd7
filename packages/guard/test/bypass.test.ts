import { afterEach, describe, expect, it, vi } from 'vitest'
import { AgentExecutor, ConflictGuard, type DeliveryRequest, type SafeMemoryContext } from '../src/index.ts'
import { codeOf, openWorld, type World } from './world.ts'

/*
 * Ways to run an agent on something the guard has not checked, all of which end in GUARD_UNCHECKED_CONTEXT or
 * earlier. The types forbid them as well, see types.test.ts; here they are cast away, as in JavaScript.
 */

interface Setting {
  readonly world: World
  readonly guard: ConflictGuard
  readonly executor: AgentExecutor
  readonly genuine: SafeMemoryContext
}

async function open(): Promise<Setting> {
  const world = await openWorld()
  await world.memory.public.put('a', 'secret')
  const guard = new ConflictGuard(world.memory)
  const genuine = await guard.checkAndCreateContext({ agent: 'reviewer' })
  return { world, guard, executor: new AgentExecutor(guard), genuine }
}

/** Whether the executor runs an agent on this, whatever the types say. */
async function verdict(executor: AgentExecutor, candidate: unknown): Promise<unknown> {
  let hasStarted = false
  const code = await codeOf(async () => {
    await executor.execute(() => {
      hasStarted = true
    }, candidate as SafeMemoryContext)
    throw new Error('the executor accepted it')
  })
  return hasStarted ? 'the agent was started' : code
}

/** The class of a genuine context, which the package does not export. */
function classOf(genuine: SafeMemoryContext): new (...given: unknown[]) => SafeMemoryContext {
  return genuine.constructor as new (
    ...given: unknown[]
  ) => SafeMemoryContext
}

function describeMembers(genuine: SafeMemoryContext): PropertyDescriptorMap {
  return Object.getOwnPropertyDescriptors(Object.getPrototypeOf(genuine) as object)
}

const forgeries: readonly [string, (setting: Setting) => unknown][] = [
  ['nothing', () => undefined],
  ['null', () => null],
  ['text', ({ genuine }) => genuine.render()],
  [
    'a function',
    ({ genuine }) =>
      () =>
        genuine
  ],
  ['an object literal', () => ({ scope: '/', agent: 'reviewer', list: () => [], get: () => undefined })],
  ['a raw memory', ({ world }) => world.memory],
  ['a domain of a memory', ({ world }) => world.memory.public],
  ['a snapshot of a memory', ({ world }) => world.memory.snapshot()],
  ['the list of memories', ({ genuine }) => genuine.list()],
  ['a promise of a context', ({ genuine }) => Promise.resolve(genuine)],
  ['the guard', ({ guard }) => guard],
  ['a spread', ({ genuine }) => ({ ...genuine })],
  [
    'a look-alike with every member',
    ({ genuine }) => Object.create(null, describeMembers(genuine)) as unknown
  ],
  ['Object.assign', ({ genuine }) => Object.assign({}, genuine)],
  ['JSON', ({ genuine }) => JSON.parse(JSON.stringify(genuine)) as unknown],
  ['a structured clone', ({ genuine }) => structuredClone(genuine)],
  [
    'an object with its prototype',
    ({ genuine }) => Object.create(Object.getPrototypeOf(genuine) as object) as unknown
  ],
  ['an object with it as its prototype', ({ genuine }) => Object.create(genuine) as unknown],
  [
    'a plain object given its prototype',
    ({ genuine }) => Object.setPrototypeOf({}, Object.getPrototypeOf(genuine) as object) as unknown
  ],
  [
    'Reflect.construct with its class as new.target',
    ({ genuine }) => Reflect.construct(Object, [], classOf(genuine)) as unknown
  ],
  ['a proxy around it', ({ genuine }) => new Proxy(genuine, {})],
  [
    'a proxy that answers for it',
    ({ genuine }) =>
      new Proxy(genuine, {
        get: (target, name) => Reflect.get(target, name, target) as unknown,
        has: () => true
      })
  ]
]

describe('P33: the executor', () => {
  it.each(forgeries)('does not run an agent on %s', async (_, forge) => {
    const setting = await open()
    expect(await verdict(setting.executor, forge(setting))).toBe('GUARD_UNCHECKED_CONTEXT')
  })

  it('does not run an agent on a context of another guard, on the same memory or a narrower or wider one', async () => {
    const { world, executor } = await open()
    for (const memory of [world.memory, world.memory.within('web'), (await openWorld()).memory]) {
      const other = await new ConflictGuard(memory).checkAndCreateContext({ agent: 'reviewer' })
      expect(await verdict(executor, other)).toBe('GUARD_UNCHECKED_CONTEXT')
    }
  })

  it('does run one on a genuine context', async () => {
    const { executor, genuine } = await open()
    expect(await executor.execute((context) => context.get('a')?.value, genuine)).toBe('secret')
  })

  it('takes a genuine guard only', async () => {
    const { guard, world } = await open()
    const lookAlikes = [
      undefined,
      {},
      { ...guard },
      Object.create(ConflictGuard.prototype),
      new Proxy(guard, {}),
      world.memory
    ]
    for (const lookAlike of lookAlikes) {
      expect(() => new AgentExecutor(lookAlike as ConflictGuard)).toThrow(TypeError)
    }
  })
})

describe('the class of a context', () => {
  it('constructs nothing, whatever it is given', async () => {
    const { genuine } = await open()
    const Context = classOf(genuine)
    const permits = [
      [],
      [Symbol('made by the guard')],
      [Symbol.for('made by the guard'), genuine],
      [genuine, genuine]
    ]
    for (const given of permits) {
      expect(await codeOf(() => new Context(...given))).toBe('GUARD_UNCHECKED_CONTEXT')
      expect(await codeOf(() => Reflect.construct(Context, given))).toBe('GUARD_UNCHECKED_CONTEXT')
      expect(await codeOf(() => Reflect.construct(Context, given, Object))).toBe('GUARD_UNCHECKED_CONTEXT')
    }
  })

  it('cannot be extended by a class that can be made', async () => {
    const { genuine } = await open()
    const Context = classOf(genuine)
    class Mine extends Context {
      constructor() {
        super(Symbol('made by the guard'), {})
      }
    }
    expect(await codeOf(() => new Mine())).toBe('GUARD_UNCHECKED_CONTEXT')
  })

  it('and its prototype cannot be patched', async () => {
    const { genuine } = await open()
    const prototype = Object.getPrototypeOf(genuine) as object
    for (const target of [genuine, prototype, classOf(genuine)]) {
      expect(Object.isFrozen(target)).toBe(true)
      expect(() => Object.assign(target, { get: () => 'forged' })).toThrow(TypeError)
      expect(() => Object.defineProperty(target, Symbol.hasInstance, { value: () => true })).toThrow(
        TypeError
      )
      expect(() => Object.setPrototypeOf(target, {})).toThrow(TypeError)
    }
  })

  it('gives its methods to no other object', async () => {
    const { genuine, executor } = await open()
    const { get, list } = describeMembers(genuine)
    const borrowed = { get: get?.value as unknown, list: list?.value as unknown } as SafeMemoryContext
    expect(() => borrowed.get('a')).toThrow(TypeError)
    expect(() => borrowed.list()).toThrow(TypeError)
    expect(await verdict(executor, borrowed)).toBe('GUARD_UNCHECKED_CONTEXT')
  })
})

describe('patched built-ins', () => {
  it('do not make a forgery genuine', async () => {
    const { executor } = await open()
    const admission = { guard: undefined }
    const patches = [
      vi.spyOn(WeakSet.prototype, 'has').mockReturnValue(true),
      vi.spyOn(WeakMap.prototype, 'has').mockReturnValue(true),
      vi.spyOn(WeakMap.prototype, 'get').mockReturnValue(admission),
      vi.spyOn(Reflect, 'has').mockReturnValue(true)
    ]
    const running = verdict(executor, {})
    // The executor has judged by now, before its first await.
    for (const patch of patches) patch.mockRestore()
    expect(await running).toBe('GUARD_UNCHECKED_CONTEXT')
  })
})

describe('a guard or executor of somebody’s own', () => {
  it('which overrides the check delivers nothing that runs', async () => {
    const { world } = await open()
    await world.contest('/acme/b')
    class Lax extends ConflictGuard {
      override async checkAndCreateContext(request: DeliveryRequest): Promise<SafeMemoryContext> {
        return {
          scope: '/acme',
          agent: request.agent,
          list: () => [],
          size: 0
        } as unknown as SafeMemoryContext
      }
    }
    const lax = new Lax(world.memory)
    const forged = await lax.checkAndCreateContext({ agent: 'reviewer' })
    expect(await verdict(new AgentExecutor(lax), forged)).toBe('GUARD_UNCHECKED_CONTEXT')
  })

  it('which says that there are no conflicts is not believed', async () => {
    const { world } = await open()
    await world.contest('/acme/b')
    class Blind extends ConflictGuard {
      override async checkConflictsBeforeDelivery(): Promise<readonly []> {
        return []
      }
    }
    const blind = new Blind(world.memory)
    expect(await codeOf(() => blind.checkAndCreateContext({ agent: 'reviewer' }))).toBe(
      'GUARD_CONFLICT_PENDING'
    )
    expect(await codeOf(() => blind.context().agent('reviewer').checkConflicts())).toBe(
      'GUARD_CONFLICT_PENDING'
    )
  })

  it('cannot be made out of the genuine one', async () => {
    const { guard } = await open()
    for (const target of [ConflictGuard, ConflictGuard.prototype, AgentExecutor, AgentExecutor.prototype]) {
      expect(() => Object.assign(target, { execute: () => 'forged' })).toThrow(TypeError)
    }
    Object.defineProperty(guard, 'checkAndCreateContext', { value: async () => ({}) })
    const forged = await guard.checkAndCreateContext({ agent: 'reviewer' })
    expect(await verdict(new AgentExecutor(guard), forged)).toBe('GUARD_UNCHECKED_CONTEXT')
  })
})

describe('an agent', () => {
  it('which keeps its context has nothing of it once it has ended', async () => {
    const { world, executor, genuine } = await open()
    let kept: SafeMemoryContext | undefined
    await executor.execute((given) => {
      kept = given
    }, genuine)
    if (kept === undefined) throw new Error('expected the agent to have run')
    expect(kept.get('a')?.value).toBe('secret')
    await genuine.close()
    const { get } = kept
    for (const use of [
      () => kept?.get('a'),
      () => kept?.list(),
      () => kept?.render(),
      () => kept?.put('a', 'mine'),
      () => kept?.delete('a'),
      () => get.call(kept, 'a')
    ]) {
      expect(await codeOf(use)).toBe('GUARD_CONTEXT_CLOSED')
    }
    expect(await verdict(executor, kept)).toBe('GUARD_CONTEXT_CLOSED')
    expect(await world.memory.public.get('a')).toMatchObject({ value: 'secret' })
  })
})

describe('the files behind the package', () => {
  it('give nobody else the means to make a context', async () => {
    const { takeContextMaker } = await import('../src/safe-memory-context.ts')
    expect(await codeOf(() => takeContextMaker())).toBe('GUARD_UNCHECKED_CONTEXT')
  })

  it('give nobody else what is inside a guard', async () => {
    const { takeGuardOpener } = await import('../src/conflict-guard.ts')
    expect(() => takeGuardOpener()).toThrow(TypeError)
  })

  it('let nobody patch how a context ends', async () => {
    const { ContextLifetime } = await import('../src/context-lifetime.ts')
    expect(() => Object.assign(ContextLifetime.prototype, { checkStartable: async () => {} })).toThrow(
      TypeError
    )
  })
})

describe('a second copy of the package', () => {
  afterEach(() => {
    vi.resetModules()
  })

  it('has its contexts and guards refused by the first, and refuses those of the first', async () => {
    const { guard, executor, genuine } = await open()
    vi.resetModules()
    const copy = await import('../src/index.ts')
    const otherWorld = await (await import('./world.ts')).openWorld()
    expect(copy.ConflictGuard).not.toBe(ConflictGuard)

    const otherGuard = new copy.ConflictGuard(otherWorld.memory)
    const otherContext = await otherGuard.checkAndCreateContext({ agent: 'reviewer' })
    const otherExecutor = new copy.AgentExecutor(otherGuard)
    expect(await otherExecutor.execute(() => 'its own', otherContext)).toBe('its own')
    expect(await verdict(executor, otherContext)).toBe('GUARD_UNCHECKED_CONTEXT')
    expect(await verdict(otherExecutor as unknown as AgentExecutor, genuine)).toBe('GUARD_UNCHECKED_CONTEXT')
    expect(() => new AgentExecutor(otherGuard as unknown as ConflictGuard)).toThrow(TypeError)
    expect(() => new copy.AgentExecutor(guard as unknown as typeof otherGuard)).toThrow(TypeError)
  })

  it('makes no guard of a memory of the first: it could not put on record what it delivers', async () => {
    const { world } = await open()
    vi.resetModules()
    const copy = await import('../src/index.ts')
    expect(await codeOf(() => new copy.ConflictGuard(world.memory))).toBe('GUARD_NO_AUDIT')
  })
})
