import { toHex } from '../entry/bytes.ts'
import type { CommitId } from '../entry/commit.ts'
import type { RecordId, SystemRecord } from '../entry/records.ts'
import { PAGE_BYTES, PAGE_ENTRIES } from '../limits.ts'
import type { Batch, BatchCommit, BatchEntry } from './batch.ts'
import { MAX_BATCH_COMMITS, MAX_BATCH_RECORDS } from './limits.ts'
import type { SyncReplica } from './sync-replica.ts'

/** What pages of single paths need of a replica. */
type PathReader = Pick<SyncReplica, 'readPaths'>

/** What a commit costs beside its bytes and signature: its part of a proof, at most. */
const PROOF_BYTES = 96

/** What may lie beside the largest entry in a frame. */
const BESIDE_LARGEST_BYTES = 64 * 1024

/**
 * The live entries of single paths, in pages that fit a frame. Paths are read one at a time, so at most the versions
 * of one are in memory. Records and head proofs travel once, before the first entry that needs them.
 */
export class PathPages {
  readonly #replica: PathReader
  readonly #shared: readonly Uint8Array[]
  readonly #paths: Uint8Array[]
  readonly #sent = new Set<RecordId | CommitId>()
  /** What is left of the path being sent, in the order of sending. */
  #parts: Part[] = []

  constructor(replica: PathReader, paths: readonly Uint8Array[], shared: readonly Uint8Array[]) {
    this.#replica = replica
    this.#shared = shared
    this.#paths = [...new Map(paths.map((path) => [toHex(path), path])).values()].reverse()
  }

  /** The next page. Pages are read one after the other. */
  async next(): Promise<{ readonly batch: Batch; readonly hasMore: boolean }> {
    const page = new PageBuilder()
    for (;;) {
      const part = this.#parts[0]
      if (part !== undefined) {
        if (!page.add(part)) return { batch: page.build(), hasMore: true }
        this.#parts.shift()
        continue
      }
      const path = this.#paths.pop()
      if (path === undefined) return { batch: page.build(), hasMore: false }
      this.#parts = this.#partsOf(await this.#replica.readPaths([path], this.#shared))
    }
  }

  #partsOf({ records, commits, entries }: Batch): Part[] {
    const evidence = new Map(commits.map((each) => [each.commit.id, each]))
    const needed = new Set(entries.map(({ commit }) => commit.id))
    const heads = commits.filter(({ commit }) => !needed.has(commit.id))
    return [
      ...records.filter(({ id }) => this.#isNew(id)).map((record) => ({ record })),
      ...heads.filter(({ commit }) => this.#isNew(commit.id)).map((commit) => ({ commit })),
      ...entries.map((entry) => ({ entry, commit: evidence.get(entry.commit.id) as BatchCommit }))
    ]
  }

  #isNew(id: RecordId | CommitId): boolean {
    if (this.#sent.has(id)) return false
    this.#sent.add(id)
    return true
  }
}

/** What goes into a page together: a record, a head proof, or an entry with its commit. */
interface Part {
  readonly record?: SystemRecord
  readonly commit?: BatchCommit
  readonly entry?: BatchEntry
}

/** A page in the making. */
class PageBuilder {
  readonly #records: SystemRecord[] = []
  readonly #commits = new Map<CommitId, BatchCommit>()
  readonly #entries: BatchEntry[] = []
  #size = 0

  /** `false` when there is no room. The first entry has room beside a little, however large it is. */
  add({ record, commit, entry }: Part): boolean {
    const size = sizeOf(record) + sizeOf(commit?.commit) + (entry === undefined ? 0 : sizeOfEntry(entry))
    const isFull =
      this.#size + size > PAGE_BYTES ||
      this.#records.length === MAX_BATCH_RECORDS ||
      this.#commits.size === MAX_BATCH_COMMITS ||
      this.#entries.length === PAGE_ENTRIES
    const isFirst = this.#entries.length === 0 && this.#size <= BESIDE_LARGEST_BYTES
    if (isFull && !(entry !== undefined && isFirst)) return false
    this.#size += size
    if (record !== undefined) this.#records.push(record)
    if (commit !== undefined) this.#commits.set(commit.commit.id, commit)
    if (entry !== undefined) this.#entries.push(entry)
    return true
  }

  build(): Batch {
    return { records: this.#records, commits: [...this.#commits.values()], entries: this.#entries }
  }
}

function sizeOf(signed: { readonly bytes: Uint8Array; readonly signature: Uint8Array } | undefined): number {
  return signed === undefined ? 0 : signed.bytes.length + signed.signature.length
}

function sizeOfEntry({ header, cipher }: BatchEntry): number {
  return header.bytes.length + cipher.length + PROOF_BYTES
}
