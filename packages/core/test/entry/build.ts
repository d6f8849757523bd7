import { type ActorId, timestamp } from '@cis-memory/clock'
import { expect } from 'vitest'
import { fromHex, toHex } from '../../src/entry/bytes.ts'
import { type Commit, type CommitFields, signCommit } from '../../src/entry/commit.ts'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { type Header, sealHeader, type UnsealedHeader } from '../../src/entry/header.ts'
import { merkleLeaf, merkleRoot } from '../../src/entry/merkle.ts'
import type { KeyId, SpaceId } from '../../src/entry/space-keys.ts'

/** `length` bytes of one value. */
export function filled(value: number, length: number): Uint8Array {
  return new Uint8Array(length).fill(value)
}

export function bytesOf(hex: string): Uint8Array {
  return fromHex(hex.replaceAll(' ', ''))
}

export const alice = new DeviceKey(filled(0xa1, 32))
export const bob = new DeviceKey(filled(0xb0, 32))
export const SPACE = '5a'.repeat(16) as SpaceId
export const ACTOR = 'ac'.repeat(16) as ActorId
export const OTHER_ACTOR = '0b'.repeat(16) as ActorId

/** A header that says as little as it can. */
export function header(changes: Partial<UnsealedHeader> & { readonly n?: number } = {}): Header {
  const { n = 1, ...others } = changes
  const fields: UnsealedHeader = {
    space: SPACE,
    path: filled(0x70, 16),
    dot: { actor: ACTOR, n },
    hlc: timestamp(1000n + BigInt(n)),
    type: 'put',
    context: new Map(),
    parents: [],
    keyId: 'ce'.repeat(16) as KeyId,
    ...others
  }
  return sealHeader(fields, filled(0xcc, 32), 72)
}

/** Signs a commit of some headers in their order. */
export function commitOf(headers: readonly Header[], changes: Partial<CommitFields> = {}): Commit {
  const last = headers.at(-1)!
  const first = headers[0]!.dot.n
  return signCommit(alice, {
    space: SPACE,
    actor: ACTOR,
    first,
    size: headers.length,
    root: merkleRoot(headers.map((each) => merkleLeaf(each.digest))),
    previous: first === 1 ? undefined : ('9e'.repeat(16) as CommitFields['previous']),
    hlc: last.hlc,
    ...changes
  })
}

/** What a refusal looks like to whoever has to decide what to do about it. */
export function refusal(code: string): unknown {
  return expect.objectContaining({ code })
}

/** The bytes something makes as hex, the code it refuses with, or an error without one as text. */
export function outcome(make: () => Uint8Array): string {
  try {
    return toHex(make())
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : `no code: ${String(error)}`
  }
}
