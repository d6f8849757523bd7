import type { Commit } from '../entry/commit.ts'
import type { Header } from '../entry/header.ts'
import type { SystemRecord } from '../entry/records.ts'

/** An entry on its way: its header, its sealed payload and where it stands in its commit. */
export interface BatchEntry {
  readonly header: Header
  readonly cipher: Uint8Array
  /** The commit that vouches for it, one of the batch's. */
  readonly commit: Commit
  /** Its path in the commit's tree. Unless it is given, the batch has the commit's leaves. */
  readonly path: Uint8Array | undefined
}

/** A commit on its way. */
export interface BatchCommit {
  readonly commit: Commit
  /** The leaves of its tree in order, when that is shorter than a path for each entry. */
  readonly leaves: readonly Uint8Array[] | undefined
}

/**
 * What travels, by feed and by gossip alike: system records, then commits, then the entries they vouch for.
 * Commits without entries are head proofs.
 */
export interface Batch {
  readonly records: readonly SystemRecord[]
  readonly commits: readonly BatchCommit[]
  readonly entries: readonly BatchEntry[]
}
