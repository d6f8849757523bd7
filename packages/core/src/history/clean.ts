import type { RowStore } from '@cis-memory/store'
import { corruptRowOf } from '../audit/audit-rows.ts'
import { NO_BYTES } from '../entry/bytes.ts'
import { type Path, TOKEN_BYTES } from '../entry/path.ts'
import { CoreError } from '../errors.ts'
import { MAX_CLEAN_ATTEMPTS, MAX_CLEAN_BATCH_ROWS, MAX_PATH_SEGMENTS } from '../limits.ts'
import type { AbortOptions } from '../ports/channel.ts'
import { type DomainCodec, type OpenedEntry, pathName } from '../replica/open-entry.ts'
import { cleanedKey, historyBelow, historyRange, pathOfHistoryKey } from '../replica/rows.ts'
import { SerialQueue } from '../replica/serial-queue.ts'
import type { Transaction } from '../replica/transaction.ts'
import type { Domain, EntryId } from '../versions.ts'
import { type PathPlan, planPath, type Removable } from './plan.ts'
import type { Retention } from './retention.ts'

export interface CleanHistoryOptions extends AbortOptions {
  /** Say what would be deleted, and delete nothing. @default false */
  readonly dryRun?: boolean
  /** @default both */
  readonly domain?: Domain
}

/** What a cleaning has deleted, or would delete. */
export interface CleanedHistory {
  /** Memories of whose history something went. */
  readonly memories: number
  readonly versions: number
  /** Bytes of their rows. The store gives them back to the disk when it compacts. */
  readonly bytes: number
  /**
   * Versions past their time that stay all the same: nothing here proves by name that they were replaced, because this
   * device has never had what came between.
   */
  readonly unproven: number
}

/** What cleaning needs of a domain. */
export interface CleanableDomain {
  readonly rows: RowStore
  readonly codec: DomainCodec
  begin(): Transaction
  /** Makes a transaction durable in which no entry was applied. */
  save(transaction: Transaction): Promise<void>
}

export interface HistoryCleanerParts {
  readonly domains: Readonly<Record<Domain, CleanableDomain>>
  /** The lock under which both domains are written. */
  readonly queue: SerialQueue
  readonly retention: Retention
  /** The versions of a public memory that curated ones were made from. */
  readonly linkedIds: (path: Path) => Promise<ReadonlySet<EntryId>>
  readonly now: () => number
}

const DOMAINS: readonly Domain[] = ['public', 'private']

/**
 * Deletes replaced versions that are past their time. Each batch is a commit of its own, oldest versions first: what is
 * left after a crash still leads from what is live to all that is still to go.
 */
export class HistoryCleaner {
  readonly retention: Retention
  readonly #parts: HistoryCleanerParts
  readonly #runs = new SerialQueue()
  #isClosed = false

  constructor(parts: HistoryCleanerParts) {
    this.retention = parts.retention
    this.#parts = parts
  }

