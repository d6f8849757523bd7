import { describe, expect, it } from 'vitest'
import { reconnectDelayMs } from '../src/backoff.ts'
import { RECONNECT_BASE_MS, RECONNECT_MAX_MS } from '../src/limits.ts'

describe('reconnectDelayMs', () => {
  it('doubles with each failure up to the longest pause', () => {
    const delays = [0, 1, 2, 3, 6, 7, 8, 1000].map((failures) => reconnectDelayMs(failures, 0.999999))
    expect(delays.slice(0, 4)).toEqual([1, 2, 4, 8].map((factor) => factor * RECONNECT_BASE_MS))
    expect(delays.at(-1)).toBe(RECONNECT_MAX_MS)
  })

  it('varies between half and all of the pause, so that peers do not march in step', () => {
    expect(reconnectDelayMs(2, 0)).toBe(2 * RECONNECT_BASE_MS)
    expect(reconnectDelayMs(2, 0.5)).toBe(3 * RECONNECT_BASE_MS)
  })
})
