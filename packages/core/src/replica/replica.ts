import { type ActorId, timestampMs } from '@cis-memory/clock'
import type { Continuity, Store } from '@cis-memory/store'
import { TypedEventEmitter } from 'main-event'
import { AuditLog } from '../audit/audit-log.ts'
import { ConflictAnnouncer } from '../conflict/conflict-announcer.ts'
import type { ConflictSettings, ConflictThresholdEvent, DeviceLabel } from '../conflict/conflict-types.ts'
import { checkNumbers, Policies } from '../conflict/policies.ts'
import { SourceIndex } from '../curated/source-index.ts'
import { StaleAnnouncer } from '../curated/stale-announcer.ts'
import { fromHex } from '../entry/bytes.ts'
import type { Commit } from '../entry/commit.ts'
import type { DeviceId, DeviceKey } from '../entry/ed25519.ts'
import { type Path, PathTokens } from '../entry/path.ts'
import type { SystemRecord } from '../entry/records.ts'
import { deriveSpaceKeys, type KeyId, type SpaceId, type SpaceKeys } from '../entry/space-keys.ts'
import { CoreError } from '../errors.ts'
import { HistoryCleaner } from '../history/clean.ts'
import { type HistorySettings, type Retention, retentionOf } from '../history/retention.ts'
import { AUDIT_RETENTION_MS, DEFAULT_CONFLICT_RETENTION_MS } from '../limits.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { Runtime } from '../ports/runtime.ts'
import type { Batch } from '../sync/batch.ts'
import type { FeedPlace } from '../sync/feed-place.ts'
import type {
  FeedPage,
  FeedProgress,
  FeedQuery,
  FeedReading,
  IngestReport,
  SyncReplica
} from '../sync/sync-replica.ts'
import type { Domain, Notice } from '../versions.ts'
import { checkRows, type RowCheck } from './check-rows.ts'
import { decodeConflictIdRow } from './conflict-id-row.ts'
import type { EpochReason } from './epoch-row.ts'
import { Feed } from './feed.ts'
import { GroupWriter, type Plan, type WrittenEntry } from './group-writer.ts'
import { HeldEntries } from './held.ts'
import { deviceIdentity, privatePathKey, type SpaceIdentity, spaceIdentity } from './identity.ts'
import { Ingest } from './ingest.ts'
import { Invitations } from './invitations.ts'
import { Membership } from './membership.ts'
import { privateCodec, publicCodec } from './open-entry.ts'
import { lineOf, progressOf } from './peer-feeds.ts'
import { PrivateDomain } from './private-domain.ts'
import { type DurableChange, PublicDomain } from './public-domain.ts'
import type { PublicTransaction } from './public-transaction.ts'
import type { ReplicaEvents } from './replica-events.ts'
import { conflictIdKey, recordRange } from './rows.ts'
import { SerialQueue } from './serial-queue.ts'
import { decodeRecordRow } from './signed-row.ts'
import type { StoredEntry } from './stored-entry.ts'
import { type Directory, DomainView, type ViewContext } from './view.ts'

/** Private payloads are sealed with their rows; their headers name no key. */
const NO_KEY_ID = '0'.repeat(32) as KeyId

const CONFLICT_ID = /^[a-z2-7]{12}$/

export interface ReplicaOptions {
  /** Opened and closed by the caller. */
  readonly store: Store
  readonly runtime: Runtime
  /** `per-open` takes a new actor each time: for machines that are snapshotted whole. @default 'when-in-doubt' */
  readonly epoch?: 'when-in-doubt' | 'per-open'
  /**
   * Compress what is written from now on where that saves. How small a text became says something of what is in it;
   * the threat model says when that matters.
   * @default true
   */
  readonly compression?: boolean
  /** How long audit records are kept. @default 90 days */
  readonly auditRetentionMs?: number
  /** What this device makes of conflicts. @default it leaves all of them to people */
  readonly conflict?: ConflictSettings
  /** What a cleaning leaves of the history. */
  readonly history?: HistorySettings
}

