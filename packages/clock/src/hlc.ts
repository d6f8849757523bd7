import { ClockError } from './errors.ts'

/**
 * A hybrid logical clock reading: 48 bits of milliseconds since 1970, then a 16-bit counter, in one unsigned
 * 64-bit number. Readings compare as numbers. Causality never depends on them alone; they keep `covers`
 * acyclic and give people an order to read.
 *
 * @see Kulkarni et al., "Logical Physical Clocks" (2014)
 */
export type Timestamp = bigint & { readonly __timestamp: unique symbol }

const COUNTER_BITS = 16n
const COUNTER_MASK = (1n << COUNTER_BITS) - 1n
const MAX_MS = 2 ** 48 - 1
const MAX_TIMESTAMP = (1n << 64n) - 1n

/** The reading before all others. */
export const ZERO_TIMESTAMP = 0n as Timestamp

/**
 * Accepts a number as a reading.
 *
 * @throws {ClockError} `CLOCK_MALFORMED` unless it fits in 64 unsigned bits.
 */
export function timestamp(value: bigint): Timestamp {
  if (value < 0n || value > MAX_TIMESTAMP) {
    throw new ClockError('CLOCK_MALFORMED', 'a timestamp is an unsigned 64-bit number')
  }
  return value as Timestamp
}

/** The reading at the start of a millisecond; times before 1970 count as 1970. */
export function timestampFromMs(ms: number): Timestamp {
  return (BigInt(Math.min(Math.max(Math.trunc(ms), 0), MAX_MS)) << COUNTER_BITS) as Timestamp
}

/** The milliseconds since 1970 in a reading. */
export function timestampMs(value: Timestamp): number {
  return Number(value >> COUNTER_BITS)
}

/** The counter of a reading, 0 to 65 535. */
export function timestampCounter(value: Timestamp): number {
  return Number(value & COUNTER_MASK)
}

/**
 * The reading for the next local event: later than `last` and not before the wall clock. A counter that runs
 * over carries into the milliseconds, so order survives a stopped clock.
 *
 * @throws {ClockError} `CLOCK_LIMIT` after the last reading there is.
 */
export function tick(last: Timestamp, nowMs: number): Timestamp {
  const wall = timestampFromMs(nowMs)
  if (wall > last) return wall
  if (last >= MAX_TIMESTAMP) throw new ClockError('CLOCK_LIMIT', 'the hybrid clock is at its end')
  return (last + 1n) as Timestamp
}

/** The later of two readings: what a replica remembers after it has applied an entry. */
export function latest(a: Timestamp, b: Timestamp): Timestamp {
  return a > b ? a : b
}
