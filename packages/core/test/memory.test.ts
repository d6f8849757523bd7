import { describe, expect, it } from 'vitest'
import { type Device, devices } from './support/world.ts'

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
