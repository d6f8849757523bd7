import type { ActorId, Dot } from './dot.ts'

/**
 * For each actor the highest counter seen without a gap. As the *context* of a write it lists what the writer
 * had seen of one path.
 */
export type VersionVector = ReadonlyMap<ActorId, number>

/** How two vectors, or two writes, relate. */
export type Order = 'before' | 'after' | 'equal' | 'concurrent'

/** The vector that has seen nothing. */
export const EMPTY_VECTOR: VersionVector = new Map()

/** Whether a vector has seen a dot. */
export function includes(vector: VersionVector, dot: Dot): boolean {
  return (vector.get(dot.actor) ?? 0) >= dot.n
}

/** Whether `a` has seen everything that `b` has. */
export function dominates(a: VersionVector, b: VersionVector): boolean {
  for (const [actor, n] of b) {
    if ((a.get(actor) ?? 0) < n) return false
  }
  return true
}

/** Compares two vectors: `before` when `a` has seen strictly less than `b`. */
export function compare(a: VersionVector, b: VersionVector): Order {
  const aHasB = dominates(a, b)
  const bHasA = dominates(b, a)
  if (aHasB && bHasA) return 'equal'
  if (aHasB) return 'after'
  return bHasA ? 'before' : 'concurrent'
}

/** The least vector that has seen what any of the given ones has. */
export function join(...vectors: readonly VersionVector[]): VersionVector {
  const joined = new Map<ActorId, number>()
  for (const vector of vectors) {
    for (const [actor, n] of vector) {
      if (n > (joined.get(actor) ?? 0)) joined.set(actor, n)
    }
  }
  return joined
}
