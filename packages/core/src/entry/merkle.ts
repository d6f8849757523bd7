/*
 * The tree of a commit: the shape of RFC 6962 §2.1 over entry digests, with nodes of 16 bytes.
 *
 *   leaf  = SHA-256(0x00 ‖ digest)[0..16)
 *   inner = SHA-256(0x01 ‖ left ‖ right)[0..16)
 *
 * Signing the root vouches for every entry, and an entry proves its place with one node a level.
 */
import { createHash } from 'node:crypto'
import { concat } from './bytes.ts'

export const NODE_BYTES = 16

const LEAF = Uint8Array.of(0x00)
const INNER = Uint8Array.of(0x01)

function node(tag: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256').update(tag)
  for (const part of parts) hash.update(part)
  return new Uint8Array(hash.digest().subarray(0, NODE_BYTES))
}

/** The leaf of an entry's whole digest. */
export function merkleLeaf(digest: Uint8Array): Uint8Array {
  return node(LEAF, digest)
}

/**
 * The root over leaves.
 *
 * @throws {RangeError} when there are none
 */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) throw new RangeError('a tree has at least one leaf')
  if (leaves.length === 1) return leaves[0] as Uint8Array
  const split = splitOf(leaves.length)
  return node(INNER, merkleRoot(leaves.slice(0, split)), merkleRoot(leaves.slice(split)))
}

/**
 * The nodes from a leaf's sibling up to below the root, joined. Empty when the leaf is alone. For an index outside the
 * tree it is a path that proves nothing: peers choose the index.
 */
export function merklePath(leaves: readonly Uint8Array[], index: number): Uint8Array {
  if (leaves.length <= 1) return new Uint8Array(0)
  const split = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  return index < split
    ? concat(merklePath(left, index), merkleRoot(right))
    : concat(merklePath(right, index - split), merkleRoot(left))
}

/**
 * The root that a leaf at `index` of `size` and its path lead to, or `undefined` when there is no such place or the
 * path has a wrong length.
 */
export function merkleRootFromPath(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: Uint8Array
): Uint8Array | undefined {
  if (!(index >= 0 && index < size)) return undefined
  if (size === 1) return path.length === 0 ? leaf : undefined
  if (path.length < NODE_BYTES) return undefined
  const split = splitOf(size)
  const sibling = path.subarray(path.length - NODE_BYTES)
  const rest = path.subarray(0, path.length - NODE_BYTES)
  const below =
    index < split
      ? merkleRootFromPath(leaf, index, split, rest)
      : merkleRootFromPath(leaf, index - split, size - split, rest)
  if (below === undefined) return undefined
  return index < split ? node(INNER, below, sibling) : node(INNER, sibling, below)
}

/** The largest power of two below `size`. */
function splitOf(size: number): number {
  return 2 ** Math.ceil(Math.log2(size) - 1)
}
