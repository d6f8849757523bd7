import fc from 'fast-check'
import {
  type ActorId,
  type CausalEntry,
  contextFor,
  latest,
  merge,
  type Timestamp,
  tick,
  type VersionVector,
  ZERO_TIMESTAMP
} from '../src/index.ts'
import { actor as named } from './build.ts'
import { Oracle } from './oracle.ts'

/** How often a property runs. Universes are costly, and most bugs show in small ones. */
export const RUNS = 3_000

/** Any actor id. */
export const anyActor: fc.Arbitrary<ActorId> = fc
  .array(fc.integer({ min: 0, max: 15 }), { minLength: 32, maxLength: 32 })
  .map((digits) => digits.map((digit) => digit.toString(16)).join('') as ActorId)

/** Any counter, with those next to a change of encoded length as likely as all others together. */
export const anyCounter: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: 1, max: 300 }),
  fc
    .tuple(fc.integer({ min: 1, max: 53 }), fc.integer({ min: -1, max: 1 }))
    .map(([bits, offset]) => Math.max(1, Math.min(2 ** bits + offset, Number.MAX_SAFE_INTEGER)))
)

/** Any context that can be encoded, in any order of insertion. */
export const anyContext: fc.Arbitrary<VersionVector> = fc
  .uniqueArray(fc.tuple(anyActor, anyCounter), { maxLength: 12, selector: ([who]) => who })
  .map((rows) => new Map(rows))

/** Any reading of a hybrid clock, the first and the last ones included. */
export const anyTimestamp: fc.Arbitrary<Timestamp> = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 0n, max: 70_000n }),
  fc.bigInt({ min: 2n ** 64n - 70_000n, max: 2n ** 64n - 1n }),
  // A full counter, about to carry.
  fc.bigInt({ min: 1n, max: 2n ** 48n - 1n }).map((ms) => ms * 65_536n - 1n)
) as fc.Arbitrary<Timestamp>

/** What a wall clock may say, including one that was set wrong by centuries. */
export const anyWallMs: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -1_000, max: 2 ** 48 + 1_000 }),
  fc.integer({ min: 0, max: 50 }),
  fc.double({ min: 0, max: 2 ** 42, noNaN: true })
)

/** One thing that happens in an honest universe. Indices wrap around, so every number is meaningful. */
export type HonestStep =
  /** A put, or a resolution where there are siblings. Siblings in `spared` are left standing. */
  | { readonly type: 'write'; readonly replica: number; readonly spared: number }
  /** A write to another path: it uses up a number of the actor. */
  | { readonly type: 'write-elsewhere'; readonly replica: number }
  /** Any entry ever written arrives: late, early or once more. What is never chosen was lost. */
  | { readonly type: 'arrive'; readonly replica: number; readonly entry: number }
  /** Some of what is live at one replica reaches another; the session breaks before the rest. */
  | { readonly type: 'pull'; readonly replica: number; readonly from: number; readonly mask: number }
  | { readonly type: 'back-up'; readonly replica: number }
  /** Back to the last backup. Continuity is in doubt, so the replica goes on as a new actor. */
  | { readonly type: 'restore'; readonly replica: number }
  | { readonly type: 'set-clock'; readonly replica: number; readonly offsetMs: number }

/** One replica of an honest universe, looking at one path. */
export interface HonestReplica {
  readonly actor: ActorId
  readonly live: readonly CausalEntry[]
  /** Every entry that was applied here, and not undone by a restore. */
  readonly received: ReadonlySet<string>
}

/** What became of some replicas that all keep the rules. */
export interface HonestUniverse {
  readonly steps: readonly HonestStep[]
  /** Everything ever written to the path, in the order of writing. */
  readonly entries: readonly CausalEntry[]
  /** The replicas as they ended. */
  readonly replicas: readonly HonestReplica[]
  /** Each state that a replica was in after a step of its own. */
  readonly moments: readonly HonestReplica[]
  readonly oracle: Oracle
}

interface ReplicaState {
  live: CausalEntry[]
  received: Set<string>
  last: Timestamp
}

interface Running extends ReplicaState {
  actor: ActorId
  n: number
  offsetMs: number
  backup: ReplicaState
}

