import type { CausalEntry } from '../src/index.ts'

/*
 * The rules of causality told a second time, in the slowest and plainest way: sets of names, no vectors, no
 * arithmetic on counters. The property tests hold the fast code to it.
 *
 * This file must not import anything but types from `src`, or both would share their bugs.
 */

/**
 * Happened-before by bookkeeping. Whoever runs replicas tells it what the writer of each entry had in front of
 * it; it answers from explicit sets of ancestors. It never looks at dots, contexts or clocks, so it is right
 * about honest writers only.
 */
export class Oracle {
  readonly #ancestors = new Map<string, ReadonlySet<string>>()

  /** Records that the writer of `id` had seen these entries, and with each of them whatever *its* writer had seen. */
  wrote(id: string, hadSeen: Iterable<string>): void {
    if (this.#ancestors.has(id)) throw new RangeError(`the oracle knows ${id} already`)
    const all = new Set<string>()
    for (const seen of hadSeen) {
      all.add(seen)
      for (const older of this.ancestors(seen)) all.add(older)
    }
    this.#ancestors.set(id, all)
  }

  /** Everything that happened before an entry. */
  ancestors(id: string): ReadonlySet<string> {
    const known = this.#ancestors.get(id)
    if (known === undefined) throw new RangeError(`the oracle was not told about ${id}`)
    return known
  }

  /** Whether the writer of `later` had seen `earlier`. */
  happenedBefore(earlier: string, later: string): boolean {
    return this.ancestors(later).has(earlier)
  }

  /** What should be live for somebody who has received exactly these entries. */
  live(received: Iterable<string>): Set<string> {
    const here = new Set(received)
    const isLive = new Set(here)
    for (const id of here) {
      for (const older of this.ancestors(id)) isLive.delete(older)
    }
    return isLive
  }
}

/**
 * What an entry *claims* to have seen, true or not, as the names of single dots. This is how the oracle judges
 * hostile entries. Counters must be small: every claimed dot becomes a member of the set.
 */
export function claimedDots(entry: CausalEntry): ReadonlySet<string> {
  const claimed = new Set<string>()
  for (const [actor, n] of entry.context) {
    for (let each = 1; each <= n; each++) claimed.add(`${actor}:${each}`)
  }
  for (let each = 1; each < entry.dot.n; each++) claimed.add(`${entry.dot.actor}:${each}`)
  return claimed
}

/** `(hlc, actor, n)` as text that sorts like the tuple. */
function timeKey(entry: CausalEntry): string {
  const hlc = entry.hlc.toString().padStart(20, '0')
  const n = entry.dot.n.toString().padStart(16, '0')
  return `${hlc} ${entry.dot.actor} ${n}`
}

/** The covering rule read aloud: later by `(hlc, actor, n)`, and the dot is among those claimed. */
export function oracleCovers(later: CausalEntry, earlier: CausalEntry): boolean {
  return timeKey(later) > timeKey(earlier) && claimedDots(later).has(`${earlier.dot.actor}:${earlier.dot.n}`)
}

/** The ids of what no entry of a set covers, earliest first; entries are told apart by id alone. */
export function oracleLive(entries: readonly CausalEntry[]): string[] {
  const left: CausalEntry[] = []
  for (const entry of entries) {
    const isCovered = entries.some((other) => oracleCovers(other, entry))
    const isRepeated = left.some((other) => other.id === entry.id)
    if (!isCovered && !isRepeated) left.push(entry)
  }
  const byTime = left.map((entry) => ({ id: entry.id, key: `${timeKey(entry)} ${entry.id}` }))
  byTime.sort((a, b) => (a.key < b.key ? -1 : 1))
  return byTime.map((each) => each.id)
}

/** Whether following "covers" from any entry can lead back to it. */
export function hasCycle(
  entries: readonly CausalEntry[],
  covers: (f: CausalEntry, e: CausalEntry) => boolean
): boolean {
  const reached = entries.map((from) => new Set(entries.filter((to) => covers(from, to))))
  // One more step as often as there are entries: no path without a repetition is longer.
  for (let step = 0; step < entries.length; step++) {
    for (const targets of reached) {
      for (const to of [...targets]) {
        for (const next of reached[entries.indexOf(to)]!) targets.add(next)
      }
    }
  }
  return entries.some((entry, i) => reached[i]!.has(entry))
}
