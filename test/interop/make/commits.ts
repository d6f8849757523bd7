import { concat, toHex } from '../../../packages/core/src/entry/bytes.ts'
import { type Commit, type CommitFields, signCommit } from '../../../packages/core/src/entry/commit.ts'
import { sha256 } from '../../../packages/core/src/entry/hash.ts'
import { type Header, sealHeader } from '../../../packages/core/src/entry/header.ts'
import { merkleLeaf, merklePath, merkleRoot } from '../../../packages/core/src/entry/merkle.ts'
import { type Case, MALFORMED, run, utf8, variants } from './case.ts'
import { epoch, HLC, laptop, phone, SEED, SPACE } from './cast.ts'
import { sealed, unsealed } from './headers.ts'
import { payloadOf, value } from './payloads.ts'

export const headers = [1, 2, 3, 4, 5].map((n) => sealed(unsealed(n), payloadOf(value(n))).header)

const leavesOf = (all: readonly Header[]): Uint8Array[] => all.map((each) => merkleLeaf(each.digest))

export function commitOver(all: readonly Header[], changes: Partial<CommitFields> = {}): Commit {
  return signCommit(laptop, {
    space: SPACE,
    actor: epoch.actor,
    first: all[0]!.dot.n,
    size: all.length,
    root: merkleRoot(leavesOf(all)),
    previous: undefined,
    hlc: all.at(-1)!.hlc,
    ...changes
  })
}

export const single = commitOver(headers.slice(0, 1))

const COMMITS: readonly [name: string, commit: Commit][] = [
  ['the first, of one entry', single],
  ['the next, of four', commitOver(headers.slice(1), { previous: single.id })]
]

export function commitCases(): Case[] {
  return COMMITS.map(([name, commit]) => ({
    name,
    seed: toHex(SEED),
    device: laptop.id,
    space: commit.space,
    actor: commit.actor,
    first: commit.first,
    size: commit.size,
    root: toHex(commit.root),
    previous: commit.previous ?? null,
    hlc: String(commit.hlc),
    hex: toHex(commit.bytes),
    signature: toHex(commit.signature),
    id: commit.id
  }))
}

const four = headers.slice(1)

const fourCommit = COMMITS[1]![1]

export function invalidCommitCases(): Case[] {
  return variants(fourCommit.bytes, MALFORMED, [
    ['another version', 0, 2],
    ['the number zero', 3, 0],
    ['no entries', 4, 0],
    ['65 entries', 4, 65],
    ['a root of 32 bytes', 5, run(0, 32)],
    ['no commit before it', 6, run(0, 0)],
    ['half a commit before it', 6, run(0, 8)],
    ['the first, with one before it', 3, 1],
    ['numbers beyond 2^53', 3, 2 ** 53 - 1],
    ['a ninth field', 8, 0]
  ]).map((each) => ({ ...each, signature: toHex(fourCommit.signature) }))
}

export function treeCases(): Case[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 63, 64].map((size) => {
    const digests = Array.from({ length: size }, (_, i) => sha256(Uint8Array.of(i)))
    const leaves = digests.map(merkleLeaf)
    return {
      name: `${size} entries whose digests are SHA-256 of their index as one byte`,
      size,
      leaves: leaves.map(toHex),
      root: toHex(merkleRoot(leaves)),
      paths: leaves.map((_, index) => toHex(merklePath(leaves, index)))
    }
  })
}

function proof(name: string, commit: Commit, header: Header, path: Uint8Array): Case {
  return {
    name,
    commit: toHex(commit.bytes),
    signature: toHex(commit.signature),
    device: laptop.id,
    header: toHex(header.bytes),
    path: toHex(path)
  }
}

export function proofCases(): Case[] {
  return [
    proof('an entry alone in its commit', single, headers[0]!, new Uint8Array(0)),
    ...four.map((header, i) =>
      proof(`entry ${i + 1} of four`, fourCommit, header, merklePath(leavesOf(four), i))
    )
  ]
}

export function invalidProofCases(): Case[] {
  const path = (i: number): Uint8Array => merklePath(leavesOf(four), i)
  return [
    proof('the path of another entry', fourCommit, four[0]!, path(1)),
    proof('an entry of another commit', fourCommit, headers[0]!, path(0)),
    proof('a path with a node too many', fourCommit, four[0]!, concat(path(0), run(0, 16))),
    proof('a path with a node too few', fourCommit, four[0]!, path(0).subarray(16)),
    proof(
      'a header with another time',
      fourCommit,
      sealHeader(unsealed(2, { hlc: HLC }), run(0, 32), 72),
      path(0)
    ),
    proof(
      'a commit older than its entry',
      commitOver(four, { previous: single.id, hlc: HLC }),
      four[0]!,
      path(0)
    ),
    {
      ...proof('a signature by another device', fourCommit, four[0]!, path(0)),
      signature: toHex(phone.sign(concat(utf8('cis/commit/1\0'), fourCommit.bytes)))
    },
    {
      ...proof('a signature without the label', fourCommit, four[0]!, path(0)),
      signature: toHex(laptop.sign(fourCommit.bytes))
    }
  ]
}
