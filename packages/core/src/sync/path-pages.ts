import { toHex } from '../entry/bytes.ts'
import type { CommitId } from '../entry/commit.ts'
import type { RecordId, SystemRecord } from '../entry/records.ts'
import { PAGE_BYTES, PAGE_ENTRIES } from '../limits.ts'
import type { Batch, BatchCommit, BatchEntry } from './batch.ts'
import type { SyncReplica } from './sync-replica.ts'

/** What a page of single paths needs of a replica. */
type PathReader = Pick<SyncReplica, 'readPaths'>

/**
 * The live entries of single paths, in pages that fit a frame. Paths are read one at a time, so at most the versions
 * of one are in memory.
 */
export class PathPages {
  readonly #replica: PathReader
  readonly #shared: readonly Uint8Array[]
  readonly #paths: Uint8Array[]
  /** What is left of the path being sent. */
  #batch: Batch | undefined
  #sentCount = 0

  constructor(replica: PathReader, paths: readonly Uint8Array[], shared: readonly Uint8Array[]) {
    this.#replica = replica
    this.#shared = shared
    this.#paths = [...new Map(paths.map((path) => [toHex(path), path])).values()].reverse()
  }

  /** The next page. Pages are read one after the other. */
  async next(): Promise<{ readonly batch: Batch; readonly hasMore: boolean }> {
    const page = new PageBuilder()
    for (;;) {
      this.#batch ??= await this.#readPath()
      if (this.#batch === undefined) return { batch: page.take(), hasMore: false }
      const { entries } = this.#batch
      for (; this.#sentCount < entries.length; this.#sentCount++) {
        const entry = entries[this.#sentCount] as BatchEntry
        if (!page.hasRoomFor(entry)) return { batch: page.take(), hasMore: true }
        page.add(this.#batch, entry)
      }
      this.#batch = undefined
      this.#sentCount = 0
    }
  }

  async #readPath(): Promise<Batch | undefined> {
    const path = this.#paths.pop()
    return path === undefined ? undefined : this.#replica.readPaths([path], this.#shared)
  }
}

/** A page in the making: what several entries need travels once. */
class PageBuilder {
  readonly #records = new Map<RecordId, SystemRecord>()
  readonly #commits = new Map<CommitId, BatchCommit>()
  readonly #entries: BatchEntry[] = []
  #size = 0

  hasRoomFor({ header, cipher }: BatchEntry): boolean {
    if (this.#entries.length === 0) return true
    const size = header.bytes.length + cipher.length
    return this.#entries.length < PAGE_ENTRIES && this.#size + size <= PAGE_BYTES
  }

  /** Adds an entry, with its commit and with all records and head proofs that came with it. */
  add(source: Batch, entry: BatchEntry): void {
    for (const record of source.records) this.#records.set(record.id, record)
    const needed = new Set(source.entries.map(({ commit }) => commit.id))
    for (const each of source.commits) {
      if (!needed.has(each.commit.id) || each.commit.id === entry.commit.id) {
        this.#commits.set(each.commit.id, each)
      }
    }
    this.#entries.push(entry)
    this.#size += entry.header.bytes.length + entry.cipher.length
  }

  take(): Batch {
    return {
      records: [...this.#records.values()],
      commits: [...this.#commits.values()],
      entries: this.#entries
    }
  }
}
