import assert from 'node:assert/strict'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CausalEntry,
  compareByTime,
  compareEntries,
  covers,
  includes,
  isConcurrent,
  live,
  merge
} from '../src/index.ts'
import { honestUniverse, hostileUniverse, RUNS, withSample } from './arbitraries.ts'
import { idSet, ids } from './build.ts'
import { hasCycle, oracleCovers, oracleLive } from './oracle.ts'

/*
 * What is compared once for each pair of entries uses `assert`, which costs a fraction of `expect`.
 */

/** Checks a law on `RUNS` universes. A failure prints the seed that repeats it. */
function always<T>(values: fc.Arbitrary<T>, law: (value: T) => void): void {
  fc.assert(fc.property(values, law), { numRuns: RUNS })
}

/** Everybody asks everybody until a round changes nothing; answers what each replica ends with. */
function heal(replicas: readonly (readonly CausalEntry[])[], maxRounds: number): string[][] {
  const states = replicas.map((state) => [...state])
  for (let round = 0; round < maxRounds; round++) {
    let hasChanged = false
    for (let i = 0; i < states.length; i++) {
      for (let j = 0; j < states.length; j++) {
        const next = merge(states[i]!, states[j]!)
        assert.equal(new Set(ids(next)).size, next.length, 'an entry is live twice')
        if (ids(next).join() !== ids(states[i]!).join()) hasChanged = true
        states[i] = next
      }
    }
    if (!hasChanged) return states.map(ids)
  }
  throw new Error(`replicas still change after ${maxRounds} rounds`)
}

describe('merge', () => {
  it('P1: merging honest entries is associative, commutative and idempotent', () => {
    always(withSample(honestUniverse, 3), ({ samples }) => {
      const [a, b, c] = samples.map((some) => live(some)) as [CausalEntry[], CausalEntry[], CausalEntry[]]
      expect(ids(merge(merge(a, b), c))).toEqual(ids(merge(a, merge(b, c))))
      expect(ids(merge(a, b))).toEqual(ids(merge(b, a)))
      expect(ids(merge(a, a))).toEqual(ids(a))
    })
  })

  it('P1: merging hostile entries is still commutative and idempotent', () => {
    always(withSample(hostileUniverse({ extremes: true }), 2), ({ samples }) => {
      const [a, b] = samples as [CausalEntry[], CausalEntry[]]
      expect(ids(merge(a, b))).toEqual(ids(merge(b, a)))
      expect(ids(merge(live(a), live(a)))).toEqual(ids(live(a)))
    })
  })

  it('P2: honest entries give one result in any order and any number of times', () => {
    always(withSample(honestUniverse, 1), ({ samples }) => {
      const [arrivals] = samples as [CausalEntry[]]
      let oneByOne: CausalEntry[] = []
      for (const entry of arrivals) oneByOne = merge(oneByOne, [entry])
      expect(ids(oneByOne)).toEqual(ids(live(arrivals)))
    })
  })

  it('P3: honest replicas that can talk end with what the oracle calls live', () => {
    always(honestUniverse, ({ replicas, oracle }) => {
      const received = replicas.flatMap((replica) => [...replica.received])
      const expected = [...oracle.live(received)].sort()
      for (const state of heal(
        replicas.map((replica) => replica.live),
        8
      )) {
        expect([...state].sort()).toEqual(expected)
      }
    })
  })

  it('P3: replicas that can talk converge whatever hostile members sign', () => {
    always(hostileUniverse({ extremes: true }), ({ entries, replicas, pulls }) => {
      const states = replicas.map((first) => live(first))
      const at = (index: number): number => index % states.length
      for (const { replica, from } of pulls) {
        states[at(replica)] = merge(states[at(replica)]!, states[at(from)]!)
      }
      // A round that is not the last spreads an entry further or removes one everywhere for good.
      const ends = heal(states, 2 * entries.length + 2)
      for (const end of ends) expect(end).toEqual(ends[0])
    })
  })
})

