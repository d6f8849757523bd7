/*
 * A commit: what one fsync makes durable and one signature vouches for. A CBOR array of 8:
 *
 *   0 v         1
 *   1 space     16 bytes
 *   2 actor     16 bytes
 *   3 first     number of its first entry
 *   4 size      1 to 64: it holds the numbers first … first + size - 1
 *   5 root      16 bytes, see `merkle.ts`
 *   6 previous  16 bytes, the id of the actor's commit before; empty for the first
 *   7 hlc       that of its last entry
 *
 * signature = Ed25519("cis/commit/1" ‖ 0 ‖ commit); id = SHA-256("cis/commit/1" ‖ 0 ‖ commit)[0..16)
 */
import {
  ACTOR_ID_BYTES,
  type ActorId,
  actorFromBytes,
  actorToBytes,
  isCounter,
  type Timestamp,
  timestamp
} from '@cis-memory/clock'
import { MAX_COMMIT_ENTRIES } from '../limits.ts'
import { concat, equalBytes, fromHex, toHex } from './bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from './cbor.ts'
import { type DeviceId, type DeviceKey, SIGNATURE_BYTES, verifySignature } from './ed25519.ts'
import { ID_BYTES, labelledId } from './hash.ts'
import type { Header } from './header.ts'
import { merkleLeaf, merkleRootFromPath, NODE_BYTES } from './merkle.ts'
import type { SpaceId } from './space-keys.ts'

const VERSION = 1
const LABEL = 'cis/commit/1'
const SIGNED_LABEL = Buffer.from(`${LABEL}\0`)
const FIELD_COUNT = 8
export const MAX_COMMIT_BYTES = 160

/** The first 16 bytes of a commit's hash as 32 hex digits. */
export type CommitId = string & { readonly __commitId: unique symbol }

export interface CommitFields {
  readonly space: SpaceId
  readonly actor: ActorId
  readonly first: number
  readonly size: number
  readonly root: Uint8Array
  readonly previous: CommitId | undefined
  readonly hlc: Timestamp
}

/** A commit with its signature. As an actor's latest one it is that actor's *head proof*. */
export interface Commit extends CommitFields {
  readonly id: CommitId
  /** The number of its last entry. */
  readonly last: number
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
}

/** An entry's place in a signed commit. With the header it is all the evidence there needs to be. */
export interface Proof {
  readonly commit: Commit
  /** Nodes from the entry's sibling up, joined; empty when the entry is alone in its commit. */
  readonly path: Uint8Array
}

/** Signs a commit. */
export function signCommit(key: DeviceKey, fields: CommitFields): Commit {
  const bytes = encodeCbor([
    VERSION,
    fromHex(fields.space),
    actorToBytes(fields.actor),
    fields.first,
    fields.size,
    fields.root,
    fields.previous === undefined ? new Uint8Array(0) : fromHex(fields.previous),
    fields.hlc
  ])
  return decodeCommit(bytes, key.sign(concat(SIGNED_LABEL, bytes)))
}

/**
 * Reads a commit, without checking its signature.
 *
 * @throws {CoreError} `CORE_MALFORMED`
 */
export function decodeCommit(bytes: Uint8Array, signature: Uint8Array): Commit {
  if (signature.length !== SIGNATURE_BYTES)
    throw malformed('a commit', 'has no signature of the right length')
  const fields = Fields.ofArray(decodeCbor(bytes), 'a commit', FIELD_COUNT)
  fields.integer(0, VERSION, VERSION)
  const first = fields.integer(3, 1)
  const size = fields.integer(4, 1, MAX_COMMIT_ENTRIES)
  const last = first + (size - 1)
  if (!isCounter(last)) throw malformed('a commit', 'goes beyond the last number there is')
  const previous = fields.bytes(6, 0, ID_BYTES)
  const isFirst = first === 1
  if (previous.length !== (isFirst ? 0 : ID_BYTES))
    throw malformed('a commit', 'names no commit before it, or one too many')
  return {
    id: toHex(labelledId(LABEL, bytes)) as CommitId,
    bytes,
    signature,
    space: toHex(fields.bytes(1, ID_BYTES)) as SpaceId,
    actor: actorFromBytes(fields.bytes(2, ACTOR_ID_BYTES)),
    first,
    size,
    last,
    root: fields.bytes(5, NODE_BYTES),
    previous: isFirst ? undefined : (toHex(previous) as CommitId),
    hlc: timestamp(fields.uint64(7))
  }
}

/** Whether the device signed the commit. */
export function isSignedBy(commit: Commit, device: DeviceId): boolean {
  return verifySignature(device, concat(SIGNED_LABEL, commit.bytes), commit.signature)
}

/** Whether a header has its place in a commit. The commit's signature is checked apart, once for all entries. */
export function provesHeader({ commit, path }: Proof, header: Header): boolean {
  if (!mayHold(commit, header)) return false
  const index = header.dot.n - commit.first
  const root = merkleRootFromPath(merkleLeaf(header.digest), index, commit.size, path)
  return root !== undefined && equalBytes(root, commit.root)
}

/** The same by all leaves of the commit's tree, of which the caller has checked that they lead to its root. */
export function isAmongLeaves(leaves: readonly Uint8Array[], commit: Commit, header: Header): boolean {
  const leaf = leaves[header.dot.n - commit.first]
  return mayHold(commit, header) && leaf !== undefined && equalBytes(leaf, merkleLeaf(header.digest))
}

function mayHold(commit: Commit, header: Header): boolean {
  const isSameWriter = commit.space === header.space && commit.actor === header.dot.actor
  const isInRange = commit.first <= header.dot.n && header.dot.n <= commit.last
  return isSameWriter && isInRange && header.hlc <= commit.hlc
}

/**
 * Whether two commits of one actor disagree: about a number, or about which commit comes before the later one, which
 * shares its last number with the earlier one then. Evidence that the actor has forked.
 */
export function disagree(a: Commit, b: Commit): boolean {
  if (a.actor !== b.actor || a.id === b.id) return false
  if (a.last >= b.first && b.last >= a.first) return true
  const [earlier, later] = a.last < b.first ? [a, b] : [b, a]
  return later.first === earlier.last + 1 && later.previous !== earlier.id
}
