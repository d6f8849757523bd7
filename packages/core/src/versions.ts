import type { ActorId } from '@cis-memory/clock'
import type { DeviceId } from './entry/ed25519.ts'
import type { MemoryValue } from './entry/value.ts'

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
  /** The device's name as its member record gives it; the id's first digits when there is none. */
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
 *   value; `fork`: one actor wrote two things under one number; `unreadable`: a version cannot be opened;
 *   `reopened`: an undo brought several values back.
 */
export type ConflictKind = 'edit' | 'delete' | 'document' | 'fork' | 'unreadable' | 'reopened'

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

/** What is at a path. The value cannot be reached without having looked at the state. */
export type Read = AbsentRead | ValueRead | ConflictRead

interface ReadBase {
  readonly path: string
  /** What the reader has now seen: give it as the `base` of a write. */
  readonly base: readonly EntryId[]
}

export interface AbsentRead extends ReadBase {
  readonly state: 'absent'
}

export interface ValueRead extends ReadBase {
  readonly state: 'value'
  readonly value: MemoryValue
  /** Where it comes from. Of equal versions the latest. */
  readonly version: Version
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
