import type { Doc } from 'yjs'
import type { AuditTrail } from './audit/audit-trail.ts'
import type {
  ConflictSettledEvent,
  ConflictStats,
  ConflictThresholdEvent,
  ConflictWindowEvent,
  Merger,
  SettledOptions,
  StatsOptions
} from './conflict/conflict-types.ts'
import type { CurateOptions, StaleCurated } from './curated/curated-types.ts'
import type { OverwrittenKey } from './documents/overwritten.ts'
import type { MemoryValue } from './entry/value.ts'
import type { CleanedHistory, CleanHistoryOptions } from './history/clean.ts'
import type { AbortOptions } from './ports/channel.ts'
import type { EpochReason } from './replica/epoch-row.ts'
import type {
  Conflict,
  ConflictMode,
  Domain,
  EntryId,
  HistoryItem,
  MemoryItem,
  MergeProposal,
  Notice,
  Read,
  SettledConflict,
  ValueRead,
  Version
} from './versions.ts'

export interface PutOptions extends AbortOptions {
  /**
   * What the writer has seen: a read, or version ids; `[]` means nothing is there.
   * @default what this handle last read or wrote at the path, or nothing
   */
  readonly base?: Read | readonly EntryId[]
  /** Replace a value unseen. It is recorded as such, and never applies to a conflict. @default false */
  readonly overwrite?: boolean
  /** @default 'application/json', or 'application/octet-stream' for bytes */
  readonly contentType?: string
  readonly category?: string
  readonly tags?: readonly string[]
  /** The agent this write is for. */
  readonly agent?: string
  /** Milliseconds since 1970 after which the value counts as absent. */
  readonly expiresAt?: number
}

export interface DeleteOptions extends AbortOptions {
  readonly base?: Read | readonly EntryId[]
  readonly overwrite?: boolean
  readonly agent?: string
}

export interface ListOptions extends AbortOptions {
  /** Only what lies at or below this path, compared segment by segment. @default everything in scope */
  readonly prefix?: string
}

/** What a write did. */
export interface Written {
  readonly path: string
  readonly entryId: EntryId
  /** The versions it replaced. */
  readonly replaced: readonly EntryId[]
}

/**
 * The memories of one domain within one scope. Paths are relative to the scope, or absolute (`/acme/web/…`) and
 * inside it. Every name outside the scope is refused with `CORE_BAD_PATH`.
 */
export interface DomainMemory {
  /** What is at a path. Remembered as the base of this handle's next write there. */
  get(path: string, options?: AbortOptions): Promise<Read>
  /**
   * Stores a value, durably: the promise resolves after the disk has it.
   *
   * @throws {StaleBaseError} `CORE_STALE_BASE` when the path holds what the writer has not seen.
   * @throws {ContestedError} `CORE_CONTESTED` when its versions differ.
   * @throws {CoreError} `CORE_BAD_PATH`, `CORE_BAD_VALUE`, `CORE_BAD_OPTION`, `CORE_VALUE_TOO_LARGE`,
   * `CORE_CLOCK_AHEAD`
   */
  put(path: string, value: MemoryValue, options?: PutOptions): Promise<Written>
  /** Deletes what is there, by the same rules as `put`. Deleting nothing resolves to `undefined`. */
  delete(path: string, options?: DeleteOptions): Promise<Written | undefined>
  /** Everything at or below a prefix, in a stable order. Absent and expired memories are left out. */
  list(options?: ListOptions): AsyncIterableIterator<MemoryItem>
  /** Every version of one path that this device knows, latest first. */
  history(path: string, options?: AbortOptions): AsyncIterableIterator<HistoryItem>
}

/** A Yjs document that saves itself and merges what peers write. */
export interface MemoryDoc extends AsyncDisposable {
  readonly doc: Doc
  /** Saves what is not saved yet. */
  flush(): Promise<void>
  /** Saves and lets go of the document. */
  close(): Promise<void>
}

export interface PublicMemory extends DomainMemory {
  /**
   * Opens a Yjs document. Concurrent changes on other devices merge into it by themselves.
   *
   * A deletion that arrives while it is open is in conflict with what is typed from then on.
   *
   * @throws {CoreError} `CORE_NOT_A_DOCUMENT` when a plain value is there, `CORE_DOC_TOO_LARGE` on saving more
   * than a value may have.
   * @throws {ContestedError} `CORE_CONTESTED` on saving where versions are in another conflict than with a deletion.
   */
  doc(path: string, options?: AbortOptions): Promise<MemoryDoc>
}

/**
 * How a conflict is to be settled. `local` is the version this device wrote, or the one that was live here before
 * the other came. `both` keeps the latest and writes the others beside it as `<name>~<short id>`. `proposal` is the
 * merge that {@link Memory.proposeMerge} stored for this conflict. Another value, as a proposal, keeps the latest category
 * and all tags of the versions.
 */
