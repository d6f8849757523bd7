import type { MemoryValue } from '../entry/value.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { Conflict, ConflictMode, EntryId, Version } from '../versions.ts'

/** Settles what no person has to look at: the first policy that matches a path says how. */
export interface ConflictPolicy {
  readonly mode: ConflictMode
  /** Mode `ai_merge`: what was proposed is read without the owner's yes. @default false */
  readonly auto?: boolean
  /** An absolute path: only what lies at or below it. @default the whole space */
  readonly scope?: string
  /**
   * A glob on the path below the scope, segment by segment: `*` stands for one segment or part of one, `**` for any
   * number of them. @default everything
   */
  readonly pattern?: string
}

/** What this device makes of conflicts. Others may have other settings: they change what is read, never what is stored. */
export interface ConflictSettings {
  /** Where no policy matches. @default 'manual' */
  readonly mode?: ConflictMode
  /** As in a policy, where none matches. @default false */
  readonly auto?: boolean
  /** The first that matches a path counts. */
  readonly policies?: readonly ConflictPolicy[]
  /** Tell with `conflict:window` of a value that another device replaced this soon after it was written. @default never */
  readonly windowMs?: number
  /** How long ended conflicts stay listed. Open ones never expire. @default 90 days */
  readonly retentionMs?: number
  /** Tell with `conflict:threshold` when this many conflicts are open. @default never */
  readonly alertOpen?: number
  /** Tell with `conflict:threshold` when this many conflicts were noticed within a day. @default never */
  readonly alertPerDay?: number
}

export interface SettledOptions extends AbortOptions {
  /** Leaves out what was settled before this, in milliseconds since 1970, and what a policy decides since before it. */
  readonly since?: number
}

/** What a merger is given. */
export interface MergeRequest {
  readonly conflict: Conflict
  /** The latest version that all others come from, when the history here has one. */
  readonly ancestor: Version | undefined
  readonly signal: AbortSignal | undefined
}

/** What a merger answers. */
export interface Merge {
  readonly value: MemoryValue
  /** @default 'application/json', or 'application/octet-stream' for bytes */
  readonly contentType?: string
  /** What made it: a model by its name and version. */
  readonly model: string
  /** Names the prompt, so that what was asked can be told apart later. */
  readonly promptHash: string
  readonly rationale?: string
}

/** Makes one value of the versions of a conflict. Core calls it and nothing else of the world outside. */
export type Merger = (request: MergeRequest) => Promise<Merge>

export interface StatsOptions extends AbortOptions {
  /** Leaves out conflicts noticed before this, in milliseconds since 1970. @default all that are still recorded */
  readonly since?: number
  /** Only what lies at or below this path. @default everything in scope */
  readonly prefix?: string
}

/** A device as statistics name it. */
export interface DeviceLabel {
  readonly device: string
  readonly name: string
}

/** How often memories of a scope have been in conflict, counted from the records of this device. */
export interface ConflictStats {
  /** Contested now. */
  readonly open: number
  /** Of the rest, those that only a policy decides. */
  readonly settledByPolicy: number
  /** Ended by a write. */
  readonly settled: number
  /** Paths with the most conflicts first; so do the lists below. Each names the first 20. */
  readonly byPath: readonly { readonly path: string; readonly count: number }[]
  /** By the scope a path lies in directly. */
  readonly byScope: readonly { readonly scope: string; readonly count: number }[]
  /** By pairs of devices that wrote against each other. */
  readonly byDevices: readonly {
    readonly devices: readonly [DeviceLabel, DeviceLabel]
    readonly count: number
  }[]
  /** By the day (UTC) on which they were noticed, earliest first. Days without any are left out. */
  readonly perDay: readonly { readonly day: string; readonly count: number }[]
  readonly suggestions: readonly ConflictSuggestion[]
}

/**
 * What would have kept conflicts from happening, or would end them:
 *
 * - `sync-before-writing`: these two devices keep writing without having seen each other.
 * - `split-this-key`: this path keeps being in conflict; several memories could change by themselves.
 * - `settle-old-conflicts`: so many have waited for a decision for more than a week.
 */
export interface ConflictSuggestion {
  readonly code: 'sync-before-writing' | 'split-this-key' | 'settle-old-conflicts'
  readonly path?: string
  readonly devices?: readonly [DeviceLabel, DeviceLabel]
  /** How many conflicts it is drawn from. */
  readonly count: number
}

export interface ConflictSettledEvent {
  readonly path: string
  readonly by: 'resolution' | Exclude<ConflictMode, 'manual'>
}

export interface ConflictWindowEvent {
  readonly path: string
  readonly entryId: EntryId
  readonly deviceName: string
  readonly replaced: EntryId
  readonly replacedDeviceName: string
  /** How long the replaced version was there, by its author's clock and the other's. */
  readonly afterMs: number
}

export interface ConflictThresholdEvent {
  readonly reached: 'open' | 'per-day'
  readonly threshold: number
}
