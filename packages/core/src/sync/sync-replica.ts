import type { ActorId } from '@cis-memory/clock'
import type { Commit } from '../entry/commit.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import type { SystemRecord } from '../entry/records.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import type { Batch } from './batch.ts'
import type { FeedPlace } from './feed-place.ts'

/**
 * A part of the feed, in the order of its log sequence numbers, or of single paths. It ends at `PAGE_BYTES` or
 * `PAGE_ENTRIES`; one entry alone may be larger.
 */
export interface Page {
  readonly batch: Batch
  /** The reader continues after this number; never less than what was asked. The end of the feed on the last page. */
  readonly next: bigint
  /** Whether there is more behind it now. */
  readonly hasMore: boolean
}

/** A page with the place where its feed ended when it was read. */
export interface FeedPage extends Page {
  readonly end: FeedPlace
}

export interface FeedQuery {
  /** Only what was applied after this number; 0 reads from the start. */
  readonly after: bigint
  /** κ of the scope asked for; empty is the whole space. */
  readonly scope: Uint8Array
  /** κ of the scopes this node shares; `[]` shares nothing. An empty κ is the whole space. */
  readonly shared: readonly Uint8Array[]
  /** Who asks: what came from there is not sent back. @default nobody, and everything is sent */
  readonly reader?: FeedReader | undefined
}

/** A peer's store. */
export interface FeedReader {
  /** Names it, see `identity.ts`. 16 bytes. */
  readonly store: Uint8Array
  /**
   * Places that its feed is known to have. What came from a store of that name is surely there only if the latest place
   * recorded of it is one of these.
   */
  readonly places: readonly FeedPlace[]
}

/** How far a peer's feed has been read. */
export interface FeedProgress {
  /** The latest place that was recorded of it; `undefined` when nothing was read from a store of that name. */
  readonly place: FeedPlace | undefined
  /** 0 when this feed was never read in that scope. It means something only to a peer whose feed has that place. */
  readonly lsn: bigint
}

/** A page of a peer's feed, as something that was read. */
export interface FeedReading {
  /** Names the peer's store, see `identity.ts`. 16 bytes. */
  readonly store: Uint8Array
  /** The latest place that had been recorded of it when the page was asked for. */
  readonly known: FeedPlace | undefined
  /** Whether its feed has that place. Otherwise it is read as another, from its start. */
  readonly isContinued: boolean
  /** Where its feed ended when it sent the page. */
  readonly told: FeedPlace
  /** Names its feed, see `identity.ts`. 16 bytes. */
  readonly feed: Uint8Array
  /** κ of the scope. */
  readonly scope: Uint8Array
  /** What this reading of the feed has recorded before: where it began, or the end of an earlier page. */
  readonly after: bigint
  /** Where the reader continues. */
  readonly next: bigint
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
  /** Where this store's feed ends. */
  readonly end: FeedPlace
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
  /** Resolves when all that was written so far is on disk. */
  flush(): Promise<void>
  /** Whether this store's feed has ever ended there. */
  hasPlace(place: FeedPlace): Promise<boolean>
  /** The latest place that was recorded of a peer's store. */
  placeOf(store: Uint8Array): Promise<FeedPlace | undefined>
  /** How far a feed of a peer's store was read. */
  progressOf(store: Uint8Array, feed: Uint8Array, scope: Uint8Array): Promise<FeedProgress>
  /** One page of this store's feed, within what is asked and shared. */
  readFeed(query: FeedQuery): Promise<FeedPage>
  /**
   * The live entries of single paths (κ), within what is shared, with the records they need and the head proofs of
   * their contexts.
   */
  readPaths(paths: readonly Uint8Array[], shared: readonly Uint8Array[]): Promise<Batch>
  /**
   * Checks a batch and applies it in one durable write, together with what is recorded of the feed it was read from.
   * One that was read from none is from nobody in particular, and everybody is sent what it brings.
   *
   * @throws {SyncError} `SYNC_BAD_PROOF` when anything in it is not authentic; nothing of it was written.
   */
  ingest(batch: Batch, reading?: FeedReading): Promise<IngestReport>
}
