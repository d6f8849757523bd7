import { AuditTrail } from './audit/audit-trail.ts'
import { commonAncestor } from './conflict/ancestor.ts'
import type { ConflictStats, Merger, SettledOptions, StatsOptions } from './conflict/conflict-types.ts'
import { proposalOf, proposeMerge, refuseProposal } from './conflict/proposals.ts'
import { Conflicts } from './conflict/resolve.ts'
import { restoreVersion } from './conflict/restore.ts'
import { settledConflicts } from './conflict/settled.ts'
import { conflictStats } from './conflict/stats.ts'
import type { CurateOptions, StaleCurated } from './curated/curated-types.ts'
import { staleAmong } from './curated/stale.ts'
import { type DomainHandle, resolvePrefix } from './domains/domain-handle.ts'
import { PrivateHandle } from './domains/private-handle.ts'
import { PublicHandle } from './domains/public-handle.ts'
import { startsWith } from './entry/bytes.ts'
import { isWithin, type Path, parsePath, resolvePath } from './entry/path.ts'
import { CoreError } from './errors.ts'
import type { CleanedHistory, CleanHistoryOptions } from './history/clean.ts'
import type {
  Choice,
  ListOptions,
  Memory,
  MemoryEvents,
  MemorySnapshot,
  Resolution,
  ResolveConflictOptions,
  ResolveOptions,
  RestoreOptions,
  RestoreTarget,
  SearchHit,
  SearchOptions,
  Written
} from './memory-types.ts'
import type { AbortOptions } from './ports/channel.ts'
import type { Replica } from './replica/replica.ts'
import { tokenOfUnreadable } from './replica/view.ts'
import { SearchIndex } from './search/search-index.ts'
import type {
  Conflict,
  ConflictMode,
  Domain,
  MemoryItem,
  MergeProposal,
  Notice,
  Read,
  SettledConflict,
  Version
} from './versions.ts'

const DEFAULT_SEARCH_LIMIT = 20
const DOMAINS: readonly Domain[] = ['public', 'private']

/** What a handle does when it is closed: the one that opened the store closes it. */
type OnClose = () => Promise<void>

/**
 * A handle on the memories of a scope.
 *
 * @param options.onClose called once when this handle is closed, after its documents are saved
 * @throws {CoreError} `CORE_BAD_PATH` for a scope that is no absolute path
 */
export function createMemory(replica: Replica, scope: string, options: { onClose?: OnClose } = {}): Memory {
  return new ScopedMemory(replica, parsePath(scope), new SearchIndex(replica), { onClose: options.onClose })
}

class ScopedMemory implements Memory {
  readonly scope: Path
  readonly public: PublicHandle
  readonly private: PrivateHandle
  readonly audit: AuditTrail
  readonly #replica: Replica
  readonly #conflicts: Conflicts
  readonly #search: SearchIndex
  readonly #onClose: OnClose | undefined
  /** How to let go of each listener. */
  readonly #listeners = new Map<keyof MemoryEvents, Map<unknown, () => void>>()
  #isDeaf = false
  #closing: Promise<void> | undefined

  constructor(
    replica: Replica,
    scope: Path,
    search: SearchIndex,
    origin: { readonly onClose?: OnClose | undefined; readonly wider?: PublicHandle } = {}
  ) {
    this.scope = scope
    this.public = new PublicHandle(replica, scope, origin.wider)
    this.private = new PrivateHandle(replica, scope)
    this.audit = new AuditTrail(replica, scope)
    this.#replica = replica
    this.#conflicts = new Conflicts(replica, scope)
    this.#search = search
    this.#onClose = origin.onClose
  }

