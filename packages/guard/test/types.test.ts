import type { Memory } from '@cis-memory/core'
import { describe, expect, it } from 'vitest'
import type { AgentExecutor, ConflictGuard, SafeMemoryContext } from '../src/index.ts'
import * as guardPackage from '../src/index.ts'

/*
 * What does not compile. `tsc -p tsconfig.test.json` checks this file: a line marked as an error that compiles after
 * all fails it. Nothing here runs.
 */

type LookAlike = { [Member in keyof SafeMemoryContext]: SafeMemoryContext[Member] }

export function bypasses(
  executor: AgentExecutor,
  guard: ConflictGuard,
  memory: Memory,
  genuine: SafeMemoryContext,
  lookAlike: LookAlike
): void {
  const agent = (context: SafeMemoryContext): number => context.size

  void executor.execute(agent, genuine)

  // @ts-expect-error a raw memory is the owner's
  void executor.execute(agent, memory)
  // @ts-expect-error so is one domain of it
  void executor.execute(agent, memory.public)
  // @ts-expect-error and a snapshot
  void executor.execute(agent, memory.snapshot())
  // @ts-expect-error an object literal
  void executor.execute(agent, { scope: '/', agent: 'a', list: () => [] })
  // @ts-expect-error everything a context has, but made by hand
  void executor.execute(agent, lookAlike)
  // @ts-expect-error a spread leaves the private part behind
  void executor.execute(agent, { ...genuine })
  // @ts-expect-error what JSON gives back
  void executor.execute(agent, JSON.parse(JSON.stringify(genuine)) as object)
  // The compiler takes a structured clone for the real one. It is refused at run time, see bypass.test.ts.
  void executor.execute(agent, structuredClone(genuine))
  // @ts-expect-error a plain object with the right prototype
  void executor.execute(agent, Object.setPrototypeOf({}, Object.getPrototypeOf(genuine) as object) as object)
  // @ts-expect-error a list of memories
  void executor.execute(agent, genuine.list())
  // @ts-expect-error text
  void executor.execute(agent, genuine.render())
  // @ts-expect-error nothing
  void executor.execute(agent, undefined)
  // @ts-expect-error a promise of a context is none yet
  void executor.execute(agent, guard.checkAndCreateContext({ agent: 'a' }))
  // @ts-expect-error notifications of a check that creates nothing
  void executor.execute(agent, guard.checkConflictsBeforeDelivery())

  // @ts-expect-error the class is a type only: there is nothing to construct or extend
  class Mine extends guardPackage.SafeMemoryContext {}
  // @ts-expect-error
  void new guardPackage.SafeMemoryContext()
  // @ts-expect-error the constructor is private where it can be reached
  void new (Object.getPrototypeOf(genuine).constructor as typeof SafeMemoryContext)(Symbol(), {} as never)
  void Mine
}

export function builder(guard: ConflictGuard, executor: AgentExecutor): void {
  const agent = (context: SafeMemoryContext): number => context.size
  const request = guard
    .context()
    .scope('/acme')
    .select({ keys: ['a'] })

  void request.agent('reviewer').checkConflicts()
  // @ts-expect-error nothing can be built before the check
  request.agent('reviewer').build()
  // @ts-expect-error nor before it has ended
  request.agent('reviewer').checkConflicts().build()
  // @ts-expect-error an agent without a name cannot be told apart in what it writes
  void request.checkConflicts()
  // @ts-expect-error a builder is no context
  void executor.execute(agent, request.agent('reviewer'))
  void request
    .agent('reviewer')
    .checkConflicts()
    // @ts-expect-error the outcome of a check is no context before it is built
    .then((checked) => executor.execute(agent, checked))
}

export function configuration(
  memory: Memory,
  Guard: typeof ConflictGuard,
  Executor: typeof AgentExecutor
): void {
  void new Guard(memory, { enforceCheck: true })
  // @ts-expect-error enforcement cannot be turned off
  void new Guard(memory, { enforceCheck: false })
  // @ts-expect-error nor left open
  void new Guard(memory, { enforceCheck: undefined })
  // @ts-expect-error nor be read from somewhere as a boolean
  void new Guard(memory, { enforceCheck: Boolean('true') })
  // @ts-expect-error there is no way to ignore conflicts
  void new Guard(memory).checkAndCreateContext({ agent: 'a', ignoreConflicts: true })
  // @ts-expect-error nor another way to react to them
  void new Guard(memory).checkAndCreateContext({ agent: 'a', onConflict: 'ignore' })
  // @ts-expect-error a guard is not what it looks like
  void new Executor({ ...new Guard(memory) })
  // @ts-expect-error an executor has no use for a memory
  void new Executor(memory)
}

export function contents(context: SafeMemoryContext): void {
  const [first] = context.list()
  // @ts-expect-error memories are read-only
  if (first !== undefined) first.path = '/elsewhere'
  // @ts-expect-error so are their tags
  first?.tags.push('mine')
  // @ts-expect-error and the list of them
  context.list().push()
  // @ts-expect-error and what the context says of itself
  context.scope = '/'
  // @ts-expect-error an agent has no blind writes
  void context.put('a', 1, { overwrite: true })
  // @ts-expect-error nor a base of its own choosing
  void context.put('a', 1, { base: [] })
  // @ts-expect-error nor another name
  void context.put('a', 1, { agent: 'somebody else' })
}

describe('the package', () => {
  it('exports the context as a type only, and nothing that makes one', () => {
    expect(Object.keys(guardPackage).sort()).toEqual([
      'AgentExecutor',
      'ConflictGuard',
      'ConflictPendingError',
      'DEFAULT_CONTEXT_MEMORIES',
      'GuardError',
      'MAX_CONTEXT_BYTES',
      'MAX_CONTEXT_MEMORIES'
    ])
  })
})