  /** Cleans what lies at or below the scope of a path, one path after the other. */
  clean(scopeOf: (codec: DomainCodec) => Uint8Array, options: CleanHistoryOptions): Promise<CleanedHistory> {
    const { domain } = options
    return this.#runs.run(async () => {
      const total = { memories: 0, versions: 0, bytes: 0, unproven: 0 }
      for (const each of domain === undefined ? DOMAINS : [domain]) {
        const host = this.#parts.domains[each]
        for await (const token of pathsWithHistory(host.rows, scopeOf(host.codec))) {
          const cleaned = await this.#cleanPath(host, token, options)
          total.memories += cleaned.versions > 0 ? 1 : 0
          total.versions += cleaned.versions
          total.bytes += cleaned.bytes
          total.unproven += cleaned.unproven
        }
      }
      return total
    })
  }

  /** Waits for the batch under way, and starts no other. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#runs.drained()
  }

  async #cleanPath(
    host: CleanableDomain,
    token: Uint8Array,
    { dryRun = false, signal }: CleanHistoryOptions
  ): Promise<Omit<CleanedHistory, 'memories'>> {
    const total = { versions: 0, bytes: 0, unproven: 0 }
    for (let staleCount = 0; ; ) {
      this.#checkGoingOn(signal)
      const plan = await this.#plan(host, token)
      if (plan === undefined) return total
      if (dryRun) return { versions: plan.count, bytes: plan.bytes, unproven: plan.unproven }
      const removed = await this.#remove(host, token, plan, signal)
      total.versions += removed.versions
      total.bytes += removed.bytes
      total.unproven = plan.unproven
      if (removed.isStale) staleCount++
      else if (plan.count === plan.removable.length) return total
      if (staleCount === MAX_CLEAN_ATTEMPTS) return total
    }
  }

  /** `undefined` for a path with a damaged row: what is left of it stays where it can be looked at. */
  async #plan(host: CleanableDomain, token: Uint8Array): Promise<PathPlan | undefined> {
    try {
      const linkedIds = (live: readonly OpenedEntry[]) => this.#linkedIds(host, live)
      return await planPath(host, token, { ...this.retention, linkedIds, now: this.#parts.now() })
    } catch (error) {
      if (corruptRowOf(error) === undefined) throw error
      return undefined
    }
  }

  /** Deletes as planned, in batches, until something else is live than when it was planned. */
  async #remove(
    host: CleanableDomain,
    token: Uint8Array,
    plan: PathPlan,
    signal: AbortSignal | undefined
  ): Promise<{ readonly versions: number; readonly bytes: number; readonly isStale: boolean }> {
    let [versions, bytes] = [0, 0]
    for (let at = 0; at < plan.removable.length; at += MAX_CLEAN_BATCH_ROWS) {
      this.#checkGoingOn(signal)
      const batch = plan.removable.slice(at, at + MAX_CLEAN_BATCH_ROWS)
      const removed = await this.#parts.queue.run(() => this.#removeBatch(host, token, plan.live, batch))
      if (removed === undefined) return { versions, bytes, isStale: true }
      versions += removed.length
      bytes += removed.reduce((sum, row) => sum + row.bytes, 0)
    }
    return { versions, bytes, isStale: false }
  }

  /**
   * With the lock held: nothing is deleted when something else is live by now, nor what was linked to since.
   *
   * @returns what was deleted; `undefined` when something else is live
   */
  async #removeBatch(
    host: CleanableDomain,
    token: Uint8Array,
    planned: readonly EntryId[],
    batch: readonly Removable[]
  ): Promise<readonly Removable[] | undefined> {
    const transaction = host.begin()
    const live = await transaction.live(token)
    if (live.length !== planned.length || live.some(({ entryId }) => !planned.includes(entryId)))
      return undefined
    const linked = await this.#linkedIds(host, live)
    const removed = batch.filter(({ id }) => !linked.has(id))
    for (const { key } of removed) transaction.delete(key)
    // Nobody else has what was private.
    if (host.codec.domain === 'public') transaction.put(cleanedKey(token), NO_BYTES)
    await host.save(transaction)
    return removed
  }

  async #linkedIds(host: CleanableDomain, live: readonly OpenedEntry[]): Promise<ReadonlySet<EntryId>> {
    const path = host.codec.domain === 'public' ? pathName(live) : undefined
    return path === undefined ? new Set() : this.#parts.linkedIds(path)
  }

  #checkGoingOn(signal: AbortSignal | undefined): void {
    signal?.throwIfAborted()
    if (this.#isClosed) throw new CoreError('CORE_CLOSED', 'this memory is closed; open it again')
  }
}

/** κ of every path at or below a scope that has replaced versions, read as keys alone. */
async function* pathsWithHistory(rows: RowStore, scope: Uint8Array): AsyncIterableIterator<Uint8Array> {
  const least = Math.max(scope.length / TOKEN_BYTES, 1)
  for (let segments = least; segments <= MAX_PATH_SEGMENTS; segments++) {
    let range = { ...historyBelow(scope, segments), limit: 1 }
    for (let path = await firstPath(rows, range); path !== undefined; path = await firstPath(rows, range)) {
      yield path
      range = { ...range, gte: historyRange(path).lt }
    }
  }
}

async function firstPath(
  rows: RowStore,
  range: ReturnType<typeof historyBelow>
): Promise<Uint8Array | undefined> {
  for await (const key of rows.keys(range)) return pathOfHistoryKey(key)
  return undefined
}
