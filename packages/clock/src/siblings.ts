import type { ActorId, Dot } from './dot.ts'
import type { Timestamp } from './hlc.ts'
import { includes, type Order, type VersionVector } from './version-vector.ts'

/** What the sibling rules need to know of an entry. All entries given to one call belong to one path. */
export interface CausalEntry {
  /** Names the bytes of the entry. Two entries may carry one dot (a fork), never one id. */
  readonly id: string
  readonly dot: Dot
  readonly hlc: Timestamp
  /** What the writer had seen of this path, without its own actor. */
  readonly context: VersionVector
}

/**
 * The strict total order `(hlc, actor, n, id)`. It breaks ties for people to read, and keeps {@link covers}
 * acyclic whatever contexts a hostile member signs.
 */
export function compareByTime(a: CausalEntry, b: CausalEntry): number {
  if (a.hlc !== b.hlc) return a.hlc < b.hlc ? -1 : 1
  if (a.dot.actor !== b.dot.actor) return a.dot.actor < b.dot.actor ? -1 : 1
  if (a.dot.n !== b.dot.n) return a.dot.n - b.dot.n
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}

function isLater(f: CausalEntry, e: CausalEntry): boolean {
  if (f.hlc !== e.hlc) return f.hlc > e.hlc
  if (f.dot.actor !== e.dot.actor) return f.dot.actor > e.dot.actor
  return f.dot.n > e.dot.n
}

/**
 * Whether `f` replaces `e`: it is later by `(hlc, actor, n)` and its writer had seen `e`, either as an earlier
 * write of its own or in its context.
 *
 * Without the first condition two forged entries can cover each other and empty a path.
 */
export function covers(f: CausalEntry, e: CausalEntry): boolean {
  if (!isLater(f, e)) return false
  return (f.dot.actor === e.dot.actor && e.dot.n < f.dot.n) || includes(f.context, e.dot)
}

/** How two entries of one path relate. */
export function compareEntries(a: CausalEntry, b: CausalEntry): Order {
  if (a.id === b.id) return 'equal'
  if (covers(a, b)) return 'after'
  return covers(b, a) ? 'before' : 'concurrent'
}

/** The entries that none of the others covers, without duplicates, earliest first. */
export function live<E extends CausalEntry>(entries: Iterable<E>): E[] {
  const byId = new Map<string, E>()
  for (const entry of entries) byId.set(entry.id, entry)
  const all = [...byId.values()]
  return all.filter((entry) => !all.some((other) => covers(other, entry))).sort(compareByTime)
}

/** Joins what two replicas hold of one path. Associative, commutative and idempotent on honest entries. */
export function merge<E extends CausalEntry>(a: Iterable<E>, b: Iterable<E>): E[] {
  return live([...a, ...b])
}

/** Whether several versions are live at once. Whether they *differ* is for whoever can read their values. */
export function isConcurrent(liveEntries: readonly CausalEntry[]): boolean {
  return liveEntries.length > 1
}

/**
 * The context of a write by `actor` that replaces `replaced`: the join of their contexts and dots, without the actor
 * itself.
 *
 * A write always covers its actor's earlier ones, so it must also have seen what they had seen: that keeps contexts
 * downward closed. It holds when all live entries are replaced, and when some are spared as long as the actor's own
 * last entry is replaced or was covered by what is.
 */
export function contextFor(actor: ActorId, replaced: readonly CausalEntry[]): VersionVector {
  const context = new Map<ActorId, number>()
  const raise = (who: ActorId, n: number): void => {
    if (who !== actor && n > (context.get(who) ?? 0)) context.set(who, n)
  }
  for (const entry of replaced) {
    for (const [who, n] of entry.context) raise(who, n)
    raise(entry.dot.actor, entry.dot.n)
  }
  return context
}
