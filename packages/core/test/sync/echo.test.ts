import type { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { type Device, devices, openDevice } from '../support/world.ts'
import { sync } from './line.ts'
import { liveIds } from './state.ts'

async function three(): Promise<[Device, Device, Device]> {
  return (await devices(3)) as [Device, Device, Device]
}

/** The device as it was when `backup` was made, in a store that believes nothing has happened since. */
function restored(device: Device, backup: MemoryStore): Promise<Device> {
  return openDevice(backup, device.runtime)
}

function backUp(device: Device): MemoryStore {
  return (device.store as MemoryStore).copy()
}

describe('P15: the head echo', () => {
  it('makes a restored store a new actor before its next write, whoever dials', async () => {
    for (const isDialling of [true, false]) {
      const [a, b] = await three()
      await a.memory.public.put('before', 1)
      const backup = backUp(a)
      await a.memory.public.put('after', 2)
      await sync(a, b)
      const again = await restored(a, backup)
      const { actor, instance } = again.replica
      expect(actor).toBe(a.replica.actor)
      await (isDialling ? sync(again, b) : sync(b, again))
      expect(again.replica.actor).not.toBe(actor)
      expect(again.replica.instance).not.toEqual(instance)
      await again.memory.public.put('next', 3)
      await sync(again, b)
      expect(await liveIds(again)).toEqual(await liveIds(b))
      expect(await liveIds(b)).toHaveLength(3)
    }
  })

  it('gives a restored store back what it has lost, its own writes included, in either direction', async () => {
    for (const [direction, isDialling] of [
      ['both', true],
      ['pull', true],
      ['both', false],
      ['push', false]
    ] as const) {
      const [a, b, c] = await three()
      await a.memory.public.put('kept', 0)
      await sync(a, b)
      const backup = backUp(a)
      await a.memory.public.put('own', 1)
      await c.memory.public.put('passed on', 2)
      await sync(a, c)
      await sync(a, b)
      const again = await restored(a, backup)
      expect(await liveIds(again)).toHaveLength(1)
      await (isDialling ? sync(again, b, { direction }) : sync(b, again, { direction }))
      expect(await liveIds(again)).toEqual(await liveIds(b))
      expect(await liveIds(again)).toHaveLength(3)
    }
  })

  it('leaves a store alone that has all that is proven of it', async () => {
    const [a, b] = await three()
    await a.memory.public.put('x', 1)
    await sync(a, b)
    await a.memory.public.put('y', 2)
    const { actor, instance } = a.replica
    await sync(a, b)
    await sync(b, a)
    expect(a.replica.actor).toBe(actor)
    expect(a.replica.instance).toEqual(instance)
  })

  it('is judged before anything of the peer is stored', async () => {
    const [a, b] = await three()
    await a.memory.public.put('before', 1)
    const backup = backUp(a)
    await a.memory.public.put('after', 2)
    await sync(a, b)
    const again = await restored(a, backup)
    const events: string[] = []
    const { recogniseHead, ingest } = again.replica
    again.replica.recogniseHead = async (commit) => {
      await recogniseHead.call(again.replica, commit)
      events.push('recognised')
    }
    again.replica.ingest = (...given) => {
      events.push('ingest')
      return ingest.apply(again.replica, given)
    }
    await sync(again, b)
    expect(events[0]).toBe('recognised')
    expect(events.slice(1)).not.toContain('recognised')
    expect(events).toContain('ingest')
  })
})

describe('a restored store that has become a new instance', () => {
  it('P11: is sent what it had sent itself before, which it has lost', async () => {
    for (const isDialling of [true, false]) {
      const [a, b] = await three()
      await a.memory.public.put('kept', 0)
      await sync(a, b)
      const backup = (a.store as MemoryStore).copy({ continuity: 'copied-or-restored' })
      for (let i = 0; i < 3; i++) await a.memory.public.put(`lost/${i}`, i)
      await sync(a, b)
      const again = await restored(a, backup)
      for (let i = 0; i < 8; i++) await again.memory.public.put(`new/${i}`, i)
      expect(again.replica.instance).not.toEqual(a.replica.instance)
      await (isDialling ? sync(again, b) : sync(b, again))
      expect(await liveIds(again)).toEqual(await liveIds(b))
      expect(await liveIds(again)).toHaveLength(12)
    }
  })

  it('is read from its beginning, even when it has grown past where it was', async () => {
    const [a, b, c] = await three()
    await a.memory.public.put('kept', 0)
    const backup = backUp(a)
    for (let i = 0; i < 6; i++) await a.memory.public.put(`lost/${i}`, i)
    for (const device of [b, c]) await sync(device, a, { direction: 'pull' })
    const again = await restored(a, backup)
    await sync(c, again, { direction: 'pull' })
    for (let i = 0; i < 8; i++) await again.memory.public.put(`new/${i}`, i)
    expect(again.replica.end.lsn).toBeGreaterThan(a.replica.end.lsn)
    await sync(b, again, { direction: 'pull' })
    expect(await liveIds(b)).toHaveLength(15)
  })
})

describe('a store that was rolled back without anybody being able to prove it', () => {
  it('is read from its beginning again, since its numbers no longer mean what they did', async () => {
    const [a, b, c] = await three()
    await a.memory.public.put('kept', 0)
    const backup = backUp(a)
    // What it loses came from others, so no head of its own shows the loss.
    for (let i = 0; i < 5; i++) await c.memory.public.put(`c/${i}`, i)
    await sync(a, c)
    await sync(b, a, { direction: 'pull' })
    expect(await liveIds(b)).toHaveLength(6)
    const again = await restored(a, backup)
    const { actor } = again.replica
    await again.memory.public.put('new', 1)
    await sync(b, again, { direction: 'pull' })
    expect(again.replica.actor).toBe(actor)
    expect(await liveIds(b)).toHaveLength(7)
  })

  it('is sent what it had passed on itself, whoever dials', async () => {
    for (const isDialling of [true, false]) {
      const [a, b, c] = await three()
      await a.memory.public.put('kept', 0)
      await sync(a, b)
      const backup = backUp(a)
      for (let i = 0; i < 5; i++) await c.memory.public.put(`c/${i}`, i)
      await sync(a, c)
      await sync(a, b)
      const again = await restored(a, backup)
      await (isDialling ? sync(again, b) : sync(b, again))
      expect(await liveIds(again)).toEqual(await liveIds(b))
      expect(await liveIds(again)).toHaveLength(6)
    }
  })
})
