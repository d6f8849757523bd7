import type { MemoryValue } from '../entry/value.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { EntryId, ValueRead } from '../versions.ts'

/** What a curator is given. */
export interface CurationRequest {
  readonly source: ValueRead
  readonly signal: AbortSignal | undefined
}

/** What a curator makes of a public memory. */
export interface Curation {
  readonly value: MemoryValue
  /** @default 'application/json', or 'application/octet-stream' for bytes */
  readonly contentType?: string
  /** @default the source's */
  readonly category?: string
  /** @default the source's */
  readonly tags?: readonly string[]
  /** What made it: a model, for instance. It is kept as the agent of the write. */
  readonly agent?: string
}

/** Adapts a public memory. Core calls it and nothing else of the world outside. */
export type Curator = (request: CurationRequest) => Promise<Curation>

/** `copy` takes the value as it is, `adapt` what a curator makes of it. */
export type CurateOptions = AbortOptions & {
  /** Where to put it in the private domain. @default the same path */
  readonly as?: string
} & ({ readonly mode: 'copy' } | { readonly mode: 'adapt'; readonly curator: Curator })

/** A curated memory whose source is not what it was made from any more. */
export interface StaleCurated {
  /** Where it is in the private domain. */
  readonly path: string
  readonly entryId: EntryId
  /** What adapted it; `undefined` for a copy. */
  readonly agent: string | undefined
  readonly sourcePath: string
  /** The versions it was made from. */
  readonly sourceIds: readonly EntryId[]
  /** What became of the source: it says something else, it is gone, or its versions differ. */
  readonly reason: 'changed' | 'deleted' | 'contested'
}
