import { describe, expect, it } from 'vitest'
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