  within(path: string): Memory {
    return new ScopedMemory(this.#replica, resolvePath(this.scope, path), this.#search, {
      wider: this.public
    })
  }

  async *search(query: string, options: SearchOptions = {}): AsyncIterableIterator<SearchHit> {
    const { limit = DEFAULT_SEARCH_LIMIT, signal } = options
    signal?.throwIfAborted()
    if (!Number.isSafeInteger(limit) || limit < 1) {
      throw new CoreError('CORE_BAD_OPTION', 'the limit of a search is a whole number from 1')
    }
    const scope = options.prefix === undefined ? this.scope : resolvePrefix(this.scope, options.prefix)
    const domains = options.domain === undefined ? DOMAINS : [options.domain]
    let count = 0
    for (const { domain, path, score } of await this.#search.find(query, scope, domains)) {
      signal?.throwIfAborted()
      const read = await this.#handle(domain).get(path)
      if (read.state === 'absent') continue
      yield { item: { domain, read }, score }
      count++
      if (count === limit) return
    }
  }

  async *getUnresolvedConflicts(options: AbortOptions = {}): AsyncIterableIterator<Conflict> {
    options.signal?.throwIfAborted()
    for await (const conflict of this.#replica.view('public').conflicts(this.scope)) {
      options.signal?.throwIfAborted()
      yield conflict
    }
  }

  getSettledConflicts(options: SettledOptions = {}): AsyncIterableIterator<SettledConflict> {
    return settledConflicts(this.#replica, this.scope, options)
  }

  async conflictStats(options: StatsOptions = {}): Promise<ConflictStats> {
    const { since = 0, prefix, signal } = options
    const scope = prefix === undefined ? this.scope : resolvePrefix(this.scope, prefix)
    return conflictStats(this.#replica, scope, since, signal)
  }

  conflictModeAt(path: string): ConflictMode {
    return this.#replica.policies.modeAt(resolvePath(this.scope, path))
  }

  async getConflict(idOrPath: string, options: AbortOptions = {}): Promise<Conflict> {
    options.signal?.throwIfAborted()
    return this.#conflicts.get(idOrPath)
  }

  resolveConflict(id: string, choice: Choice, options: ResolveConflictOptions = {}): Promise<Resolution> {
    return this.#conflicts.resolve(id, choice, options)
  }

  undo(path: string, options: ResolveOptions = {}): Promise<Written> {
    return this.#conflicts.undo(path, options)
  }

  restore(path: string, version: RestoreTarget, options: RestoreOptions = {}): Promise<Written> {
    return restoreVersion(this.#replica, this.scope, path, version, options)
  }

  async commonAncestor(idOrPath: string, options: AbortOptions = {}): Promise<Version | undefined> {
    const { signal } = options
    signal?.throwIfAborted()
    return commonAncestor(this.#replica.view('public'), await this.#conflicts.get(idOrPath), signal)
  }

  async proposeMerge(id: string, merger: Merger, options: AbortOptions = {}): Promise<MergeProposal> {
    const { signal } = options
    signal?.throwIfAborted()
    const located = await this.#conflicts.findById(id)
    const ancestor = await commonAncestor(this.#replica.view('public'), located.conflict, signal)
    return proposeMerge(this.#replica, located, ancestor, merger, options)
  }

  async getProposal(id: string, options: AbortOptions = {}): Promise<MergeProposal | undefined> {
    options.signal?.throwIfAborted()
    return proposalOf(this.#replica, await this.#conflicts.findById(id))
  }

  async refuseProposal(id: string, options: AbortOptions = {}): Promise<void> {
    options.signal?.throwIfAborted()
    await refuseProposal(this.#replica, await this.#conflicts.findById(id))
  }

  curateFromPublic(path: string, options: CurateOptions): Promise<Written> {
    return this.private.curate(this.public, path, options)
  }

  async *listStaleCurated({ signal }: AbortOptions = {}): AsyncIterableIterator<StaleCurated> {
    const links = this.#replica.sources.within(this.scope)
    for await (const stale of staleAmong(links, this.#replica.view('public'))) {
      signal?.throwIfAborted()
      yield stale
    }
  }

  async cleanHistory(options: CleanHistoryOptions = {}): Promise<CleanedHistory> {
    options.signal?.throwIfAborted()
    return this.#replica.history.clean((codec) => codec.tokens.of(this.scope), options)
  }

  async getNotices({ signal }: AbortOptions = {}): Promise<readonly Notice[]> {
    signal?.throwIfAborted()
    return this.#replica.notices()
  }

  snapshot(): MemorySnapshot {
    return new Snapshot(this.#replica, this.scope)
  }

  addEventListener<K extends keyof MemoryEvents>(
    type: K,
    listener: (event: MemoryEvents[K]) => void,
    options: { signal?: AbortSignal } = {}
  ): void {
    const ofType = this.#listeners.get(type) ?? new Map<unknown, () => void>()
    const { signal } = options
    if (signal?.aborted === true || this.#isDeaf || ofType.has(listener)) return
    const inScope = (event: MemoryEvents[K]): void => {
      const detail: object = event.detail
      if ('path' in detail && !this.#isInScope(detail.path as Path)) return
      listener(event)
    }
    const stop = (): void => this.removeEventListener(type, listener)
    const letGo = (): void => {
      this.#replica.events.removeEventListener(type, inScope)
      signal?.removeEventListener('abort', stop)
    }
    this.#listeners.set(type, ofType.set(listener, letGo))
    this.#replica.events.addEventListener(type, inScope)
    signal?.addEventListener('abort', stop)
  }

  removeEventListener<K extends keyof MemoryEvents>(
    type: K,
    listener: (event: MemoryEvents[K]) => void
  ): void {
    const letGo = this.#listeners.get(type)?.get(listener)
    this.#listeners.get(type)?.delete(listener)
    letGo?.()
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    try {
      await this.public.closeDocuments()
    } finally {
      this.#stopListening()
      await this.#onClose?.()
    }
  }

  /** A handle that was closed hears nothing more, and neither the replica nor a caller's signal holds it. */
  #stopListening(): void {
    this.#isDeaf = true
    for (const listeners of this.#listeners.values()) for (const letGo of listeners.values()) letGo()
    this.#listeners.clear()
  }

  /** What cannot be opened has no name, but its tokens say where it lies. */
  #isInScope(path: Path): boolean {
    const token = tokenOfUnreadable(path)
    if (token === undefined) return isWithin(path, this.scope)
    return startsWith(token, this.#replica.view('public').codec.tokens.of(this.scope))
  }

  #handle(domain: Domain): DomainHandle {
    return domain === 'public' ? this.public : this.private
  }
}

class Snapshot implements MemorySnapshot {
  readonly scope: Path
  readonly #views: ReturnType<Replica['snapshotViews']>
  readonly #pendingCount: number

  constructor(replica: Replica, scope: Path) {
    this.scope = scope
    this.#views = replica.snapshotViews()
    this.#pendingCount = replica.pendingCount
  }

  conflicts(): AsyncIterableIterator<Conflict> {
    return this.#views.public.conflicts(this.scope)
  }

  get(domain: Domain, path: string): Promise<Read> {
    return this.#views[domain].read(resolvePath(this.scope, path))
  }

  list(domain: Domain, options: ListOptions = {}): AsyncIterableIterator<MemoryItem> {
    const scope = options.prefix === undefined ? this.scope : resolvePrefix(this.scope, options.prefix)
    return this.#views[domain].list(scope)
  }

  async pendingCount(): Promise<number> {
    return this.#pendingCount
  }

  close(): Promise<void> {
    return this.#views.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