const DAY_MS = 86_400_000
const EPOCH_MS = 1_700_000_000_000

/** Replays steps on replicas that do what a replica does: production rules for contexts, clocks and merging. */
export function runHonest(replicaCount: number, steps: readonly HonestStep[]): HonestUniverse {
  const oracle = new Oracle()
  const entries: CausalEntry[] = []
  const moments: HonestReplica[] = []
  let actorCount = 0
  const nextActor = (): ActorId => (++actorCount).toString(16).padStart(32, '0') as ActorId
  const empty = (): ReplicaState => ({ live: [], received: new Set(), last: ZERO_TIMESTAMP })
  const copy = (from: ReplicaState): ReplicaState => ({ ...from, received: new Set(from.received) })
  const replicas = Array.from(
    { length: replicaCount },
    (): Running => ({ ...empty(), actor: nextActor(), n: 0, offsetMs: 0, backup: empty() })
  )
  const at = (index: number): Running => replicas[index % replicaCount]!
  const apply = (replica: Running, entry: CausalEntry): void => {
    replica.live = merge(replica.live, [entry])
    replica.received.add(entry.id)
    replica.last = latest(replica.last, entry.hlc)
  }

  for (const [index, step] of steps.entries()) {
    const replica = at(step.replica)
    if (step.type === 'write') {
      const replaced = replacedBy(oracle, entries, replica, step.spared)
      const entry: CausalEntry = {
        id: `entry-${entries.length}`,
        dot: { actor: replica.actor, n: ++replica.n },
        hlc: tick(replica.last, EPOCH_MS + index + replica.offsetMs),
        context: contextFor(replica.actor, replaced)
      }
      oracle.wrote(
        entry.id,
        replaced.map((seen) => seen.id)
      )
      entries.push(entry)
      apply(replica, entry)
    } else if (step.type === 'write-elsewhere') {
      replica.n++
      replica.last = tick(replica.last, EPOCH_MS + index + replica.offsetMs)
    } else if (step.type === 'arrive') {
      const entry = entries[step.entry % Math.max(entries.length, 1)]
      if (entry !== undefined) apply(replica, entry)
    } else if (step.type === 'pull') {
      const offered = at(step.from).live.filter((_, i) => ((step.mask >> (i % 8)) & 1) === 1)
      for (const entry of offered) apply(replica, entry)
    } else if (step.type === 'back-up') {
      replica.backup = copy(replica)
    } else if (step.type === 'restore') {
      const { live, received, last } = copy(replica.backup)
      Object.assign(replica, { live, received, last, actor: nextActor(), n: 0 })
    } else {
      replica.offsetMs = step.offsetMs
    }
    moments.push({ actor: replica.actor, live: replica.live, received: new Set(replica.received) })
  }
  return { steps, entries, replicas, moments, oracle }
}

/**
 * The siblings that a write replaces: all of them, or all but the spared ones. It may spare a sibling only while
 * the writer's own last entry is among what it does replace, or in its past, as `contextFor` asks.
 */
function replacedBy(
  oracle: Oracle,
  entries: readonly CausalEntry[],
  replica: HonestReplica,
  spared: number
): CausalEntry[] {
  const isSpared = (i: number): boolean => ((spared >> (i % 8)) & 1) === 1
  const some = replica.live.filter((entry, i) => entry.dot.actor === replica.actor || !isSpared(i))
  const lastOwn = entries.findLast((entry) => entry.dot.actor === replica.actor)
  const isKnown =
    lastOwn === undefined ||
    some.includes(lastOwn) ||
    some.some((entry) => oracle.happenedBefore(lastOwn.id, entry.id))
  return isKnown ? some : [...replica.live]
}

const anyIndex = fc.nat({ max: 59 })

const anyHonestStep: fc.Arbitrary<HonestStep> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('write' as const),
      replica: anyIndex,
      spared: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(255) })
    })
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('write-elsewhere' as const), replica: anyIndex }) },
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant('arrive' as const), replica: anyIndex, entry: fc.nat(59) })
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('pull' as const),
      replica: anyIndex,
      from: anyIndex,
      mask: fc.oneof(fc.constant(255), fc.nat(255))
    })
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('back-up' as const), replica: anyIndex }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('restore' as const), replica: anyIndex }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('set-clock' as const),
      replica: anyIndex,
      offsetMs: fc.integer({ min: -30 * DAY_MS, max: 30 * DAY_MS })
    })
  }
)

