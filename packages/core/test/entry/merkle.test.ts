import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '../../src/entry/bytes.ts'
import { merkleLeaf, merklePath, merkleRoot, merkleRootFromPath } from '../../src/entry/merkle.ts'
import { MAX_COMMIT_ENTRIES } from '../../src/limits.ts'

const SIZES = Array.from({ length: MAX_COMMIT_ENTRIES }, (_, i) => i + 1)

function hash(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(
    createHash('sha256')
      .update(concat(...parts))
      .digest()
      .subarray(0, 16)
  )
}

function leaves(size: number): Uint8Array[] {
  return Array.from({ length: size }, (_, i) => merkleLeaf(hash(Uint8Array.of(i))))
}

/**
 * The same root level by level: pair what stands side by side, and carry an odd last one up. RFC 6962 defines the tree
 * from the top instead; both give one shape.
 */
function slowRoot(nodes: readonly Uint8Array[]): Uint8Array {
  if (nodes.length === 1) return nodes[0]!
  const above: Uint8Array[] = []
  for (let i = 0; i < nodes.length; i += 2) {
    const [left, right] = [nodes[i]!, nodes[i + 1]]
    above.push(right === undefined ? left : hash(Uint8Array.of(1), left, right))
  }
  return slowRoot(above)
}

/** The same path level by level. */
function slowPath(nodes: readonly Uint8Array[], index: number): Uint8Array {
  if (nodes.length === 1) return new Uint8Array(0)
  const above: Uint8Array[] = []
  for (let i = 0; i < nodes.length; i += 2) above.push(slowRoot(nodes.slice(i, i + 2)))
  const sibling = nodes[index ^ 1]
  return concat(sibling ?? new Uint8Array(0), slowPath(above, index >> 1))
}

describe('the tree of a commit', () => {
  it.each(SIZES)('of %i leaves is the one of RFC 6962', (size) => {
    const all = leaves(size)
    const root = merkleRoot(all)
    expect(toHex(root)).toBe(toHex(slowRoot(all)))
    for (let index = 0; index < size; index++) {
      const path = merklePath(all, index)
      expect(toHex(path)).toBe(toHex(slowPath(all, index)))
      expect(toHex(merkleRootFromPath(all[index]!, index, size, path)!)).toBe(toHex(root))
    }
  })

  it('proves a leaf at its own place alone', () => {
    for (const size of [1, 2, 3, 5, 7, 8, 13, 64]) {
      const all = leaves(size)
      const root = toHex(merkleRoot(all))
      for (let index = 0; index < size; index++) {
        const path = merklePath(all, index)
        for (let claimed = -1; claimed <= size; claimed++) {
          const reached = merkleRootFromPath(all[index]!, claimed, size, path)
          expect(reached !== undefined && toHex(reached) === root, `${index} of ${size} as ${claimed}`).toBe(
            claimed === index
          )
        }
      }
    }
  })

  it('refuses a place outside, or none', () => {
    const [leaf] = leaves(1) as [Uint8Array]
    const path = merklePath(leaves(4), 0)
    for (const index of [-1, 4, 1.5, Number.NaN]) {
      expect(merkleRootFromPath(leaf, index, 4, path)).not.toEqual(merkleRoot(leaves(4)))
    }
    expect(merkleRootFromPath(leaf, 4, 4, path)).toBeUndefined()
    expect(merkleRootFromPath(leaf, -1, 4, path)).toBeUndefined()
    expect(merkleRootFromPath(leaf, 0, 0, new Uint8Array(0))).toBeUndefined()
  })

  it('refuses a path that is longer or shorter than the tree is high', () => {
    for (const size of [1, 2, 3, 6, 64]) {
      const all = leaves(size)
      for (let index = 0; index < size; index++) {
        const path = merklePath(all, index)
        const tries = [concat(path, all[0]!), concat(path, Uint8Array.of(0))]
        if (path.length > 0)
          tries.push(path.subarray(1), path.subarray(16), path.subarray(0, -16), new Uint8Array(0))
        for (const wrong of tries) {
          const reached = merkleRootFromPath(all[index]!, index, size, wrong)
          expect(reached === undefined || toHex(reached) !== toHex(merkleRoot(all))).toBe(true)
        }
        expect(merkleRootFromPath(all[index]!, index, size, concat(path, all[0]!))).toBeUndefined()
      }
    }
  })

  it('gives trees of other sizes over the same start other roots', () => {
    expect(new Set(SIZES.map((size) => toHex(merkleRoot(leaves(size))))).size).toBe(SIZES.length)
  })

  it('never takes an inner node for a leaf: leaves and nodes are hashed apart', () => {
    const [a, b] = leaves(2) as [Uint8Array, Uint8Array]
    const inner = merkleRoot([a, b])
    const asDigest = concat(a, b)
    expect(toHex(merkleLeaf(asDigest))).not.toBe(toHex(inner))
    expect(toHex(merkleLeaf(concat(Uint8Array.of(1), a, b)))).not.toBe(toHex(inner))
    // Four leaves shortened to the two nodes above them have the same root; the size that is signed tells them apart.
    const four = leaves(4)
    const two = [merkleRoot(four.slice(0, 2)), merkleRoot(four.slice(2))]
    expect(toHex(merkleRoot(two))).toBe(toHex(merkleRoot(four)))
    expect(merkleRootFromPath(two[0]!, 0, 4, two[1]!)).toBeUndefined()
  })

  it('has at least one leaf', () => {
    expect(() => merkleRoot([])).toThrow(RangeError)
  })

  it('gives paths for places outside it that prove nothing there', () => {
    for (const size of [1, 3, 8]) {
      const all = leaves(size)
      for (const index of [-1, size, size + 7, Number.MAX_SAFE_INTEGER]) {
        const path = merklePath(all, index)
        expect(merkleRootFromPath(all[0]!, index, size, path)).toBeUndefined()
      }
    }
    expect(merklePath([], 0)).toHaveLength(0)
  })
})
