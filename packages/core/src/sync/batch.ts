/*
 * What travels, by feed and by gossip alike. A CBOR array of 3:
 *
 *   0 form       0 plain · 1 the envelope is deflated (RFC 1951)
 *   1 envelope   bytes, the CBOR array below
 *   2 ciphers    the sealed payloads of its entries, joined; each header says how long its own is
 *
 * and the envelope, also an array of 3:
 *
 *   0 records    [bytes, signature] each
 *   1 commits    [bytes, signature, nodes] each; nodes: the multiproof of its entries here, empty when all of them are
 *   2 entries    [index of its commit, header] each
 *
 * Headers and commits repeat much of each other and deflate well; ciphers never do, so they stay outside.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { concat, NO_BYTES } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from '../entry/cbor.ts'
import { type Commit, type CommitId, decodeCommit, MAX_COMMIT_BYTES } from '../entry/commit.ts'
import { SIGNATURE_BYTES } from '../entry/ed25519.ts'
import { decodeHeader, type Header } from '../entry/header.ts'
import { merkleLeaf, NODE_BYTES } from '../entry/merkle.ts'
import type { SystemRecord } from '../entry/records.ts'
import { recordFromCbor, recordToCbor } from '../entry/signed-record.ts'
import { CoreError, invariant } from '../errors.ts'
import { MAX_COMMIT_ENTRIES, MAX_FRAME_BYTES, MAX_HEADER_BYTES, PAGE_ENTRIES } from '../limits.ts'
import { DEFLATE_FROM_BYTES, MAX_BATCH_COMMITS, MAX_BATCH_RECORDS, MAX_ENVELOPE_BYTES } from './limits.ts'
import { multiproofFromLeaves, multiproofFromPaths, pathsFromMultiproof } from './multiproof.ts'

/** An entry on its way: its header, its sealed payload and where it stands in its commit. */
export interface BatchEntry {
  readonly header: Header
  readonly cipher: Uint8Array
  /** The commit that vouches for it, one of the batch's. */
  readonly commit: Commit
  /** Its path in the commit's tree. Unless it is given, the batch has the commit's leaves. */
  readonly path: Uint8Array | undefined
}

/** A commit on its way. */
export interface BatchCommit {
  readonly commit: Commit
  /** The leaves of its tree in order, when they are known. */
  readonly leaves: readonly Uint8Array[] | undefined
}

/**
 * What travels, by feed and by gossip alike: system records, then commits, then the entries they vouch for.
 * Commits without entries are head proofs.
 */
export interface Batch {
  readonly records: readonly SystemRecord[]
  readonly commits: readonly BatchCommit[]
  readonly entries: readonly BatchEntry[]
}

export const EMPTY_BATCH: Batch = { records: [], commits: [], entries: [] }

const PLAIN = 0
const DEFLATED = 1
/** The fastest level: what there is to gain is repetition, which every level finds. */
const DEFLATE_LEVEL = 1
const MAX_PROOF_BYTES = MAX_COMMIT_ENTRIES * NODE_BYTES

/** Encodes a batch as a message of its own, for gossip. */
export function encodeBatch(batch: Batch): Uint8Array {
  return encodeCbor(batchToCbor(batch))
}

/**
 * Reads a batch. Entries of commits that it has whole come back without paths, and the commits with their leaves;
 * all others with their paths. Nothing is checked but the shape.
 *
 * @throws {CoreError} `CORE_MALFORMED`, `CORE_BAD_KEY`
 * @throws {ClockError} `CLOCK_MALFORMED`, `CLOCK_LIMIT`
 */
export function decodeBatch(bytes: Uint8Array): Batch {
  return batchFromCbor(decodeCbor(bytes))
}

/** A batch as a part of a message. */
export function batchToCbor(batch: Batch): unknown {
  const positions = new Map<CommitId, number>(batch.commits.map(({ commit }, index) => [commit.id, index]))
  const members = batch.commits.map((): BatchEntry[] => [])
  const entries = batch.entries.map((entry) => {
    const position = positions.get(entry.commit.id)
    invariant(position !== undefined, 'an entry travels with its commit')
    members[position]?.push(entry)
    return [position, entry.header.bytes]
  })
  const commits = batch.commits.map((each, position) => [
    each.commit.bytes,
    each.commit.signature,
    nodesOf(each, members[position] ?? [])
  ])
  const records = batch.records.map(recordToCbor)
  const envelope = encodeCbor([records, commits, entries])
  const ciphers = concat(...batch.entries.map(({ cipher }) => cipher))
  if (envelope.length < DEFLATE_FROM_BYTES) return [PLAIN, envelope, ciphers]
  return [DEFLATED, new Uint8Array(deflateRawSync(envelope, { level: DEFLATE_LEVEL })), ciphers]
}

