import { describe, expect, it } from 'vitest'
import {
  type CausalEntry,
  compareByTime,
  compareEntries,
  contextFor,
  covers,
  isConcurrent,
  live,
  merge
} from '../src/index.ts'
import { actor, context, entry, ids } from './build.ts'

/*
 * The cases that version vectors are known to get wrong, each as one story. They follow the questions asked in
 * Preguiça et al. (arXiv 1011.5808) and in the dotted version vector *sets* of Riak; the stories are our own.
 * `entry('a', 2, 5, { b: 1 })` reads: second write of actor a, at time 5, having seen the first of b.
 */

describe('one replica, several clients', () => {
  it('keeps a first write that has seen nothing', () => {
    expect(ids(live([entry('a', 1, 1)]))).toEqual(['a1'])
  })

  it('lets a write replace what its client had read', () => {
    const first = entry('a', 1, 1)
    const second = entry('a', 2, 2)
    expect(covers(second, first)).toBe(true)
    expect(compareEntries(first, second)).toBe('before')
    expect(ids(merge([first], [second]))).toEqual(['a2'])
  })

  it('makes one chain of two clients that did not see each other, which is why put refuses a stale base', () => {
    const read = entry('a', 1, 1)
    const oneClient = entry('a', 2, 2)
    const otherClient = entry('a', 3, 3, {}, 'written from the stale read')
    expect(ids(live([read, oneClient, otherClient]))).toEqual(['written from the stale read'])
  })

  it('does not pile up siblings when clients keep writing from stale reads', () => {
    let siblings: CausalEntry[] = [entry('b', 1, 1)]
    for (let n = 1; n <= 50; n++) siblings = merge(siblings, [entry('a', n, n + 1)])
    expect(ids(siblings)).toEqual(['b1', 'a50'])
  })
})

describe('two replicas', () => {
  it('keeps both values when neither write saw the other', () => {
    const siblings = merge([entry('a', 1, 1)], [entry('b', 1, 2)])
    expect(ids(siblings)).toEqual(['a1', 'b1'])
    expect(isConcurrent(siblings)).toBe(true)
  })

  it('keeps a write next to a newer one of a replica whose older write it had seen', () => {
    const newer = entry('a', 2, 3)
    const fromStaleRead = entry('b', 1, 4, { a: 1 })
    expect(compareEntries(newer, fromStaleRead)).toBe('concurrent')
    expect(ids(live([entry('a', 1, 1), newer, fromStaleRead]))).toEqual(['a2', 'b1'])
  })

  it('counts a write as seen although its number was skipped on this path', () => {
    // Numbers are per actor, not per path: a2 may belong to another path.
    expect(covers(entry('b', 1, 4, { a: 3 }), entry('a', 1, 1))).toBe(true)
  })

  it('does not let a higher number alone cover anything', () => {
    expect(covers(entry('b', 9, 9), entry('a', 1, 1))).toBe(false)
  })

  it('does not let a later clock alone cover anything', () => {
    expect(covers(entry('b', 1, 1_000_000), entry('a', 1, 1))).toBe(false)
  })

  it('breaks a tie of clocks by actor, on every replica alike', () => {
    const a = entry('a', 1, 5)
    const b = entry('b', 1, 5)
    expect(ids(merge([b], [a]))).toEqual(['a1', 'b1'])
    expect(compareByTime(a, b)).toBeLessThan(0)
  })

  it('does not bring back a replaced value that arrives late or again', () => {
    const old = entry('a', 1, 1)
    const resolved = entry('b', 1, 2, { a: 1 })
    expect(ids(merge([resolved], [old]))).toEqual(['b1'])
    expect(ids(merge(merge([resolved], [old]), [old, resolved]))).toEqual(['b1'])
  })
})

