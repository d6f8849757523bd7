import assert from 'node:assert/strict'
import { actorId, type CausalEntry, contextFor, merge, tick, ZERO_TIMESTAMP } from '@cis-memory/clock'

const laptop = actorId('1a'.repeat(16))
const phone = actorId('2b'.repeat(16))

// Both write the same path; neither has seen the other.
const onLaptop: CausalEntry = {
  id: 'laptop-1', // in cis: the hash of the entry
  dot: { actor: laptop, n: 1 },
  hlc: tick(ZERO_TIMESTAMP, 1_700_000_000_000),
  context: contextFor(laptop, [])
}
const onPhone: CausalEntry = {
  id: 'phone-1',
  dot: { actor: phone, n: 1 },
  hlc: tick(ZERO_TIMESTAMP, 1_700_000_000_500),
  context: contextFor(phone, [])
}
const siblings = merge([onLaptop], [onPhone])
assert.equal(siblings.length, 2) // a conflict: both are kept

// A write that has seen both replaces both, wherever and in whatever order they arrive.
const resolution: CausalEntry = {
  id: 'laptop-2',
  dot: { actor: laptop, n: 2 },
  hlc: tick(onPhone.hlc, 1_700_000_001_000),
  context: contextFor(laptop, siblings)
}
assert.deepEqual(merge([resolution], siblings), [resolution])
