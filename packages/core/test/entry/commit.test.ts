import { timestamp } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import {
  type Commit,
  decodeCommit,
  disagree,
  isSignedBy,
  MAX_COMMIT_BYTES,
  provesHeader,
  signCommit
} from '../../src/entry/commit.ts'
import { labelledHash } from '../../src/entry/hash.ts'
import type { Header } from '../../src/entry/header.ts'
import { merkleLeaf, merklePath } from '../../src/entry/merkle.ts'
import type { SpaceId } from '../../src/entry/space-keys.ts'
import { anyCommit } from './arbitraries.ts'
import { ACTOR, alice, bob, commitOf, filled, header, OTHER_ACTOR, refusal, SPACE } from './build.ts'

const malformed = refusal('CORE_MALFORMED')

function headers(count: number, first = 1): Header[] {
  return Array.from({ length: count }, (_, i) => header({ n: first + i }))
}

function pathOf(all: readonly Header[], index: number): Uint8Array {
  return merklePath(
    all.map((each) => merkleLeaf(each.digest)),
    index
  )
}

/** The bytes of a commit with some of its fields replaced. */
function changed(changes: Readonly<Record<number, unknown>>): Uint8Array {
  const fields = decodeCbor(commitOf(headers(2)).bytes) as unknown[]
  for (const [at, value] of Object.entries(changes)) fields[Number(at)] = value
  return encodeCbor(fields)
}

describe('commits', () => {
  it('P27: come back as they were signed', () => {
    fc.assert(
      fc.property(anyCommit, (commit) => {
        expect(decodeCommit(commit.bytes, commit.signature)).toEqual(commit)
        expect(commit.bytes.length).toBeLessThanOrEqual(MAX_COMMIT_BYTES)
        expect(commit.id).toBe(toHex(labelledHash('cis/commit/1', commit.bytes)).slice(0, 32))
      }),
      { numRuns: 200 }
    )
  })

  it('hold under the key that signed them, and under no other', () => {
    const commit = commitOf(headers(3))
    expect(isSignedBy(commit, alice.id)).toBe(true)
    expect(isSignedBy(commit, bob.id)).toBe(false)
    const altered = decodeCommit(changed({ 7: 9 }), commit.signature)
    expect(isSignedBy(altered, alice.id)).toBe(false)
  })

  it('are signed with their label, so that a signature over the bytes alone is none', () => {
    const { bytes } = commitOf(headers(1))
    expect(isSignedBy(decodeCommit(bytes, alice.sign(bytes)), alice.id)).toBe(false)
  })

  it.each<[string, Readonly<Record<number, unknown>>]>([
    ['another version', { 0: 2 }],
    ['a space of 17 bytes', { 1: filled(1, 17) }],
    ['an actor of 15 bytes', { 2: filled(1, 15) }],
    ['the number zero', { 3: 0 }],
    ['no entries', { 4: 0 }],
    ['65 entries', { 4: 65 }],
    ['a root of 32 bytes', { 5: filled(1, 32) }],
    ['a commit before the first', { 6: filled(1, 16) }],
    ['no commit before a later one', { 3: 2 }],
    ['half a commit before it', { 3: 2, 6: filled(1, 8) }],
    ['numbers beyond 2^53', { 3: Number.MAX_SAFE_INTEGER, 6: filled(1, 16) }],
    ['a negative time', { 7: -1 }],
    ['a time of 65 bits as a float', { 7: 2 ** 64 }],
    ['a ninth field', { 8: 0 }]
  ])('refuse %s', (_name, changes) => {
    expect(() => decodeCommit(changed(changes), new Uint8Array(64))).toThrow(malformed)
  })

  it('refuse a signature of another length', () => {
    const { bytes, signature } = commitOf(headers(1))
    for (const wrong of [new Uint8Array(0), signature.subarray(1), new Uint8Array(65)]) {
      expect(() => decodeCommit(bytes, wrong)).toThrow(malformed)
    }
  })
})

