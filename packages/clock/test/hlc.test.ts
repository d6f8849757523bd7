import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  latest,
  type Timestamp,
  tick,
  timestamp,
  timestampCounter,
  timestampFromMs,
  timestampMs,
  ZERO_TIMESTAMP
} from '../src/index.ts'
import { anyTimestamp, anyWallMs, RUNS } from './arbitraries.ts'

const LAST = timestamp(2n ** 64n - 1n)
const MAX_MS = 2 ** 48 - 1

function reading(ms: number, counter: number): Timestamp {
  return timestamp(BigInt(ms) * 65_536n + BigInt(counter))
}

describe('tick', () => {
  it('is later than the last reading and not before the wall clock', () => {
    fc.assert(
      fc.property(anyTimestamp, anyWallMs, (last, nowMs) => {
        fc.pre(last !== LAST)
        const next = tick(last, nowMs)
        expect(next > last).toBe(true)
        expect(next >= timestampFromMs(nowMs)).toBe(true)
      }),
      { numRuns: RUNS }
    )
  })

  it('runs ahead of the clocks it knows by at most one millisecond', () => {
    fc.assert(
      fc.property(anyTimestamp, anyWallMs, (last, nowMs) => {
        fc.pre(last !== LAST)
        const wallMs = Math.min(Math.max(Math.trunc(nowMs), 0), MAX_MS)
        expect(timestampMs(tick(last, nowMs))).toBeLessThanOrEqual(Math.max(timestampMs(last) + 1, wallMs))
      }),
      { numRuns: RUNS }
    )
  })

  it('fits in 64 bits', () => {
    fc.assert(
      fc.property(anyTimestamp, anyWallMs, (last, nowMs) => {
        fc.pre(last !== LAST)
        const next = tick(last, nowMs)
        expect(timestamp(next)).toBe(next)
      }),
      { numRuns: RUNS }
    )
  })

  it('keeps growing while two replicas with wrong clocks write to each other', () => {
    const exchange = fc.record({ sender: fc.boolean(), skewMs: fc.integer({ min: -1e9, max: 1e9 }) })
    fc.assert(
      fc.property(fc.array(exchange, { maxLength: 40 }), (writes) => {
        let seen = ZERO_TIMESTAMP
        const clocks = { left: ZERO_TIMESTAMP, right: ZERO_TIMESTAMP }
        for (const { sender, skewMs } of writes) {
          const [from, to] = sender ? (['left', 'right'] as const) : (['right', 'left'] as const)
          clocks[from] = tick(clocks[from], 2e9 + skewMs)
          clocks[to] = latest(clocks[to], clocks[from])
          expect(clocks[from] > seen).toBe(true)
          seen = clocks[from]
        }
      }),
      { numRuns: 500 }
    )
  })

  it('starts the counter at zero in a new millisecond', () => {
    expect(tick(reading(5, 9), 6)).toBe(reading(6, 0))
  })

  it('counts within one millisecond', () => {
    expect(tick(reading(5, 9), 5)).toBe(reading(5, 10))
  })

  it('goes on counting when the clock is set back', () => {
    expect(tick(reading(5_000, 9), 4)).toBe(reading(5_000, 10))
  })

  it('carries a full counter into the milliseconds', () => {
    expect(tick(reading(5, 65_535), 5)).toBe(reading(6, 0))
    expect(tick(reading(5, 65_535), 4)).toBe(reading(6, 0))
  })

  it('ends with CLOCK_LIMIT rather than starting over', () => {
    expect(tick(reading(MAX_MS, 65_534), 0)).toBe(LAST)
    expect(() => tick(LAST, 0)).toThrow(expect.objectContaining({ code: 'CLOCK_LIMIT' }))
    expect(() => tick(LAST, Number.MAX_VALUE)).toThrow(expect.objectContaining({ code: 'CLOCK_LIMIT' }))
  })
})

describe('timestamps', () => {
  it('are milliseconds and a counter', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_MS }), fc.nat({ max: 65_535 }), (ms, counter) => {
        const value = reading(ms, counter)
        expect([timestampMs(value), timestampCounter(value)]).toEqual([ms, counter])
        expect(timestampFromMs(ms)).toBe(reading(ms, 0))
      }),
      { numRuns: RUNS }
    )
  })

  it('compare first by milliseconds, then by counter', () => {
    fc.assert(
      fc.property(anyTimestamp, anyTimestamp, (a, b) => {
        const byParts = timestampMs(a) - timestampMs(b) || timestampCounter(a) - timestampCounter(b)
        expect(a < b).toBe(byParts < 0)
        expect(latest(a, b)).toBe(byParts < 0 ? b : a)
      }),
      { numRuns: RUNS }
    )
  })

  it('count times before 1970 as 1970 and stop at the end of 48 bits', () => {
    expect(timestampFromMs(-1)).toBe(ZERO_TIMESTAMP)
    expect(timestampFromMs(Number.POSITIVE_INFINITY)).toBe(reading(MAX_MS, 0))
    expect(timestampFromMs(1.9)).toBe(reading(1, 0))
  })

  it('refuse a time that is not a number', () => {
    expect(() => timestampFromMs(Number.NaN)).toThrow(RangeError)
  })

  it('refuse what does not fit in 64 unsigned bits', () => {
    expect(timestamp(0n)).toBe(ZERO_TIMESTAMP)
    for (const value of [-1n, 2n ** 64n]) {
      expect(() => timestamp(value)).toThrow(expect.objectContaining({ code: 'CLOCK_MALFORMED' }))
    }
  })
})
