import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Device, devices, pull } from '../../core/test/support/world.ts'
import { AgentExecutor, ConflictGuard, type SafeMemoryContext } from '../src/index.ts'
import { codeOf, interfere } from './world.ts'

/*
 * P33: whatever two devices, a guard and agents do, in whatever order, no agent is given a context whose snapshot had
 * a contested path in scope.
 *
 * What is contested is asked of every path one by one, never of the index of conflicts that the guard reads.
 */

const PATHS = ['/acme/a', '/acme/web', '/acme/web/a', '/acme/web/config/a', '/acme/website', '/acme/api/a']
const SCOPES = ['/acme', '/acme/web', '/acme/web/config', '/acme/website', '/acme/api', '/acme/nothing']

type WorldStep =
  | { readonly type: 'write'; readonly device: 0 | 1; readonly path: string; readonly value: number }
  | { readonly type: 'delete'; readonly device: 0 | 1; readonly path: string }
  | { readonly type: 'settle'; readonly device: 0 | 1; readonly path: string; readonly value: number }
  | { readonly type: 'undo'; readonly device: 0 | 1; readonly path: string }
  | { readonly type: 'pull'; readonly to: 0 | 1 }
  /** Both devices write, and the first receives what the other wrote. */
  | { readonly type: 'collide'; readonly path: string }

type Step =
  | WorldStep
  | {
      readonly type: 'check'
      readonly scope: string
      readonly onConflict: 'abort' | 'finish'
      readonly select: 'everything' | 'keys'
      /** Whether events reach the guard. They only inform: the promise must hold without them. */
      readonly isDeaf: boolean
      /** What happens after the conflicts were listed and before memory is read. */
      readonly meanwhile: readonly WorldStep[]
    }
  | { readonly type: 'run'; readonly context: number }
  | { readonly type: 'agent-write'; readonly context: number; readonly path: string; readonly value: number }

const device = fc.constantFrom(0, 1)
const path = fc.constantFrom(...PATHS)
const value = fc.integer({ min: 0, max: 3 })

const worldStep: fc.Arbitrary<WorldStep> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('write'), device, path, value }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('pull'), to: device }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('settle'), device, path, value }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('collide'), path }) },
  fc.record({ type: fc.constant('delete'), device, path }),
  fc.record({ type: fc.constant('undo'), device, path })
)

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: worldStep },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('check'),
      scope: fc.constantFrom(...SCOPES),
      onConflict: fc.constantFrom('abort', 'finish'),
      select: fc.constantFrom('everything', 'keys'),
      isDeaf: fc.boolean(),
      meanwhile: fc.array(worldStep, { maxLength: 3 })
    })
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('run'), context: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('agent-write'), context: fc.nat(), path, value }) }
)

/** Segment by segment, in other words than core's. */
function isIn(scope: string, path: string): boolean {
  const outer = scope.split('/')
  const inner = path.split('/')
  return outer.every((segment, i) => inner[i] === segment)
}

type State = { readonly state: string; readonly value: unknown; readonly ids: readonly string[] }

/** What is at every path of a scope. */
async function statesIn(here: Device, scope: string): Promise<Map<string, State>> {
  const states = new Map<string, State>()
  for (const each of PATHS.filter((path) => isIn(scope, path))) {
    const read = await here.memory.public.get(each)
    states.set(each, {
      state: read.state,
      value: read.state === 'value' ? read.value : undefined,
      ids: read.base
    })
  }
  return states
}

function isContested(states: ReadonlyMap<string, State>): boolean {
  return [...states.values()].some(({ state }) => state === 'conflict')
}

const EXPECTED_FAILURES = ['CORE_CONTESTED', 'CORE_STALE_BASE', 'CORE_CONFLICT_NOT_FOUND', 'CORE_NOT_FOUND']

/** Lets a step fail in the ways it may. */
async function attempt(call: () => Promise<unknown>): Promise<void> {
  const code = await codeOf(async () => {
    await call()
    throw new Error('done')
  })
  if (code instanceof Error && code.message === 'done') return
  if (!EXPECTED_FAILURES.includes(String(code))) throw code
}

interface Delivered {
  readonly context: SafeMemoryContext
  readonly executor: AgentExecutor
  readonly states: ReadonlyMap<string, State>
  /** Versions its agent was shown or has written. */
  readonly seen: Set<string>
}

class World {
  readonly #all: readonly [Device, Device]
  readonly #delivered: Delivered[] = []
  readonly counts: Record<string, number> = {}

  private constructor(all: readonly [Device, Device]) {
    this.#all = all
  }

  static async open(): Promise<World> {
    return new World((await devices(2, '/acme')) as [Device, Device])
  }

