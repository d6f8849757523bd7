import type { ActorId } from '@cis-memory/clock'
import type { Commit } from '../entry/commit.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import type { SystemRecord } from '../entry/records.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import type { Batch } from './batch.ts'

/**
 * A part of the feed, in the order of its log sequence numbers. It ends at `PAGE_BYTES` or `PAGE_ENTRIES`; one entry
 * alone may be larger.
 */
export interface FeedPage {
  readonly batch: Batch
  /** The reader continues after this number; never less than what was asked. The {@link SyncReplica.tip} on the last page. */
  readonly next: bigint
  /** Whether there is more behind it now. */
  readonly hasMore: boolean
}

export interface FeedQuery {
  /** Only what was applied after this number; 0 reads from the start. */
  readonly after: bigint
  /** κ of the scope asked for; empty is the whole space. */
  readonly scope: Uint8Array
  /** κ of the scopes this node shares; `[]` shares nothing. An empty κ is the whole space. */
  readonly shared: readonly Uint8Array[]
  /** Who asks, as `ingest` was told of them: what came from there is not sent back. Empty sends everything. */
  readonly requester: Uint8Array
}

export interface Checkpoint {
  /** Names a peer's feed, see `identity.ts`. 16 bytes. */
  readonly feed: Uint8Array
  /** κ of the scope. */
  readonly scope: Uint8Array
  /** What this reading of the feed has recorded before: where it began, or the checkpoint of an earlier page. */
  readonly after: bigint
  readonly lsn: bigint
}

/** Where a batch came from. */
export interface IngestSource {
  /** Names the peer and its store, see `identity.ts`. 16 bytes. */
  readonly instance: Uint8Array
  readonly checkpoint?: Checkpoint
}

/** What became of a batch. */
export interface IngestReport {
  /** Entries that are live or history now and were not known before. */
  readonly applied: number
  /** Entries that wait for a proof, a member or their time. */
  readonly held: number
  /** Entries that were here already. */
  readonly known: number
  /** Paths that became contested by it. */
  readonly conflicts: number
}

/**
 * What a sync session may do with a replica. It reaches the public domain and system records, and nothing else: the
 * rows of the private domain cannot be named through it.
 */
export interface SyncReplica {
  readonly space: SpaceId
  readonly device: DeviceId
  /** The actor this replica writes as now. */
  readonly actor: ActorId
  /** 16 bytes that name this store's numbering; new whenever its continuity was in doubt. */
  readonly instance: Uint8Array
  /** The number of the latest row of this store's feed; 0 when there is none. */
  readonly tip: bigint
  readonly handshakeKey: Uint8Array
  /** Fresh random bytes. */
  random(length: number): Uint8Array
  isMember(device: DeviceId): boolean
  /** The records that prove this device's membership and actor to somebody who has only the genesis. */
  credentials(): Promise<readonly SystemRecord[]>
  /** The latest commit proven here of the actor that a peer writes as. */
  headOf(actor: ActorId): Promise<Commit | undefined>
  /**
   * Takes notice of the latest commit of our own actor that a peer can prove. When it is one we do not have, this
   * store was restored or cloned: before this resolves it has a new actor and a new instance. The caller has checked
   * that our device signed it.
   */
  recogniseHead(commit: Commit): Promise<void>
  /** Where the reading of a peer's feed stopped; 0 when it never began. */
  checkpoint(feed: Uint8Array, scope: Uint8Array): Promise<bigint>
  /** One page of this store's feed, within what is asked and shared. */
  readFeed(query: FeedQuery): Promise<FeedPage>
  /**
   * The live entries of single paths (κ), within what is shared, with the records they need and the head proofs of
   * their contexts.
   */
  readPaths(paths: readonly Uint8Array[], shared: readonly Uint8Array[]): Promise<Batch>
  /**
   * Checks a batch and applies it in one durable write, together with the checkpoint of the feed it came from.
   * `source` names the peer and its store, see `identity.ts`.
   *
   * @throws {SyncError} `SYNC_BAD_PROOF` when anything in it is not authentic; nothing of it was written.
   */
  ingest(batch: Batch, source: IngestSource): Promise<IngestReport>
}