export type Choice =
  | { readonly keep: 'local' | 'remote' | 'both' | 'proposal' }
  | { readonly keep: EntryId; readonly index?: number }
  | { readonly value: MemoryValue; readonly contentType?: string }
  | { readonly delete: true }

/** A settled conflict. */
export interface Resolution {
  readonly conflictId: string
  readonly path: string
  readonly entryId: EntryId
  /** Paths that `both` wrote beside it. */
  readonly alsoWritten: readonly string[]
}

export interface ResolveOptions extends AbortOptions {
  readonly agent?: string
}

export interface ResolveConflictOptions extends ResolveOptions {
  /**
   * Where the conflict was shown, relative to the scope or absolute. A conflict that is another by now is then told
   * from one that never was, and one none of whose versions can be opened can be settled: nothing else says what its
   * memory is called.
   */
  readonly path?: string
}

/** Which version to bring back. */
export interface RestoreTarget {
  readonly entryId: EntryId
  /** Which of its values, when it has several. @default its only one */
  readonly index?: number
}

export interface RestoreOptions extends AbortOptions {
  /** @default 'public' */
  readonly domain?: Domain
  readonly agent?: string
}

export interface SearchOptions extends AbortOptions {
  /** @default 20 */
  readonly limit?: number
  readonly prefix?: string
  /** @default both domains */
  readonly domain?: 'public' | 'private'
}

export interface SearchHit {
  readonly item: MemoryItem
  /** Higher fits better; comparable within one search only. */
  readonly score: number
}

/** What the memories of a scope tell whoever listens. Events inform; nothing depends on hearing them. */
export interface MemoryEvents {
  /** A local write is on disk. */
  'entry:committed': CustomEvent<EntryEvent>
  /** Something from a peer is on disk. */
  'entry:received': CustomEvent<EntryEvent>
  /** A path is contested, or contested by other versions than before. */
  'conflict:found': CustomEvent<Conflict>
  /** A conflict is gone, here or because a resolution arrived; or a policy decides it. */
  'conflict:settled': CustomEvent<ConflictSettledEvent>
  /** A value was replaced by another device soon after it was written. Nothing is wrong: both may want to know. */
  'conflict:window': CustomEvent<ConflictWindowEvent>
  /** As many conflicts as the settings name are open, or were noticed within a day. Told once until there are fewer. */
  'conflict:threshold': CustomEvent<ConflictThresholdEvent>
  /** Keys of a document's map were set on two devices that had not seen each other, and one value is gone. */
  'document:overwritten': CustomEvent<OverwrittenKey>
  /** A public memory has changed that a private one was made from. */
  'curated:stale': CustomEvent<StaleCurated>
  /** One actor was seen to have written two things under one number. */
  'fork:found': CustomEvent<{ readonly actor: string }>
  /**
   * This store goes on under a new name while it is open. When it does so on being opened, nobody listens yet: ask for the
   * notices.
   */
  'epoch:started': CustomEvent<{ readonly reason: EpochReason }>
}

export interface EntryEvent {
  readonly domain: 'public' | 'private'
  readonly path: string
  readonly entryId: EntryId
}