  async take(step: Step): Promise<void> {
    switch (step.type) {
      case 'write':
        return attempt(() => this.#memory(step.device).public.put(step.path, step.value, { overwrite: true }))
      case 'delete':
        return attempt(() => this.#memory(step.device).public.delete(step.path, { overwrite: true }))
      case 'undo':
        return attempt(() => this.#memory(step.device).undo(step.path))
      case 'settle':
        return attempt(async () => {
          const { id } = await this.#memory(step.device).getConflict(step.path)
          await this.#memory(step.device).resolveConflict(id, { value: step.value })
        })
      case 'pull':
        return pull(this.#all[step.to], this.#all[1 - step.to] as Device)
      case 'collide':
        await this.take({ type: 'write', device: 0, path: step.path, value: 1 })
        await this.take({ type: 'write', device: 1, path: step.path, value: 2 })
        return this.take({ type: 'pull', to: 0 })
      case 'check':
        return this.#check(step)
      case 'run':
        return this.#run(step.context)
      case 'agent-write':
        return this.#agentWrite(step)
    }
  }

  async #check(step: Step & { type: 'check' }): Promise<void> {
    const [here] = this.#all
    const states = await statesIn(here, step.scope)
    let { meanwhile } = step
    const memory = interfere(here.memory, {
      isDeaf: step.isDeaf,
      afterCheck: async () => {
        const now = meanwhile
        meanwhile = []
        for (const each of now) await this.take(each)
      }
    })
    const guard = new ConflictGuard(memory)
    const select = step.select === 'keys' ? { keys: [...states.keys()] } : {}
    let context: SafeMemoryContext | undefined
    const code = await codeOf(async () => {
      context = await guard.checkAndCreateContext({
        agent: 'reviewer',
        scope: step.scope,
        onConflict: step.onConflict,
        select
      })
      throw new Error('delivered')
    })
    if (context === undefined) {
      expect(code).toBe('GUARD_CONFLICT_PENDING')
      // Refusing without a reason would be safe and useless.
      if (!isContested(states)) expect([step.isDeaf, step.meanwhile.length > 0]).toEqual([false, true])
      this.#count('refused')
      return
    }
    this.#count('delivered')
    if (isContested(states)) throw new Error('a context was delivered although its scope was contested')
    // Equal versions are shown as one.
    const seen = new Set([...states.values()].flatMap(({ ids }) => ids))
    const delivered = { context, states, seen, executor: new AgentExecutor(guard) }
    if (context.isFresh) expectSnapshot(delivered)
    this.#delivered.push(delivered)
  }

  async #run(index: number): Promise<void> {
    const delivered = this.#pick(index)
    if (delivered === undefined) return
    const { executor, context } = delivered
    const states = await statesIn(this.#all[0], context.scope)
    let hasStarted = false
    const code = await codeOf(async () => {
      await executor.execute((given) => {
        hasStarted = true
        expectSnapshot({ ...delivered, context: given })
      }, context)
      throw new Error('answered')
    })
    this.#count(hasStarted ? 'started' : 'not started')
    if (hasStarted) {
      if (isContested(states)) throw new Error('an agent was started although the scope was contested')
      expect(code).toEqual(new Error('answered'))
    } else expect(code).toBe('GUARD_CONFLICT_PENDING')
  }

  async #agentWrite(step: Step & { type: 'agent-write' }): Promise<void> {
    const delivered = this.#pick(step.context)
    if (delivered === undefined || !isIn(delivered.context.scope, step.path)) return
    const { context, seen } = delivered
    const before = await this.#all[0].memory.public.get(step.path)
    let written: { readonly entryId: string; readonly replaced: readonly string[] } | undefined
    const code = await codeOf(async () => {
      written = await context.put(step.path, step.value)
      throw new Error('written')
    })
    this.#count(written === undefined ? 'not written' : 'written')
    if (written === undefined) {
      expect(['CORE_STALE_BASE', 'CORE_CONTESTED', 'GUARD_CONFLICT_PENDING']).toContain(code)
      return
    }
    expect(before.state).not.toBe('conflict')
    // Nothing can be lost where nothing was: a deleted memory needs no base.
    if (before.state === 'value') expect(written.replaced.filter((id) => !seen.has(id))).toEqual([])
    seen.add(written.entryId)
  }

  #memory(device: 0 | 1): Device['memory'] {
    return this.#all[device].memory
  }

  #pick(index: number): Delivered | undefined {
    return this.#delivered[index % Math.max(this.#delivered.length, 1)]
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1
  }
}

/** The context shows exactly what was there when it was checked. */
function expectSnapshot({ context, states }: Pick<Delivered, 'context' | 'states'>): void {
  for (const [path, { state, value }] of states) {
    expect(context.get(path)?.value, path).toEqual(state === 'value' ? value : undefined)
  }
  expect(context.size).toBe([...states.values()].filter(({ state }) => state === 'value').length)
}

describe('P33', () => {
  it('no sequence of steps delivers or runs on a context whose snapshot had a contested path in scope', async () => {
    const counts: Record<string, number> = {}
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }), async (steps) => {
        const world = await World.open()
        for (const each of steps) await world.take(each)
        for (const [what, n] of Object.entries(world.counts)) counts[what] = (counts[what] ?? 0) + n
      }),
      { numRuns: 80 }
    )
    // A property that never gets anywhere holds as well.
    for (const what of ['delivered', 'refused', 'started', 'not started', 'written', 'not written']) {
      expect(counts[what] ?? 0, what).toBeGreaterThan(0)
    }
  })
})
