import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../src/entry/hash.ts'
import { merkleLeaf, merklePath, NODE_BYTES } from '../../src/entry/merkle.ts'
import { multiproofFromLeaves, multiproofFromPaths, pathsFromMultiproof } from '../../src/sync/multiproof.ts'

/** A tree and some of its leaves, at least one. */
const anyPart = fc
  .integer({ min: 1, max: 64 })
  .chain((size) =>
    fc.record({
      size: fc.constant(size),
      picked: fc.uniqueArray(fc.nat({ max: size - 1 }), { minLength: 1, maxLength: size })
    })
  )
  .map(({ size, picked }) => {
    const leaves = Array.from({ length: size }, (_, index) => merkleLeaf(sha256(Uint8Array.of(size, index))))
    const present = new Map(picked.map((index) => [index, leaves[index]!]))
    const paths = new Map(picked.map((index) => [index, merklePath(leaves, index)]))
    return { leaves, present, paths }
  })

describe('a multiproof', () => {
  it('gives back the path of every leaf it was made for', () => {
    fc.assert(
      fc.property(anyPart, ({ leaves, present, paths }) => {
        const nodes = multiproofFromLeaves(leaves, new Set(present.keys()))
        expect(pathsFromMultiproof(leaves.length, present, nodes)).toEqual(paths)
      })
    )
  })

  it('is the same from the paths of its leaves as from all leaves', () => {
    fc.assert(
      fc.property(anyPart, ({ leaves, present, paths }) => {
        expect(multiproofFromPaths(leaves.length, paths)).toEqual(
          multiproofFromLeaves(leaves, new Set(present.keys()))
        )
      })
    )
  })

  it('is never longer than the other leaves, nor than the paths', () => {
    fc.assert(
      fc.property(anyPart, ({ leaves, present, paths }) => {
        const { length } = multiproofFromLeaves(leaves, new Set(present.keys()))
        const pathBytes = [...paths.values()].reduce((sum, path) => sum + path.length, 0)
        expect(length).toBeLessThanOrEqual((leaves.length - present.size) * NODE_BYTES)
        expect(length).toBeLessThanOrEqual(pathBytes)
      })
    )
  })

  it('is refused when it has a node too few, too many, or half of one', () => {
    fc.assert(
      fc.property(anyPart, fc.constantFrom(-16, -1, 1, 16), ({ leaves, present }, change) => {
        const nodes = multiproofFromLeaves(leaves, new Set(present.keys()))
        fc.pre(nodes.length + change >= 0)
        const changed = new Uint8Array(nodes.length + change)
        changed.set(nodes.subarray(0, changed.length))
        expect(() => pathsFromMultiproof(leaves.length, present, changed)).toThrow(
          expect.objectContaining({ code: 'CORE_MALFORMED' })
        )
      })
    )
  })
})
