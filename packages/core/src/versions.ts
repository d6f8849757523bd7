import type { ActorId } from '@cis-memory/clock'
import type { DeviceId } from './entry/ed25519.ts'
import type { MemoryValue } from './entry/value.ts'
import type { EpochReason } from './replica/epoch-row.ts'

/** Names one immutable entry: the first 16 bytes of its hash as 32 hex digits. */
export type EntryId = string & { readonly __entryId: unique symbol }

/** Where memory lives: `public` may sync when its owner says so, `private` never leaves the device. */
export type Domain = 'public' | 'private'

/** Who wrote a version, when, and having seen what. */
export interface Authorship {
  /** The entry that carries it. */
  readonly entryId: EntryId
  readonly actor: ActorId
  readonly device: DeviceId
  /** The device's name; with its id's first digits when another device has the same, those alone when it has none. */
  readonly deviceName: string
  /** Whether this device wrote it. */
  readonly isLocal: boolean
  /** The agent that asked for the write, when it gave a name. */
  readonly agent: string | undefined
  /** Milliseconds since 1970, as the author's clock read. */
  readonly writtenAt: number
  /** The versions it replaced. */
  readonly parents: readonly EntryId[]
}

/**
 * One version of a memory.
 *
 * - `value`: something to read. A `document` has its Yjs state as bytes.
 * - `deleted`: its author deleted the memory.
 * - `unreadable`: it arrived but cannot be opened with the keys here, or does not match its path. It is kept, and
 *   it blocks.
 */
export interface Version extends Authorship {
  readonly kind: 'value' | 'document' | 'deleted' | 'unreadable'
  /** Which of its entry's values this is; 0 unless an undo brought several back. */
  readonly index: number
  readonly value: MemoryValue | undefined
  readonly contentType: string | undefined
  readonly category: string | undefined
  readonly tags: readonly string[]
  /** Milliseconds since 1970 after which the value counts as absent. */
  readonly expiresAt: number | undefined
  /** Whether its writer replaced a value without having seen it, with `{ overwrite: true }`. */
  readonly isOverwrite: boolean
  /** For curated memory: the public versions it was made from. */
  readonly sources: readonly SourceVersion[]
}

/** A public version that a curated memory was made from. */
export interface SourceVersion {
  readonly path: string
  readonly entryId: EntryId
}

/**
 * - `edit`: values differ; `delete`: one side deleted, another edited; `document`: a document against a plain
 *   value; `incomplete`: a document was saved over another and lacks some of what that one holds; `fork`: one actor
 *   wrote two things under one number; `unreadable`: a version cannot be opened; `reopened`: an undo brought several
 *   values back.
 */
export type ConflictKind = 'edit' | 'delete' | 'document' | 'incomplete' | 'fork' | 'unreadable' | 'reopened'

/** A path whose live versions differ. A state, not an error: it lasts until somebody settles it. */
export interface Conflict {
  /** The same on every device, and different as soon as the versions are. */
  readonly id: string
  readonly path: string
  readonly kind: ConflictKind
  /** All versions that are live, earliest first. */
  readonly versions: readonly Version[]
  /** When this device noticed, in milliseconds since 1970. */
  readonly detectedAt: number
}

/**
 * What settles a conflict where nobody has:
 *
 * - `manual`: nothing does; it is contested until somebody decides.
 * - `auto_lww`: the latest version by `(hlc, actor, n)` is read; one that is a deletion reads as absent.
 * - `keep_all`: all versions are read, the latest that can be read as the value.
 * - `ai_merge`: models may be asked. What they propose waits for its owner's yes, and the path is contested until then,
 *   unless the policy is `auto`: what was proposed for exactly these versions is read then.
 *
 * None of them ever settles a `fork` or what is `unreadable`, and none of them writes.
 */
export type ConflictMode = 'manual' | 'auto_lww' | 'keep_all' | 'ai_merge'

/** What a policy of this device made of a conflict when it was read. The conflict stays until somebody writes. */
export interface PolicyDecision {
  readonly mode: Exclude<ConflictMode, 'manual'>
  /** All versions it decided about. */
  readonly conflict: Conflict
  /** The merge that is read, in mode `ai_merge`. */
  readonly proposal?: MergeProposal
}

/** What a merger proposed for one conflict. It belongs to this device and is never sent. */
export interface MergeProposal {
  readonly conflictId: string
  readonly path: string
  readonly value: MemoryValue
  readonly contentType: string | undefined
  /** What made it. */
  readonly model: string
  /** Names the prompt it was made with. */
  readonly promptHash: string
  /** Why it came out so, as its maker says. */
  readonly rationale: string | undefined
  /** In milliseconds since 1970. */
  readonly proposedAt: number
  /** When the owner refused it: it settles nothing from then on. */
  readonly refusedAt: number | undefined
}

/** One version of a conflict without what it says. */
export interface VersionSummary extends Omit<Authorship, 'parents'> {
  readonly kind: Version['kind']
  /** Which of its entry's values this is; 0 unless an undo brought several back. */
  readonly index: number
}

/** A conflict that is not contested: a policy decides it at every read, or a write has ended it. */
export interface SettledConflict {
  readonly id: string
  readonly path: string
  readonly kind: ConflictKind
  /** When this device noticed it, in milliseconds since 1970. */
  readonly detectedAt: number
  /** When this device saw it end; `undefined` while only a policy decides it. */
  readonly settledAt: number | undefined
  readonly settledBy:
    | { readonly by: 'policy'; readonly mode: PolicyDecision['mode'] }
    | {
        readonly by: 'resolution'
        readonly entryId: EntryId
        readonly deviceName: string
        readonly agent: string | undefined
      }
  /** What it was between, earliest first. Of very many the first 64. */
  readonly versions: readonly VersionSummary[]
}

/** What is at a path. The value cannot be reached without having looked at the state. */
export type Read = AbsentRead | ValueRead | ConflictRead

interface ReadBase {
  readonly path: string
  /** What the reader has now seen: give it as the `base` of a write. */
  readonly base: readonly EntryId[]
}

export interface AbsentRead extends ReadBase {
  readonly state: 'absent'
  /** How a policy of this device came to that, when the versions differ. */
  readonly settledBy: PolicyDecision | undefined
}

export interface ValueRead extends ReadBase {
  readonly state: 'value'
  readonly value: MemoryValue
  /** Where it comes from. Of equal versions the latest; of a merge the latest that was merged, with what came out. */
  readonly version: Version
  /** How a policy of this device came to that, when the versions differ. */
  readonly settledBy: PolicyDecision | undefined
}

export interface ConflictRead extends ReadBase {
  readonly state: 'conflict'
  readonly conflict: Conflict
}

/** A memory as lists and searches give it. */
export interface MemoryItem {
  readonly domain: Domain
  readonly read: ValueRead | ConflictRead
}

/** A version with what became of it. */
export interface HistoryItem {
  readonly version: Version
  /** Whether it is live now, or was replaced. */
  readonly isLive: boolean
}

/**
 * Something about a store that its owner has to know, for as long as it is so.
 *
 * - `epoch`: it goes on under a new name, because it could not be sure to know all it had written.
 * - `fork`: a device wrote two things under one number, as two copies of one store do. Both are kept.
 */
export type Notice =
  | {
      readonly kind: 'epoch'
      readonly reason: Exclude<EpochReason, 'first-open' | 'per-open'>
      /** Milliseconds since 1970, by the clock of this device. */
      readonly at: number
    }
  | {
      readonly kind: 'fork'
      readonly actor: ActorId
      readonly device: DeviceId
      readonly deviceName: string
    }
