import type { ActorId, CausalEntry, Timestamp, VersionVector } from '../src/index.ts'

/** The actor whose id repeats one hex digit: `actor('a')` is `aaaa…`. Short to read, and ordered as it looks. */
export function actor(digit: string): ActorId {
  return digit.repeat(32) as ActorId
}

/** A context written as a table: `context({ a: 2, b: 1 })`. */
export function context(counters: Readonly<Record<string, number>>): VersionVector {
  return new Map(Object.entries(counters).map(([digit, n]) => [actor(digit), n]))
}

/** An entry in one line. Unless told, its id is its dot, so that only deliberate forks get two ids. */
export function entry(
  digit: string,
  n: number,
  hlc: number,
  seen: Readonly<Record<string, number>> = {},
  id = `${digit}${n}`
): CausalEntry {
  return { id, dot: { actor: actor(digit), n }, hlc: BigInt(hlc) as Timestamp, context: context(seen) }
}

/** The ids of some entries in their order. */
export function ids(entries: Iterable<{ readonly id: string }>): string[] {
  return [...entries].map((each) => each.id)
}

/** The ids of some entries as a set that compares: sorted. */
export function idSet(entries: Iterable<{ readonly id: string }>): string[] {
  return ids(entries).sort()
}