/**
 * One durable copy of a space's memory that writes. It owns the rules; handles (`Memory`) and sync sessions are views
 * of it.
 */
export class Replica implements Directory, SyncReplica {
  readonly key: DeviceKey
  readonly spaceName: string
  readonly membership: Membership
  readonly events: TypedEventEmitter<ReplicaEvents> = new TypedEventEmitter()
  readonly runtime: Runtime
  /** The durable side of inviting others. */
  readonly invitations: Invitations
  /** What agents were given and have written here. */
  readonly audit: AuditLog
  readonly policies: Policies
  readonly history: HistoryCleaner
  /** Which private memories were made from which public ones. */
  readonly sources: SourceIndex
  /** How long ended conflicts stay listed. */
  readonly conflictRetentionMs: number
  readonly #store: Store
  readonly #identity: SpaceIdentity
  readonly #keys: SpaceKeys
  readonly #public: PublicDomain
  readonly #private: PrivateDomain
  readonly #held: HeldEntries
  readonly #feed: Feed
  readonly #ingest: Ingest
  readonly #writers: Readonly<Record<Domain, GroupWriter>>
  readonly #queue: SerialQueue
  readonly #announcer: ConflictAnnouncer
  readonly #staleAnnouncer: StaleAnnouncer
  #isClosed = false
  #openingNotice: Notice | undefined
  /** How many batches are known to be on disk in durability `os`: at first not even what was here before. */
  #flushedCount = -1