describe('covers', () => {
  it('P4: covers is acyclic and merging never empties a path', () => {
    always(hostileUniverse({ extremes: true }), ({ entries, replicas }) => {
      expect(hasCycle(entries, covers)).toBe(false)
      expect(live(entries)).not.toEqual([])
      let state: CausalEntry[] = [entries[0]!]
      for (const arrivals of replicas) {
        state = merge(state, arrivals)
        expect(state).not.toEqual([])
      }
    })
  })

  it('P4: of two entries that list each other, exactly the later one lives', () => {
    always(hostileUniverse({ extremes: true }), ({ entries }) => {
      const [first, second] = entries as [CausalEntry, CausalEntry?]
      if (second === undefined) return
      const e = { ...first, context: new Map([[second.dot.actor, Number.MAX_SAFE_INTEGER]]) }
      const f = { ...second, context: new Map([[first.dot.actor, Number.MAX_SAFE_INTEGER]]) }
      const isFork = e.hlc === f.hlc && e.dot.actor === f.dot.actor && e.dot.n === f.dot.n
      const later = compareByTime(e, f) < 0 ? f : e
      expect(idSet(live([e, f]))).toEqual(isFork ? idSet([e, f]) : [later.id])
    })
  })

  it('P5: a replica never holds two live entries of one honest actor', () => {
    always(honestUniverse, ({ moments }) => {
      for (const { live: siblings } of moments) expectOnePerActor(siblings)
    })
  })

  it('P5: lies in contexts do not give an unforked actor a second live entry', () => {
    always(hostileUniverse({ unforked: true }), ({ entries, replicas }) => {
      expectOnePerActor(live(entries))
      for (const first of replicas) expectOnePerActor(live(first))
    })
  })

  it('P10: covers agrees with happened-before, pair by pair', () => {
    always(honestUniverse, ({ entries, oracle }) => {
      for (const e of entries) {
        for (const f of entries) {
          assert.equal(covers(f, e), oracle.happenedBefore(e.id, f.id), `${f.id} covers ${e.id}`)
        }
      }
    })
  })

  it('P10: what happened before is covered, what is concurrent stays live, at every replica and moment', () => {
    always(honestUniverse, ({ moments, oracle }) => {
      for (const { live: siblings, received } of moments) {
        expect(idSet(siblings)).toEqual([...oracle.live(received)].sort())
      }
    })
  })

  it('judges hostile entries as the oracle does, forks told apart by id', () => {
    always(hostileUniverse(), ({ entries }) => {
      for (const e of entries) {
        for (const f of entries) assert.equal(covers(f, e), oracleCovers(f, e), `${f.id} covers ${e.id}`)
      }
      expect(ids(live(entries))).toEqual(oracleLive(entries))
      expect(ids(live([...entries, ...entries]))).toEqual(oracleLive(entries))
    })
  })
})

describe('contexts', () => {
  it('P7: an honest context is downward closed', () => {
    always(honestUniverse, ({ entries }) => {
      for (const f of entries) {
        for (const e of entries) {
          const isOwn = e.dot.actor === f.dot.actor && e.dot.n < f.dot.n
          if (!isOwn && !includes(f.context, e.dot)) continue
          for (const [actor, n] of e.context) {
            if (actor !== f.dot.actor) assert.ok((f.context.get(actor) ?? 0) >= n)
          }
        }
      }
    })
  })

  it('P7: an honest context lists the newest write seen of each other actor, and nothing else', () => {
    always(honestUniverse, ({ entries, oracle }) => {
      const byId = new Map(entries.map((entry) => [entry.id, entry]))
      for (const f of entries) {
        const newest = new Map<string, number>()
        for (const id of oracle.ancestors(f.id)) {
          const { actor, n } = byId.get(id)!.dot
          if (actor !== f.dot.actor) newest.set(actor, Math.max(n, newest.get(actor) ?? 0))
        }
        expect([...f.context].sort()).toEqual([...newest].sort())
      }
    })
  })

  it('P8: whatever is in an honest context is older by hlc, also when clocks are wrong by a month', () => {
    always(honestUniverse, ({ entries }) => {
      for (const f of entries) {
        for (const e of entries) {
          const isSeen = includes(f.context, e.dot) || (e.dot.actor === f.dot.actor && e.dot.n < f.dot.n)
          if (isSeen) assert.ok(e.hlc < f.hlc)
        }
      }
    })
  })
})

describe('orders', () => {
  it('compareByTime is a strict total order on entries with different ids', () => {
    always(hostileUniverse({ extremes: true }), ({ entries }) => {
      const sorted = [...entries].sort(compareByTime)
      for (const [i, earlier] of sorted.entries()) {
        assert.equal(compareByTime(earlier, earlier), 0)
        for (const later of sorted.slice(i + 1)) {
          assert.ok(compareByTime(earlier, later) < 0)
          assert.ok(compareByTime(later, earlier) > 0)
        }
      }
      expect(live(entries)).toEqual(live(entries).sort(compareByTime))
    })
  })

  it('compareEntries reads the same from both sides', () => {
    const mirrored = { before: 'after', after: 'before', equal: 'equal', concurrent: 'concurrent' }
    always(hostileUniverse(), ({ entries }) => {
      for (const a of entries) {
        for (const b of entries) assert.equal(compareEntries(b, a), mirrored[compareEntries(a, b)])
      }
    })
  })

  it('compareEntries names what the oracle says of honest entries', () => {
    always(honestUniverse, ({ entries, oracle }) => {
      for (const a of entries) {
        for (const b of entries) {
          const isBefore = oracle.happenedBefore(a.id, b.id)
          const isAfter = oracle.happenedBefore(b.id, a.id)
          const expected = a === b ? 'equal' : isBefore ? 'before' : isAfter ? 'after' : 'concurrent'
          assert.equal(compareEntries(a, b), expected)
        }
      }
    })
  })

  it('live entries are pairwise concurrent', () => {
    always(hostileUniverse(), ({ entries }) => {
      const siblings = live(entries)
      expect(isConcurrent(siblings)).toBe(siblings.length > 1)
      for (const a of siblings) {
        for (const b of siblings) assert.equal(compareEntries(a, b), a === b ? 'equal' : 'concurrent')
      }
    })
  })
})

function expectOnePerActor(siblings: readonly CausalEntry[]): void {
  const actors = siblings.map((entry) => entry.dot.actor)
  assert.equal(new Set(actors).size, actors.length)
}