/** Two to five replicas that keep the rules, under loss, repetition, reordering, broken syncs and restores. */
export const honestUniverse: fc.Arbitrary<HonestUniverse> = fc
  .tuple(fc.integer({ min: 2, max: 5 }), fc.array(anyHonestStep, { minLength: 1, maxLength: 40 }))
  .map(([replicaCount, steps]) => runHonest(replicaCount, steps))
  .filter((universe) => universe.entries.length > 0)

/** A universe with some of its entries, each any number of times, in any order. */
export function withSample<U extends { readonly entries: readonly CausalEntry[] }>(
  universes: fc.Arbitrary<U>,
  sampleCount: number
): fc.Arbitrary<{ universe: U; samples: CausalEntry[][] }> {
  return fc
    .tuple(
      universes,
      fc.array(fc.array(fc.nat(59), { maxLength: 16 }), { minLength: sampleCount, maxLength: sampleCount })
    )
    .map(([universe, picks]) => ({
      universe,
      samples: picks.map((some) => some.map((pick) => universe.entries[pick % universe.entries.length]!))
    }))
}

/** Entries that members with valid keys may sign although no honest replica would, and where they start out. */
export interface HostileUniverse {
  readonly entries: readonly CausalEntry[]
  /** What each replica received first. */
  readonly replicas: readonly (readonly CausalEntry[])[]
  /** Who then asks whom, before the network heals. */
  readonly pulls: readonly { readonly replica: number; readonly from: number }[]
}

export interface HostileOptions {
  /** Also counters and clocks at the end of their range. The oracle cannot count so far. @default false */
  readonly extremes?: boolean
  /** Lie in contexts only: every number is used once and clocks grow with it. @default false */
  readonly unforked?: boolean
}

/**
 * Arbitrary contexts (its own actor included, dots that were never written), forged clocks, forked dots. The
 * numbers are small on purpose, so that entries keep running into each other.
 */
export function hostileUniverse(options: HostileOptions = {}): fc.Arbitrary<HostileUniverse> {
  const { extremes = false, unforked = false } = options
  const who = fc.constantFrom('a', 'b', 'c', 'd').map(named)
  const small = fc.integer({ min: 1, max: 5 })
  const counter = extremes ? fc.oneof(small, fc.constant(Number.MAX_SAFE_INTEGER)) : small
  const clock = extremes ? fc.oneof(small, fc.constantFrom(0, 2 ** 48)) : small
  const forged = fc.record({
    dot: fc.record({ actor: who, n: counter }),
    hlc: clock.map((value) => BigInt(value) as Timestamp),
    context: fc.array(fc.tuple(who, counter), { maxLength: 4 }).map((rows) => new Map(rows))
  })
  return fc
    .tuple(
      fc.array(forged, { minLength: 1, maxLength: 10 }),
      fc.array(fc.array(fc.nat(9), { maxLength: 6 }), { minLength: 2, maxLength: 4 }),
      fc.array(fc.record({ replica: fc.nat(11), from: fc.nat(11) }), { maxLength: 8 })
    )
    .map(([drafts, placement, pulls]) => {
      const entries = (unforked ? renumbered(drafts) : drafts).map((draft, i) => ({
        id: `forged-${i}`,
        ...draft
      }))
      const replicas = placement.map((some) => some.map((pick) => entries[pick % entries.length]!))
      return { entries, replicas, pulls }
    })
}

/** The same entries, with each actor's numbers and clocks growing in step. */
function renumbered(drafts: readonly Omit<CausalEntry, 'id'>[]): Omit<CausalEntry, 'id'>[] {
  const last = new Map<ActorId, { n: number; hlc: bigint }>()
  return drafts.map((draft) => {
    const { actor } = draft.dot
    const previous = last.get(actor) ?? { n: 0, hlc: 0n }
    const next = { n: previous.n + 1, hlc: previous.hlc + draft.hlc }
    last.set(actor, next)
    return { ...draft, dot: { actor, n: next.n }, hlc: next.hlc as Timestamp }
  })
}