describe('resolutions', () => {
  const left = entry('a', 1, 1)
  const right = entry('b', 1, 2)

  it('replaces all siblings that were shown', () => {
    const resolution = entry('a', 2, 3, { b: 1 })
    expect(ids(live([left, right, resolution]))).toEqual(['a2'])
  })

  it('leaves a sibling that was not shown', () => {
    const unseen = entry('c', 1, 3)
    const resolution = entry('a', 2, 4, { b: 1 })
    expect(ids(live([left, right, unseen, resolution]))).toEqual(['c1', 'a2'])
  })

  it('leaves a value that its author changed meanwhile', () => {
    const changed = entry('b', 2, 3)
    const resolution = entry('a', 2, 4, { b: 1 })
    expect(ids(live([left, right, changed, resolution]))).toEqual(['b2', 'a2'])
  })

  it('meets a concurrent resolution as a sibling', () => {
    const here = entry('a', 2, 3, { b: 1 })
    const there = entry('b', 2, 4, { a: 1 })
    expect(ids(live([left, right, here, there]))).toEqual(['a2', 'b2'])
    expect(ids(merge([here, there], [entry('c', 1, 5, { a: 2, b: 2 })]))).toEqual(['c1'])
  })
})

describe('replicas that forgot', () => {
  it('keeps what was written before a restore next to what was written after it', () => {
    const forgotten = entry('a', 2, 2)
    const asNewActor = entry('c', 1, 3, { a: 1 })
    expect(ids(live([entry('a', 1, 1), forgotten, asNewActor]))).toEqual(['a2', 'c1'])
  })

  it('keeps both sides of a fork, although they share a dot', () => {
    const one = entry('a', 1, 1, {}, 'one')
    const other = entry('a', 1, 1, {}, 'other')
    expect(ids(merge([one], [other]))).toEqual(['one', 'other'])
    expect(ids(merge([other], [one]))).toEqual(['one', 'other'])
    expect(compareEntries(one, other)).toBe('concurrent')
  })

  it('keeps both sides of a fork whose clocks differ', () => {
    const earlier = entry('a', 1, 1, {}, 'earlier')
    const later = entry('a', 1, 9, {}, 'later')
    expect(ids(live([later, earlier]))).toEqual(['earlier', 'later'])
  })
})

describe('hostile writers', () => {
  it('cannot empty a path with two entries that list each other', () => {
    const e = entry('a', 1, 1, { b: 1 })
    const f = entry('b', 1, 2, { a: 1 })
    expect(ids(live([e, f]))).toEqual(['b1'])
  })

  it('cannot cover a later entry by listing numbers far ahead', () => {
    const victim = entry('a', 7, 10)
    const inflated = entry('b', 1, 9, { a: Number.MAX_SAFE_INTEGER })
    expect(ids(live([victim, inflated]))).toEqual(['b1', 'a7'])
  })

  it('cannot cover an own later number with a later clock', () => {
    const second = entry('a', 2, 1)
    const first = entry('a', 1, 9)
    expect(covers(first, second)).toBe(false)
  })
})

describe('contextFor', () => {
  it('is empty where nothing was written', () => {
    expect(contextFor(actor('a'), [])).toEqual(new Map())
  })

  it('joins the dots and contexts of what it replaces, without its own actor', () => {
    const siblings = [
      entry('a', 4, 1, { d: 2 }),
      entry('b', 1, 2, { c: 3, d: 1 }),
      entry('c', 5, 3, { a: 4 })
    ]
    expect(contextFor(actor('a'), siblings)).toEqual(context({ b: 1, c: 5, d: 2 }))
  })

  it('makes a write that covers all it replaces and none of what it spares', () => {
    const replaced = entry('b', 1, 1)
    const spared = entry('c', 1, 2)
    const write = {
      ...entry('a', 1, 3),
      context: contextFor(actor('a'), [replaced])
    }
    expect(ids(live([replaced, spared, write]))).toEqual(['c1', 'a1'])
  })
})

describe('live', () => {
  it('answers nothing for nothing', () => {
    expect(live([])).toEqual([])
    expect(isConcurrent([])).toBe(false)
  })

  it('orders by time, whatever order the entries came in', () => {
    expect(ids(live([entry('c', 1, 3), entry('a', 1, 2), entry('b', 1, 1)]))).toEqual(['b1', 'a1', 'c1'])
  })

  it('accepts any iterable and leaves it alone', () => {
    const given = [entry('a', 2, 2), entry('a', 1, 1)]
    expect(ids(live(new Set(given)))).toEqual(['a2'])
    expect(ids(given)).toEqual(['a2', 'a1'])
  })

  it('hands back the very entries it was given', () => {
    const rich = { ...entry('a', 1, 1), payload: 'kept' }
    expect(live([rich])[0]).toBe(rich)
  })
})
