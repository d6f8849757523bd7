import { describe, expect, it } from 'vitest'
import type { Memory } from '../src/index.ts'
import { type Device, devices } from './support/world.ts'

describe('a signal given with a listener', () => {
  it('takes back that registration, and no later one of the same listener', async () => {
    const [{ memory }] = (await devices(1)) as [Device]
    const given = new AbortController()
    let heard = 0
    const listener = (): void => {
      heard++
    }
    memory.addEventListener('entry:committed', listener, { signal: given.signal })
    memory.removeEventListener('entry:committed', listener)
    memory.addEventListener('entry:committed', listener)
    given.abort()
    await memory.public.put('key', 1)
    expect(heard).toBe(1)
  })
})

describe('a handle on a scope that was closed', () => {
  it('hears nothing more and is held by nobody, while wider handles go on', async () => {
    const [device] = (await devices(1)) as [Device]
    const { memory, replica } = device
    const heard: string[] = []
    const listeners = replica.events.listenerCount('entry:committed')
    const { signal } = new AbortController()
    memory.addEventListener('entry:committed', () => heard.push('wider'))
    const narrow = memory.within('api')
    narrow.addEventListener('entry:committed', () => heard.push('narrower'))
    narrow.addEventListener('entry:committed', () => heard.push('with a signal'), { signal })
    await memory.public.put('api/key', 1)
    expect(heard.sort()).toEqual(['narrower', 'wider', 'with a signal'])

    await narrow.close()
    narrow.addEventListener('entry:committed', () => heard.push('too late'))
    await memory.public.put('api/key', 2)
    expect(heard.slice(3)).toEqual(['wider'])
    expect(replica.events.listenerCount('entry:committed')).toBe(listeners + 1)
  })
})

describe('a memory that a program in JavaScript uses', () => {
  it('takes no path and no tags for texts that are none', async () => {
    const [{ memory }] = (await devices(1)) as [Device]
    await expect(memory.public.put(5 as never, 1)).rejects.toThrow(new TypeError('path: expected a text'))
    await expect(memory.public.get(undefined as never)).rejects.toThrow(TypeError)
    const tags = 'config' as never
    await expect(memory.public.put('key', 1, { tags })).rejects.toMatchObject({ code: 'CORE_BAD_OPTION' })
    expect(await memory.public.get('key')).toMatchObject({ state: 'absent' })
  })
})

describe('what is asked with a signal that has aborted', () => {
  it.each<[string, (memory: Memory, signal: AbortSignal) => AsyncIterableIterator<unknown>]>([
    ['list', (memory, signal) => memory.public.list({ signal })],
    ['history', (memory, signal) => memory.public.history('nothing', { signal })],
    ['search', (memory, signal) => memory.search('nothing', { signal })],
    ['getUnresolvedConflicts', (memory, signal) => memory.getUnresolvedConflicts({ signal })],
    ['getSettledConflicts', (memory, signal) => memory.getSettledConflicts({ signal })]
  ])('%s is not begun, also where it would find nothing', async (_name, ask) => {
    const [{ memory }] = (await devices(1)) as [Device]
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(ask(memory, signal).next()).rejects.toThrow('enough')
  })
})
