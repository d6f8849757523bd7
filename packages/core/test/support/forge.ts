import type { ActorId, Timestamp, VersionVector } from '@cis-memory/clock'
import { EMPTY_VECTOR, latest, timestampFromMs } from '@cis-memory/clock'
import { fromHex } from '../../src/entry/bytes.ts'
import { type Commit, type CommitId, signCommit } from '../../src/entry/commit.ts'
import type { DeviceKey } from '../../src/entry/ed25519.ts'
import { sha256 } from '../../src/entry/hash.ts'
import { type Header, payloadContext, sealHeader, type UnsealedHeader } from '../../src/entry/header.ts'
import { merkleLeaf, merklePath, merkleRoot } from '../../src/entry/merkle.ts'
import { parsePath } from '../../src/entry/path.ts'
import { DELETED, encodePayload, sealPayload } from '../../src/entry/payload.ts'
import { createEpoch, type EpochRecord } from '../../src/entry/records.ts'
import { deriveSpaceKeys, type SpaceId } from '../../src/entry/space-keys.ts'
import type { EntryId, Replica } from '../../src/index.ts'
import type { Batch } from '../../src/sync/batch.ts'

export interface ForgedEntry {
  readonly header: Header
  readonly cipher: Uint8Array
}

/** Signs whatever it is told to, as a member who has the space's keys could. */
export class Forger {
  readonly key: DeviceKey
  readonly epoch: EpochRecord
  readonly #replica: Replica

  constructor(replica: Replica, key: DeviceKey = replica.key, nonceByte = 7) {
    this.key = key
    this.#replica = replica
    this.epoch = createEpoch(key, replica.space, 9, new Uint8Array(16).fill(nonceByte), undefined)
  }

  get actor(): ActorId {
    return this.epoch.actor
  }

  entry(
    path: string,
    n: number,
    options: {
      readonly value?: string
      readonly context?: VersionVector
      readonly hlc?: Timestamp
      readonly sealedPath?: string
      readonly parents?: readonly EntryId[]
      readonly space?: SpaceId
    } = {}
  ): ForgedEntry {
    const identity = this.#replica.exportSpace()
    const keys = deriveSpaceKeys(identity.secret, fromHex(this.#replica.space))
    const header: UnsealedHeader = {
      space: options.space ?? this.#replica.space,
      path: keys.tokens.of(parsePath(path)),
      dot: { actor: this.actor, n },
      hlc: options.hlc ?? timestampFromMs(this.#replica.runtime.now()),
      type: 'put',
      context: options.context ?? EMPTY_VECTOR,
      parents: [...new Set(options.parents)].sort(),
      keyId: keys.contentKeyId
    }
    const alternative = { ...DELETED, kind: 'value', value: options.value ?? `forged ${n}` } as const
    const payload = encodePayload({
      path: parsePath(options.sealedPath ?? path),
      alternatives: [alternative],
      agent: undefined,
      sources: [],
      isOverwrite: false,
      dropped: EMPTY_VECTOR
    })
    const cipher = sealPayload(keys.contentKey, payload, payloadContext(header), new Uint8Array(24).fill(n))
    return { header: sealHeader(header, sha256(cipher), cipher.length), cipher }
  }

  commit(entries: readonly ForgedEntry[], previous?: CommitId): Commit {
    const [first] = entries as [ForgedEntry]
    const hlcs = entries.map((entry) => entry.header.hlc)
    return signCommit(this.key, {
      space: first.header.space,
      actor: this.actor,
      first: first.header.dot.n,
      size: entries.length,
      root: merkleRoot(leavesOf(entries)),
      previous: first.header.dot.n === 1 ? undefined : (previous ?? ('0'.repeat(32) as CommitId)),
      hlc: hlcs.reduce(latest)
    })
  }

  /** One commit of entries, all of them or those picked, with their paths. */
  batch(
    entries: readonly ForgedEntry[],
    picked: readonly ForgedEntry[] = entries,
    previous?: CommitId
  ): Batch {
    const commit = this.commit(entries, previous)
    const leaves = leavesOf(entries)
    return {
      records: [this.epoch],
      commits: [{ commit, leaves: undefined }],
      entries: picked.map((entry) => ({ ...entry, commit, path: merklePath(leaves, entries.indexOf(entry)) }))
    }
  }
}

function leavesOf(entries: readonly ForgedEntry[]): Uint8Array[] {
  return entries.map((entry) => merkleLeaf(entry.header.digest))
}
