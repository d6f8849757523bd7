/*
 * One proof for several entries of a commit: the roots of the largest subtrees that hold none of them, from left to
 * right. All entries of a commit need no node at all, one alone needs its path, and nothing in between needs more
 * than the shorter of leaves and paths.
 */
import { concat, NO_BYTES } from '../entry/bytes.ts'
import { malformed } from '../entry/cbor.ts'
import { merkleRoot, NODE_BYTES } from '../entry/merkle.ts'

/** The nodes that prove some leaves, given all of them. */
export function multiproofFromLeaves(
  leaves: readonly Uint8Array[],
  present: ReadonlySet<number>
): Uint8Array {
  return collect(leaves.length, present, (from, to) => merkleRoot(leaves.slice(from, to)))
}

/** The nodes that prove some leaves, given the path of each. */
export function multiproofFromPaths(size: number, paths: ReadonlyMap<number, Uint8Array>): Uint8Array {
  const present = new Set(paths.keys())
  return collect(size, present, (_from, _to, neighbour, depth) => {
    const path = paths.get(neighbour) as Uint8Array
    const end = path.length - depth * NODE_BYTES
    return path.subarray(end - NODE_BYTES, end)
  })
}

/** `missing(from, to, neighbour, depth)`: the root over `[from, to)`, beside a subtree with `neighbour` in it. */
function collect(
  size: number,
  present: ReadonlySet<number>,
  missing: (from: number, to: number, neighbour: number, depth: number) => Uint8Array
): Uint8Array {
  const nodes: Uint8Array[] = []
  const walk = (from: number, to: number, depth: number): void => {
    if (to - from === 1) return
    const middle = from + splitOf(to - from)
    const [left, right] = [firstOf(present, from, middle), firstOf(present, middle, to)]
    if (left !== undefined) walk(from, middle, depth + 1)
    else nodes.push(missing(from, middle, right as number, depth))
    if (right !== undefined) walk(middle, to, depth + 1)
    else nodes.push(missing(middle, to, left as number, depth))
  }
  if (present.size > 0) walk(0, size, 0)
  return concat(...nodes)
}

/**
 * The path of each leaf in a tree of `size`, from its multiproof.
 *
 * @throws {CoreError} `CORE_MALFORMED` when there are too few nodes or too many
 */
export function pathsFromMultiproof(
  size: number,
  leaves: ReadonlyMap<number, Uint8Array>,
  nodes: Uint8Array
): Map<number, Uint8Array> {
  const present = new Set(leaves.keys())
  const paths = new Map<number, Uint8Array[]>([...present].map((index) => [index, []]))
  let at = 0
  const build = (from: number, to: number): Uint8Array => {
    if (firstOf(present, from, to) === undefined) {
      if (at + NODE_BYTES > nodes.length) throw malformed('a proof', 'has too few nodes')
      at += NODE_BYTES
      return nodes.subarray(at - NODE_BYTES, at)
    }
    if (to - from === 1) return leaves.get(from) as Uint8Array
    const middle = from + splitOf(to - from)
    const left = build(from, middle)
    const right = build(middle, to)
    for (let index = from; index < to; index++) paths.get(index)?.push(index < middle ? right : left)
    return merkleRoot([left, right])
  }
  if (present.size > 0) build(0, size)
  if (at !== nodes.length) throw malformed('a proof', 'has too many nodes')
  return new Map([...paths].map(([index, path]) => [index, path.length === 0 ? NO_BYTES : concat(...path)]))
}

function firstOf(present: ReadonlySet<number>, from: number, to: number): number | undefined {
  for (let index = from; index < to; index++) if (present.has(index)) return index
  return undefined
}

/** The largest power of two below `size`, as in RFC 6962 §2.1. */
function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}
