import { describe, expect, it } from 'vitest'
import { RECONNECT_MAX_MS, STABLE_CONNECTION_MS } from '../src/limits.ts'
import { Redialer } from '../src/redialer.ts'
import { newKey } from './support/nodes.ts'
import { VirtualRuntime } from './support/virtual-runtime.ts'

const peer = newKey().id

function setUp({ isReachable = false, isWanted = true } = {}) {
  const runtime = new VirtualRuntime()
  const state = { isReachable, isWanted, dialsAtMs: [] as number[] }
  const redialer: Redialer = new Redialer({
    runtime,
    isWanted: () => state.isWanted,
    dial: async (device) => {
      state.dialsAtMs.push(runtime.now())
      if (!state.isReachable) throw new Error('unreachable')
      redialer.connected(device)
    }
  })
  return { runtime, state, redialer }
}

describe('Redialer', () => {
  it('dials at once, then after growing pauses', async () => {
    const { runtime, state, redialer } = setUp()
    redialer.keep(peer)
    await runtime.advance(4_000)
    expect(state.dialsAtMs).toEqual([0, 500, 1_500, 3_500])
  })

  it('never gives up: a day later it still dials, and no more rarely than the longest pause', async () => {
    const { runtime, state, redialer } = setUp()
    redialer.keep(peer)
    await runtime.advance(24 * 60 * 60 * 1000)
    const before = state.dialsAtMs.length
    await runtime.advance(RECONNECT_MAX_MS)
    expect(state.dialsAtMs.length).toBeGreaterThan(before)
  })

  it('redials after a lost connection, soon if it had been a good one', async () => {
    const { runtime, state, redialer } = setUp({ isReachable: true })
    redialer.keep(peer)
    await runtime.advance(STABLE_CONNECTION_MS)
    redialer.disconnected(peer)
    await runtime.advance(250)
    expect(state.dialsAtMs).toEqual([0, STABLE_CONNECTION_MS + 250])
  })

  it('slows down when connections break as soon as they are made', async () => {
    const { runtime, state, redialer } = setUp({ isReachable: true })
    redialer.keep(peer)
    for (let i = 0; i < 12; i++) {
      await runtime.advance(RECONNECT_MAX_MS)
      redialer.disconnected(peer)
    }
    expect(state.dialsAtMs.length).toBe(12)
    const flapping = setUp({ isReachable: true })
    flapping.redialer.keep(peer)
    for (let i = 0; i < 1_000; i++) {
      flapping.redialer.disconnected(peer)
      await flapping.runtime.advance(100)
    }
    expect(flapping.state.dialsAtMs.length).toBeLessThan(12)
  })

  it('does not dial while a dial is under way or a connection stands', async () => {
    const { runtime, state, redialer } = setUp({ isReachable: true })
    redialer.keep(peer)
    redialer.keep(peer)
    await runtime.advance(0)
    redialer.keep(peer)
    await runtime.advance(RECONNECT_MAX_MS)
    expect(state.dialsAtMs).toEqual([0])
  })

  it('dials at once when told of a peer it was waiting for', async () => {
    const { runtime, state, redialer } = setUp()
    redialer.keep(peer)
    await runtime.advance(100)
    redialer.keep(peer)
    await runtime.advance(0)
    expect(state.dialsAtMs).toEqual([0, 100])
  })

  it('is not hurried by being reminded of a peer', async () => {
    const { runtime, state, redialer } = setUp()
    redialer.ensure(peer)
    for (let i = 0; i < 40; i++) {
      await runtime.advance(100)
      redialer.ensure(peer)
    }
    expect(state.dialsAtMs).toEqual([0, 500, 1_500, 3_500])
  })

  it('forgets a device that is no longer wanted', async () => {
    const { runtime, state, redialer } = setUp()
    redialer.keep(peer)
    await runtime.advance(0)
    state.isWanted = false
    await runtime.advance(RECONNECT_MAX_MS)
    expect(state.dialsAtMs).toEqual([0])
    expect(runtime.pending).toBe(0)
  })

  it('leaves no timer behind when stopped', async () => {
    const { runtime, state, redialer } = setUp()
    redialer.keep(peer)
    await runtime.advance(0)
    redialer.stop()
    redialer.keep(peer)
    await runtime.advance(RECONNECT_MAX_MS)
    expect(state.dialsAtMs).toEqual([0])
    expect(runtime.pending).toBe(0)
  })
})