describe('proofs', () => {
  it.each([1, 2, 3, 7, 64])('place every header of a commit of %i', (size) => {
    const all = headers(size, 5)
    const commit = commitOf(all)
    for (const [index, each] of all.entries()) {
      expect(provesHeader({ commit, path: pathOf(all, index) }, each)).toBe(true)
    }
  })

  it('do not place a header of another space, actor, number or time', () => {
    const all = headers(4)
    const commit = commitOf(all)
    const path = pathOf(all, 1)
    const placed = (changes: Parameters<typeof header>[0]): boolean =>
      provesHeader({ commit, path }, header({ n: 2, ...changes }))
    expect(placed({})).toBe(true)
    expect(placed({ space: '00'.repeat(16) as SpaceId })).toBe(false)
    expect(placed({ dot: { actor: OTHER_ACTOR, n: 2 } })).toBe(false)
    expect(placed({ n: 3 })).toBe(false)
    expect(placed({ n: 5 })).toBe(false)
    expect(placed({ hlc: timestamp(1n) })).toBe(false)
  })

  it('do not place a header of another space or actor that a member has put into its own tree', () => {
    for (const foreign of [
      header({ space: '00'.repeat(16) as SpaceId }),
      header({ dot: { actor: OTHER_ACTOR, n: 1 } })
    ]) {
      const commit = commitOf([foreign])
      expect([commit.space, commit.actor]).toEqual([SPACE, ACTOR])
      expect(provesHeader({ commit, path: pathOf([foreign], 0) }, foreign)).toBe(false)
    }
  })

  it('do not place a header that their commit is older than', () => {
    const all = headers(2)
    const old = signCommit(alice, { ...commitOf(all), hlc: timestamp(all[0]!.hlc) })
    expect(provesHeader({ commit: old, path: pathOf(all, 0) }, all[0]!)).toBe(true)
    expect(provesHeader({ commit: old, path: pathOf(all, 1) }, all[1]!)).toBe(false)
  })

  it('do not hold in a commit whose tree has another shape there, or that starts elsewhere', () => {
    const all = headers(4)
    const path = pathOf(all, 3)
    const commit = commitOf(all)
    for (const claim of [{ size: 3 }, { size: 5 }, { size: 8 }]) {
      expect(provesHeader({ commit: signCommit(alice, { ...commit, ...claim }), path }, all[3]!)).toBe(false)
    }
    const shifted = signCommit(alice, { ...commit, first: 2, previous: commit.id })
    expect(provesHeader({ commit: shifted, path }, all[3]!)).toBe(false)
  })
})

describe('forks', () => {
  const at = (first: number, size: number, root: number): Commit =>
    signCommit(alice, {
      ...commitOf(headers(1)),
      first,
      size,
      root: filled(root, 16),
      previous: first === 1 ? undefined : commitOf(headers(1)).id
    })

  it('are two commits of one actor that share a number', () => {
    expect(disagree(at(1, 2, 0), at(1, 2, 1))).toBe(true)
    expect(disagree(at(1, 4, 0), at(4, 1, 1))).toBe(true)
    expect(disagree(at(4, 1, 1), at(1, 4, 0))).toBe(true)
    expect(disagree(at(1, 9, 0), at(3, 2, 1))).toBe(true)
  })

  it('are a commit and one that follows another of the same numbers', () => {
    const [one, other] = [at(1, 3, 0), at(1, 3, 1)]
    const next = signCommit(alice, { ...at(4, 1, 0), previous: other.id })
    expect(disagree(one, next)).toBe(true)
    expect(disagree(next, one)).toBe(true)
  })

  it('are not commits that follow each other, the same one twice, or those of two actors', () => {
    const [first, second, later] = [at(1, 3, 0), at(4, 1, 1), at(5, 1, 1)]
    const next = signCommit(alice, { ...second, previous: first.id })
    expect(disagree(first, next)).toBe(false)
    expect(disagree(next, first)).toBe(false)
    expect(disagree(first, later), 'what lies between them is not here').toBe(false)
    expect(disagree(at(1, 2, 0), at(1, 2, 0))).toBe(false)
    const other = signCommit(alice, { ...at(1, 2, 1), actor: OTHER_ACTOR })
    expect(other.actor).not.toBe(ACTOR)
    expect(disagree(at(1, 2, 0), other)).toBe(false)
  })
})