/** Everything an owner can do within a scope. Agents get a `SafeMemoryContext` from the guard instead. */
export interface Memory extends AsyncDisposable {
  /** The absolute path this handle sees, with what lies below it. */
  readonly scope: string
  readonly public: PublicMemory
  readonly private: DomainMemory
  /** What agents were given of this scope, and what they wrote there. */
  readonly audit: AuditTrail
  /** A handle on a narrower scope. It shares the store and may outlive nothing. */
  within(path: string): Memory
  /** Keyword search in this scope, best first. Finds Chinese and Japanese words too. */
  search(query: string, options?: SearchOptions): AsyncIterableIterator<SearchHit>
  /** Every contested path: conflicts that neither a write has ended nor a policy decides. */
  getUnresolvedConflicts(options?: AbortOptions): AsyncIterableIterator<Conflict>
  /** Conflicts that a policy decides now, then those that were ended, latest first, as long as they are kept. */
  getSettledConflicts(options?: SettledOptions): AsyncIterableIterator<SettledConflict>
  /** Counts of conflicts, and what they suggest. */
  conflictStats(options?: StatsOptions): Promise<ConflictStats>
  /** The mode that the settings of this device give to a path. */
  conflictModeAt(path: string): ConflictMode
  /**
   * One conflict by its id or its path, decided by a policy or not.
   *
   * @throws {CoreError} `CORE_CONFLICT_NOT_FOUND`
   */
  getConflict(idOrPath: string, options?: AbortOptions): Promise<Conflict>
  /**
   * Settles a conflict with one write that covers exactly the versions that were shown.
   *
   * @throws {StaleConflictError} `CORE_STALE_CONFLICT` when the versions are others by now.
   * @throws {CoreError} `CORE_CONFLICT_NOT_FOUND`, `CORE_AMBIGUOUS_CHOICE`, `CORE_PROPOSAL_NOT_FOUND`
   */
  resolveConflict(id: string, choice: Choice, options?: ResolveConflictOptions): Promise<Resolution>
  /**
   * Brings back what a resolution (or any write) replaced, as it was: several versions become a conflict again.
   *
   * @throws {StaleBaseError} `CORE_STALE_BASE` when something was written since.
   */
  undo(path: string, options?: ResolveOptions): Promise<Written>
  /**
   * Writes any version of the history back, in place of what is live. Nothing is lost: what was live is history then.
   *
   * @throws {ContestedError} `CORE_CONTESTED` while the path is: settle it by naming the version to keep.
   * @throws {CoreError} `CORE_NOT_FOUND` when the history here has no such version, `CORE_AMBIGUOUS_CHOICE` when it has
   * several values or cannot be opened.
   */
  restore(path: string, version: RestoreTarget, options?: RestoreOptions): Promise<Written>
  /**
   * The latest version that all versions of a conflict come from, as far as the history here goes. A conflict that an
   * undo brought back is looked at as it was before it was settled.
   *
   * @throws {CoreError} `CORE_CONFLICT_NOT_FOUND`
   */
  commonAncestor(idOrPath: string, options?: AbortOptions): Promise<Version | undefined>
  /**
   * Has a conflict merged and stores what comes out as a proposal, which writes nothing: it is accepted with
   * `resolveConflict(id, { keep: 'proposal' })`, or read at once where the policy is `ai_merge` and `auto`.
   *
   * @throws {StaleConflictError} `CORE_STALE_CONFLICT` when the versions are others by the time the merger answers.
   * @throws {CoreError} `CORE_CONFLICT_NOT_FOUND`, and `CORE_BAD_VALUE`, `CORE_VALUE_TOO_LARGE` or `CORE_BAD_OPTION` for
   * an answer that cannot be kept. What the merger throws is passed on. Nothing is stored then.
   */
  proposeMerge(id: string, merger: Merger, options?: AbortOptions): Promise<MergeProposal>
  /** What was proposed for a conflict, refused or not. */
  getProposal(id: string, options?: AbortOptions): Promise<MergeProposal | undefined>
  /**
   * Refuses what was proposed: no policy reads it any more. Others can be proposed.
   *
   * @throws {CoreError} `CORE_PROPOSAL_NOT_FOUND`
   */
  refuseProposal(id: string, options?: AbortOptions): Promise<void>
  /**
   * Copies or adapts a public memory into the private domain, with a link to the versions it came from. What a curator
   * answers is written only while those are what is there.
   *
   * @throws {ContestedError} `CORE_CONTESTED` when the public memory is, also by the time the curator answers.
   * @throws {StaleBaseError} `CORE_STALE_BASE` when the public memory has changed meanwhile, or something else is at the
   * private path.
   */
  curateFromPublic(path: string, options: CurateOptions): Promise<Written>
  /** Curated memories of this scope whose source says something else by now, is gone, or is contested. */
  listStaleCurated(options?: AbortOptions): AsyncIterableIterator<StaleCurated>
  /**
   * Deletes replaced versions in this scope that are older than the settings keep, for good. Nothing is deleted that is
   * live, that an open conflict or an undo needs, or of which this device cannot prove by its id that it was replaced.
   * What peers still have of it may come back with a sync, and does no harm.
   */
  cleanHistory(options?: CleanHistoryOptions): Promise<CleanedHistory>
  /** What the owner has to know about this store, whatever the scope: that it is a copy, or that two copies write. */
  getNotices(options?: AbortOptions): Promise<readonly Notice[]>
  /** A view of this moment for checks that must not change under the reader. Close it. */
  snapshot(): MemorySnapshot
  addEventListener<K extends keyof MemoryEvents>(
    type: K,
    listener: (event: MemoryEvents[K]) => void,
    options?: { signal?: AbortSignal }
  ): void
  removeEventListener<K extends keyof MemoryEvents>(type: K, listener: (event: MemoryEvents[K]) => void): void
  /** Closes the store when this handle opened it; narrower handles only let go of their documents and listeners. */
  close(): Promise<void>
}

/** One moment of a scope, in both domains. */
export interface MemorySnapshot extends AsyncDisposable {
  readonly scope: string
  /** Contested paths in scope, from the index: no entry is read that is in no conflict. */
  conflicts(): AsyncIterableIterator<Conflict>
  get(domain: 'public' | 'private', path: string): Promise<Read>
  list(domain: 'public' | 'private', options?: ListOptions): AsyncIterableIterator<MemoryItem>
  /** Entries that arrived but cannot be judged yet. */
  pendingCount(): Promise<number>
  close(): Promise<void>
}

export type { ValueRead, Version }
