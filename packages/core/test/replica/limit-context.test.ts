import { type ActorId, MAX_CONTEXT_ACTORS } from '@cis-memory/clock'
import { expect, it } from 'vitest'
import { limitContext } from '../../src/replica/limit-context.ts'

const actor = (i: number): ActorId => i.toString(16).padStart(32, '0') as ActorId

it('drops from a context that is full the actors that have been succeeded first, and then the shortest', () => {
  const count = MAX_CONTEXT_ACTORS + 10
  const context = new Map(Array.from({ length: count }, (_, i) => [actor(i), count - i]))
  const isRetired = (who: ActorId): boolean => [actor(0), actor(1), actor(2)].includes(who)
  const limited = limitContext(context, isRetired)
  expect(limited.size).toBe(MAX_CONTEXT_ACTORS)
  const dropped = [...context.keys()].filter((who) => !limited.has(who))
  expect(dropped.slice(0, 3)).toEqual([actor(0), actor(1), actor(2)])
  expect(dropped.slice(3)).toEqual(Array.from({ length: 7 }, (_, i) => actor(count - 7 + i)))
  const full = new Map([...context].slice(0, MAX_CONTEXT_ACTORS))
  expect(limitContext(full, () => true)).toEqual(full)
})