function nodesOf({ commit, leaves }: BatchCommit, entries: readonly BatchEntry[]): Uint8Array {
  if (entries.length === 0) return NO_BYTES
  const indexOf = (entry: BatchEntry): number => entry.header.dot.n - commit.first
  if (leaves !== undefined) return multiproofFromLeaves(leaves, new Set(entries.map(indexOf)))
  const paths = new Map<number, Uint8Array>()
  for (const entry of entries) {
    invariant(entry.path !== undefined, 'an entry travels with its path or the leaves of its commit')
    paths.set(indexOf(entry), entry.path)
  }
  return multiproofFromPaths(commit.size, paths)
}

/** Reads a batch that is part of a message; see {@link decodeBatch}. */
export function batchFromCbor(value: unknown): Batch {
  const outer = Fields.ofArray(value, 'a batch', 3)
  const envelope = openEnvelope(outer.integer(0, PLAIN, DEFLATED), outer.bytes(1, 0, MAX_FRAME_BYTES))
  const ciphers = outer.bytes(2, 0, MAX_FRAME_BYTES)
  const inner = Fields.ofArray(decodeCbor(envelope), 'a batch', 3)
  const records = inner.array(0, MAX_BATCH_RECORDS).map(recordFromCbor)
  const signed = inner.array(1, MAX_BATCH_COMMITS).map(readCommit)
  const members = signed.map(() => new Map<number, Header>())
  let at = 0
  const entries = inner.array(2, PAGE_ENTRIES).map((raw) => {
    const fields = Fields.ofArray(raw, 'an entry', 2)
    const position = fields.integer(0, 0, signed.length - 1)
    const header = decodeHeader(fields.bytes(1, 1, MAX_HEADER_BYTES))
    const { commit } = signed[position] as SignedCommit
    const index = header.dot.n - commit.first
    if (index < 0 || index >= commit.size || members[position]?.has(index)) {
      throw malformed('a batch', 'has an entry that is not in its commit, or twice')
    }
    members[position]?.set(index, header)
    const cipher = ciphers.subarray(at, at + header.cipherLength)
    if (cipher.length !== header.cipherLength) throw malformed('a batch', 'lacks a payload')
    at += header.cipherLength
    return { header, cipher, position, index }
  })
  if (at !== ciphers.length) throw malformed('a batch', 'has payloads that belong to no entry')
  const proofs = signed.map((each, position) => readProof(each, members[position] ?? new Map()))
  return {
    records,
    commits: signed.map(({ commit }, position) => ({ commit, leaves: proofs[position]?.leaves })),
    entries: entries.map(({ header, cipher, position, index }) => ({
      header,
      cipher,
      commit: (signed[position] as SignedCommit).commit,
      path: proofs[position]?.paths?.get(index)
    }))
  }
}

interface SignedCommit {
  readonly commit: Commit
  readonly nodes: Uint8Array
}

interface CommitProof {
  readonly leaves: readonly Uint8Array[] | undefined
  readonly paths: ReadonlyMap<number, Uint8Array> | undefined
}

function readProof({ commit, nodes }: SignedCommit, members: ReadonlyMap<number, Header>): CommitProof {
  const leaves = new Map([...members].map(([index, header]) => [index, merkleLeaf(header.digest)]))
  const isWhole = leaves.size === commit.size && commit.size > 1
  if (!isWhole) return { leaves: undefined, paths: pathsFromMultiproof(commit.size, leaves, nodes) }
  if (nodes.length > 0) throw malformed('a proof', 'has too many nodes')
  const inOrder = [...leaves].sort(([a], [b]) => a - b).map(([, leaf]) => leaf)
  return { leaves: inOrder, paths: undefined }
}

function openEnvelope(form: number, bytes: Uint8Array): Uint8Array {
  if (form === PLAIN) return bytes
  try {
    return new Uint8Array(inflateRawSync(bytes, { maxOutputLength: MAX_ENVELOPE_BYTES }))
  } catch (cause) {
    throw new CoreError('CORE_MALFORMED', 'a batch does not inflate within its limit', { cause })
  }
}

function readCommit(raw: unknown): SignedCommit {
  const fields = Fields.ofArray(raw, 'a signed commit', 3)
  return {
    commit: decodeCommit(fields.bytes(0, 1, MAX_COMMIT_BYTES), fields.bytes(1, SIGNATURE_BYTES)),
    nodes: fields.bytes(2, 0, MAX_PROOF_BYTES)
  }
}