  private constructor(
    options: ReplicaOptions,
    parts: {
      readonly key: DeviceKey
      readonly identity: SpaceIdentity
      readonly keys: SpaceKeys
      readonly membership: Membership
      readonly public: PublicDomain
      readonly private: PrivateDomain
      readonly held: HeldEntries
      readonly queue: SerialQueue
      readonly policies: Policies
      readonly retention: Retention
    }
  ) {
    const { runtime, conflict, auditRetentionMs: retentionMs = AUDIT_RETENTION_MS } = options
    this.conflictRetentionMs = conflict?.retentionMs ?? DEFAULT_CONFLICT_RETENTION_MS
    this.#store = options.store
    this.runtime = runtime
    this.policies = parts.policies
    this.key = parts.key
    this.#identity = parts.identity
    this.spaceName = parts.identity.genesis.name
    this.#keys = parts.keys
    this.membership = parts.membership
    this.#public = parts.public
    this.#private = parts.private
    this.#held = parts.held
    this.#queue = parts.queue
    this.#announcer = new ConflictAnnouncer(
      {
        directory: this,
        view: () => this.view('public'),
        now: () => runtime.now(),
        emit: (type, detail) => this.#emit(type, detail)
      },
      conflict ?? {}
    )
    this.invitations = new Invitations(this)
    this.audit = new AuditLog({ rows: this.localRows, key: this.key, runtime, retentionMs })
    this.#feed = new Feed(parts.public, parts.membership)
    this.sources = new SourceIndex(parts.private)
    this.#staleAnnouncer = new StaleAnnouncer({
      sources: this.sources,
      view: () => this.view('public'),
      isHeard: () => this.events.listenerCount('curated:stale') > 0,
      emit: (stale) => this.#emit('curated:stale', stale)
    })
    this.history = new HistoryCleaner({
      domains: { public: parts.public, private: parts.private },
      queue: parts.queue,
      retention: parts.retention,
      linkedIds: (path) => this.sources.idsLinkedTo(path),
      now: () => runtime.now()
    })
    this.#ingest = new Ingest(parts.public, parts.membership, parts.held, parts.queue, runtime)
    this.#writers = {
      public: new GroupWriter(parts.public, parts.queue, runtime),
      private: new GroupWriter(parts.private, parts.queue, runtime)
    }
  }

  /**
   * Opens the replica in a store that belongs to a space.
   *
   * @throws {CoreError} `CORE_NO_SPACE` before a space was created or joined, `CORE_BAD_OPTION` and `CORE_BAD_PATH` for
   * settings that cannot be
   */
  static async open(options: ReplicaOptions): Promise<Replica> {
    const { store, runtime, compression = true, conflict = {}, history = {} } = options
    checkNumbers(conflict)
    const policies = new Policies(conflict)
    const retention = retentionOf(history)
    const identity = await spaceIdentity(store)
    if (identity === undefined) {
      throw new CoreError('CORE_NO_SPACE', 'this store belongs to no space yet; create one or join one first')
    }
    const key = await deviceIdentity(store, runtime)
    const keys = deriveSpaceKeys(identity.secret, fromHex(identity.genesis.space))
    const rows = store.partition('public')
    const membership = new Membership(identity.genesis)
    for await (const row of rows.range(recordRange())) membership.add(decodeRecordRow(row.value))
    const queue = new SerialQueue()
    let replica: Replica | undefined
    const publicDomain = await PublicDomain.open({
      rows,
      codec: publicCodec(keys.tokens, keys.contentKeyId, keys.contentKey, { compression }),
      membership,
      key,
      runtime,
      policies,
      conflictRetentionMs: conflict.retentionMs ?? DEFAULT_CONFLICT_RETENTION_MS,
      onDurable: (change) => {
        if (replica !== undefined) replica.#announce(change)
      }
    })
    const privateTokens = new PathTokens(await privatePathKey(store, runtime))
    const privateDomain = await PrivateDomain.open({
      rows: store.partition('private'),
      codec: privateCodec(privateTokens, NO_KEY_ID),
      space: membership.space,
      runtime
    })
    const held = new HeldEntries(rows)
    await held.open()
    const parts = {
      key,
      identity,
      keys,
      membership,
      public: publicDomain,
      private: privateDomain,
      held,
      queue,
      policies,
      retention
    }
    const isContinued = publicDomain.canGoOn && store.continuity === 'kept' && options.epoch !== 'per-open'
    if (!isContinued) {
      await publicDomain.startEpoch(reasonToStart(publicDomain.canGoOn, store.continuity))
      privateDomain.startEpoch()
      await privateDomain.keepActor()
    }
    await store.acceptContinuity()
    replica = new Replica(options, parts)
    if (!isContinued) replica.#openingNotice = (await replica.notices()).find(({ kind }) => kind === 'epoch')
    if (held.size > 0) await replica.#ingest.retry()
    return replica
  }

  get device(): DeviceId {
    return this.key.id
  }

  get space(): SpaceId {
    return this.membership.space
  }

  get actor(): Commit['actor'] {
    return this.#public.actor
  }

  get instance(): Uint8Array {
    return this.#public.instance
  }

  get end(): FeedPlace {
    return this.#public.end
  }

  get handshakeKey(): Uint8Array {
    return this.#keys.handshakeKey
  }

  /** The gossip topic of the space. */
  get topic(): string {
    return this.#keys.topic
  }

  /** Entries that wait for a proof, a member or their time. */
  get pendingCount(): number {
    return this.#held.size
  }

  /** Reads the rows of the store and counts those that are damaged. */
  checkRows(options: AbortOptions = {}): Promise<RowCheck> {
    return checkRows(this.#store, options)
  }

  /** Members whose latest commit is dated later than the clock here says it is, and by how much. */
  clocksAhead(): readonly (DeviceLabel & { readonly aheadMs: number })[] {
    const now = this.runtime.now()
    return this.#public.heads().flatMap(({ actor, hlc }) => {
      const aheadMs = timestampMs(hlc) - now
      return aheadMs > 0 ? [{ ...this.authorOf(actor), aheadMs }] : []
    })
  }

  /** The thresholds of the settings that conflicts have reached. */
  reachedThresholds(): Promise<readonly ConflictThresholdEvent[]> {
    return this.#announcer.reached(this.view('public'))
  }

  /** What a new member is given over an encrypted line. */
  exportSpace(): SpaceIdentity {
    return this.#identity
  }

  /** The rows of this store alone: invitations and the like. */
  get localRows(): ReturnType<Store['partition']> {
    return this.#store.partition('local')
  }

  /** A domain as it is now. */
  view(domain: Domain): DomainView {
    const host = domain === 'public' ? this.#public : this.#private
    const context = this.#viewContext(domain, () => this.runtime.now())
    return new DomainView(host.codec, host.rows, { ...context, live: host.live })
  }

  /** κ of the path that a conflict id stands for or has stood for. */
  async pathOfConflict(id: string): Promise<Uint8Array | undefined> {
    const row = CONFLICT_ID.test(id) ? await this.#public.rows.get(conflictIdKey(id)) : undefined
    return row === undefined ? undefined : decodeConflictIdRow(row).token
  }

  /** Both domains at this moment. Close both. */
  snapshotViews(): Record<Domain, DomainView> & { close(): Promise<void> } {
    const publicRows = this.#public.rows.snapshot()
    const privateRows = this.#private.rows.snapshot()
    const now = this.runtime.now()
    return {
      public: new DomainView(
        this.#public.codec,
        publicRows,
        this.#viewContext('public', () => now)
      ),
      private: new DomainView(
        this.#private.codec,
        privateRows,
        this.#viewContext('private', () => now)
      ),
      close: async () => {
        await publicRows.close()
        await privateRows.close()
      }
    }
  }

  /** Writes what a plan decides in one durable commit. */
  async write(domain: Domain, plan: Plan, maxEntries?: number): Promise<readonly WrittenEntry[]> {
    this.#checkOpen()
    const written = await this.#writers[domain].write(plan, maxEntries)
    if (domain === 'private') {
      for (const { path, entryId } of written) this.#emitEntry('entry:committed', domain, path, entryId)
    }
    return written
  }

  /** What opening it has brought to light, before anybody could listen. */
  get openingNotice(): Notice | undefined {
    return this.#openingNotice
  }

  /** What its owner has to know about this store. */
  async notices(): Promise<readonly Notice[]> {
    const start = await this.#public.epochStart()
    const forks = this.membership.forkedActors().map((actor): Notice => {
      const { device, name: deviceName } = this.authorOf(actor)
      return { kind: 'fork', actor, device, deviceName }
    })
    if (start === undefined || start.reason === 'first-open' || start.reason === 'per-open') return forks
    return [{ kind: 'epoch', reason: start.reason, at: start.at }, ...forks]
  }

  authorOf(actor: ActorId): { device: DeviceId; name: string } {
    const device = this.membership.deviceOf(actor) ?? this.device
    return { device, name: this.membership.nameOf(device) }
  }

  random(length: number): Uint8Array {
    return this.runtime.random(length)
  }

  isMember(device: DeviceId): boolean {
    return this.membership.isMember(device)
  }

  async credentials(): Promise<readonly SystemRecord[]> {
    return this.membership.credentialsOf(this.device, this.actor)
  }

  async headOf(actor: Commit['actor']): Promise<Commit | undefined> {
    return this.#public.headOf(actor)
  }

  async recogniseHead(commit: Commit): Promise<void> {
    await this.#queue.run(async () => {
      if (commit.actor !== this.actor) return
      const transaction = this.#public.begin()
      await this.#public.addCommit(transaction, { commit, leaves: undefined }, false)
      if (transaction.isOvertaken) await this.#public.write(transaction)
    })
  }

  hasPlace(place: FeedPlace): Promise<boolean> {
    return this.#public.hasPlace(place)
  }

  async placeOf(store: Uint8Array): Promise<FeedPlace | undefined> {
    return (await lineOf(this.#public.rows, store))?.place
  }

  progressOf(store: Uint8Array, feed: Uint8Array, scope: Uint8Array): Promise<FeedProgress> {
    return progressOf(this.#public.rows, store, feed, scope)
  }

  /** Nothing is sent before the disk has it. In durability `os` a write is acknowledged earlier than that. */
  async flush(): Promise<void> {
    const { batchCount, rows } = this.#public
    if (this.#store.durability === 'disk' || batchCount === this.#flushedCount) return
    await rows.write([], { sync: true })
    this.#flushedCount = batchCount
  }

  async readFeed(query: FeedQuery): Promise<FeedPage> {
    const page = await this.#feed.page(query)
    await this.flush()
    return page
  }

  async readPaths(paths: readonly Uint8Array[], shared: readonly Uint8Array[]): Promise<Batch> {
    const batch = await this.#feed.paths(paths, shared)
    await this.flush()
    return batch
  }

  ingest(batch: Batch, reading?: FeedReading): Promise<IngestReport> {
    this.#checkOpen()
    return this.#ingest.batch(batch, reading)
  }

  /** Adds a record this device signed: a new member. */
  async addRecord(record: SystemRecord): Promise<void> {
    await this.#queue.run(async () => {
      if (this.membership.has(record.id)) return
      const transaction = this.#public.begin()
      transaction.addRecord(record)
      await this.#public.write(transaction)
    })
  }

  /**
   * Changes what is proposed for a path, and tells when its readers find something else from then on. Nobody is sent
   * these rows.
   */
  async changeProposal(
    { path, token }: { readonly path: string; readonly token: Uint8Array },
    change: (transaction: PublicTransaction) => Promise<void>
  ): Promise<void> {
    this.#checkOpen()
    await this.#queue.run(async () => {
      const transaction = this.#public.begin()
      await change(transaction)
      await this.#public.write(transaction)
    })
    if (this.policies.decidingModeAt(path as Path) !== 'ai_merge') return
    this.#announcer.announceAt(token)
    await this.#announcer.drained()
  }

  /** Waits for the writes in flight. The store is the caller's to close. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.history.close()
    await this.#queue.drained()
    await this.#announcer.drained()
    await this.#staleAnnouncer.drained()
    await this.audit.close()
    this.#ingest.stop()
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new CoreError('CORE_CLOSED', 'this memory is closed; open it again')
  }

  #announce(change: DurableChange): void {
    const type = change.isLocal ? 'entry:committed' : 'entry:received'
    for (const entry of change.entries) {
      if (entry.payload !== undefined) this.#emitEntry(type, 'public', entry.payload.path, entry.entryId)
    }
    for (const actor of change.forks) this.#emit('fork:found', { actor })
    if (change.newEpoch !== undefined) {
      this.#private.startEpoch()
      // A batch that fails ends the private domain until the store is opened again.
      this.#queue.run(() => this.#private.keepActor()).catch(() => undefined)
      this.#emit('epoch:started', { reason: change.newEpoch })
    }
    this.#announcer.announce(change)
    this.#staleAnnouncer.announce(change)
  }

  #viewContext(domain: Domain, now: () => number): ViewContext {
    return { directory: this, policies: domain === 'public' ? this.policies : Policies.NONE, now }
  }

  #emitEntry(
    type: 'entry:committed' | 'entry:received',
    domain: Domain,
    path: string,
    entryId: StoredEntry['header']['id']
  ): void {
    this.#emit(type, { domain, path, entryId })
  }

  #emit<K extends keyof ReplicaEvents>(type: K, detail: ReplicaEvents[K]['detail']): void {
    this.events.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

function reasonToStart(canGoOn: boolean, continuity: Continuity): EpochReason {
  if (!canGoOn) return 'first-open'
  return continuity === 'kept' ? 'per-open' : continuity
}
