import { decodeCbor, encodeCbor } from '../../packages/core/src/entry/cbor.ts'
import type { Random } from '../simulator/src/random.ts'

const MAX_MUTATIONS = 6
/** Small inputs find most; large ones find what takes longer the longer they are. */
const MAX_STRETCHED_BYTES = 100_000
const NESTED_DEPTH = 200

/** What formats of text turn on. */
const TOKENS = [
  '"',
  '\\',
  '\\u0000',
  '[',
  ']',
  '{',
  '}',
  '(',
  ')',
  '#',
  '-',
  '=',
  '`',
  '~',
  '<!--',
  '-->',
  '/',
  '..'
]
  .concat([
    '\n',
    '\r',
    '\t',
    ' ',
    '\u00a0',
    '\u0301',
    '\ufeff',
    '\u{1f600}',
    'null',
    'NaN',
    '1e999',
    '-0',
    ':',
    ','
  ])
  .map((token) => Buffer.from(token))

/** Numbers, text and bytes at the edges of what a field may be. */
const EXTREMES: readonly unknown[] = [
  ...[0, 1, -1, 15, 16, 23, 24, 255, 256, 65_535, 65_536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1],
  ...[
    -(2 ** 53) + 1,
    2n ** 64n - 1n,
    0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    true,
    false,
    '',
    '/',
    '\0'
  ],
  ...['a'.repeat(300), '\u0301', '__proto__', [], new Map(), new Map([['__proto__', 1]])],
  ...[0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 4096].map((length) => new Uint8Array(length))
]

/** An input that is nearly one of `corpus`: changed in its parts when it has any, or in its bytes. */
export function mutated(random: Random, corpus: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.02)) return random.bytes(random.below(200))
  let bytes = random.pick(corpus)
  for (let left = random.between(1, MAX_MUTATIONS); left > 0; left--) {
    const other = random.pick(corpus)
    const changed = random.chance(0.5) ? changedTree(random, bytes, other) : undefined
    bytes = changed ?? changedBytes(random, bytes, other)
  }
  return bytes
}

type Node = readonly unknown[] | ReadonlyMap<unknown, unknown>

/** Changes one part of what CBOR holds, at any depth, CBOR within its byte strings included. */
function changedTree(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array | undefined {
  const tree = treeOf(bytes)
  if (tree === undefined) return undefined
  try {
    return encodeCbor(changedNode(random, tree, treeOf(other)))
  } catch {
    // Not everything that can be put together can be written down.
    return undefined
  }
}

function treeOf(bytes: unknown): Node | undefined {
  if (!(bytes instanceof Uint8Array) || bytes.length < 2) return undefined
  try {
    const tree = decodeCbor(bytes)
    return Array.isArray(tree) || tree instanceof Map ? tree : undefined
  } catch {
    return undefined
  }
}

function changedNode(random: Random, node: unknown, other: unknown): unknown {
  if (Array.isArray(node) && node.length > 0) {
    const at = random.below(node.length)
    if (random.chance(0.3)) return changedList(random, node, at)
    return node.map((part, i) => (i === at ? changedPart(random, part, other) : part))
  }
  if (node instanceof Map && node.size > 0) {
    const entries = [...node]
    const at = random.below(entries.length)
    if (random.chance(0.2)) return new Map(entries.filter((_, i) => i !== at))
    if (random.chance(0.1)) return new Map([...entries, [random.below(12), random.pick(EXTREMES)]])
    return new Map(
      entries.map(([key, part], i) => [key, i === at ? changedPart(random, part, other) : part] as const)
    )
  }
  return random.pick(EXTREMES)
}

function changedList(random: Random, list: readonly unknown[], at: number): unknown[] {
  const without = list.filter((_, i) => i !== at)
  return random.pick([
    () => without,
    () => [...list, list[at]],
    () => [...without, list[at]],
    () => Array.from({ length: random.pick([2, 65, 300]) }, () => list[at]),
    () => list.map((part, i) => (i === at ? list[random.below(list.length)] : part))
  ])()
}

function changedPart(random: Random, part: unknown, other: unknown): unknown {
  const inner = treeOf(part)
  if (inner !== undefined && random.chance(0.8)) return encodeCbor(changedNode(random, inner, other))
  const isNode = Array.isArray(part) || part instanceof Map
  if (isNode && random.chance(0.8)) return changedNode(random, part, other)
  if (random.chance(0.05)) return nested(NESTED_DEPTH)
  if (typeof part === 'number' && random.chance(0.6)) return part + random.pick([-1, 1, 2 ** 32, -part * 2])
  if (part instanceof Uint8Array && part.length > 0 && random.chance(0.6))
    return changedBytes(random, part, part)
  if (typeof part === 'string' && random.chance(0.6)) {
    return Buffer.from(changedBytes(random, Buffer.from(part), Buffer.from(part))).toString()
  }
  if (other !== undefined && random.chance(0.3)) return somewhereIn(random, other)
  return random.pick(EXTREMES)
}

function somewhereIn(random: Random, node: unknown): unknown {
  const parts = Array.isArray(node) ? node : node instanceof Map ? [...node.values()] : []
  return parts.length === 0 || random.chance(0.3) ? node : somewhereIn(random, random.pick(parts))
}

function nested(depth: number): unknown {
  let node: unknown = 0
  for (let i = 0; i < depth; i++) node = [node]
  return node
}

function changedBytes(random: Random, bytes: Uint8Array, other: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1)
  const end = Math.min(bytes.length, at + random.between(1, 16))
  const put = (middle: Uint8Array, from: number = at, to: number = from): Uint8Array =>
    Buffer.concat([bytes.subarray(0, from), middle, bytes.subarray(to)])
  return random.weighted<() => Uint8Array>([
    [6, () => put(Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.below(8))), at, at + 1)],
    [
      4,
      () =>
        put(Uint8Array.of(random.pick([0, 1, 0x7f, 0x80, 0xff, 0x5f, 0x9f, 0xbf, 0x1b, 0x3b])), at, at + 1)
    ],
    [3, () => put(random.pick(TOKENS))],
    [3, () => put(random.bytes(random.between(1, 8)))],
    [3, () => put(new Uint8Array(0), at, end)],
    [2, () => bytes.subarray(0, at)],
    [2, () => put(other.subarray(random.below(other.length + 1)), at, bytes.length)],
    [2, () => put(bytes.subarray(at, end))],
    [1, () => put(stretched(random, bytes.subarray(at, at + random.between(1, 4))))]
  ])()
}

function stretched(random: Random, piece: Uint8Array): Uint8Array {
  const part = piece.length === 0 ? random.pick(TOKENS) : piece
  const times = random.pick([10, 1000, MAX_STRETCHED_BYTES])
  return Buffer.concat(
    Array.from({ length: Math.ceil(Math.min(times, MAX_STRETCHED_BYTES / part.length)) }, () => part)
  )
}
