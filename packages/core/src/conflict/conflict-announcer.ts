import { timestampMs } from '@cis-memory/clock'
import { overwrittenAmong } from '../documents/overwritten.ts'
import { ROOT } from '../entry/path.ts'
import type { DurableChange } from '../replica/public-domain.ts'
import type { ReplicaEvents } from '../replica/replica-events.ts'
import type { MergedDocuments, Replacement } from '../replica/transaction.ts'
import { conflictOf, type Directory, type DomainView } from '../replica/view.ts'
import type { Read } from '../versions.ts'
import type { ConflictSettings, ConflictThresholdEvent } from './conflict-types.ts'

const DAY_MS = 24 * 60 * 60 * 1000

type Reached = ConflictThresholdEvent['reached']

/** What an announcer speaks about, and how. */
export interface AnnouncerHost {
  readonly directory: Directory
  readonly view: () => DomainView
  readonly now: () => number
  readonly emit: <K extends keyof ReplicaEvents>(type: K, detail: ReplicaEvents[K]['detail']) => void
}

/**
 * Tells of conflicts once they are on disk: found, settled, near misses, what documents lost where they merge by
 * themselves, and that there are many. It reads what it tells,
 * so that nobody hears of what a policy decides as of an open conflict.
 */
export class ConflictAnnouncer {
  readonly #host: AnnouncerHost
  readonly #settings: ConflictSettings
  readonly #reached = new Set<Reached>()
  #telling: Promise<void> = Promise.resolve()

  constructor(host: AnnouncerHost, settings: ConflictSettings) {
    this.#host = host
    this.#settings = settings
  }

  announce({ conflicts, replacements, documents }: DurableChange): void {
    for (const replacement of replacements) this.#tellOfWindow(replacement)
    for (const merged of documents) this.#next(async () => this.#tellOfOverwrites(merged))
    if (conflicts.length === 0) return
    this.#next(async () => {
      const view = this.#host.view()
      for (const { token, id } of conflicts) {
        const read = await view.readAt(token)
        // What has changed since is told by the change that did it.
        if (conflictOf(read)?.id !== id) continue
        if (id === undefined) this.#host.emit('conflict:settled', { path: read.path, by: 'resolution' })
        else this.#tellOf(read)
      }
      await this.#checkThresholds(view)
    })
  }

  /** Tells what readers find at a path where something else than entries has changed. */
  announceAt(token: Uint8Array): void {
    this.#next(async () => {
      const view = this.#host.view()
      this.#tellOf(await view.readAt(token))
      await this.#checkThresholds(view)
    })
  }

  /** Resolves when everything is told. */
  async drained(): Promise<void> {
    await this.#telling
  }

  /** One after the other, so that what is heard last is what is true. Nothing depends on any of it being heard. */
  #next(tell: () => Promise<void>): void {
    this.#telling = this.#telling.then(tell).catch(() => undefined)
  }

  #tellOf(read: Read): void {
    if (read.state === 'conflict') this.#host.emit('conflict:found', read.conflict)
    else if (read.settledBy !== undefined) {
      this.#host.emit('conflict:settled', { path: read.path, by: read.settledBy.mode })
    }
  }

  #tellOfWindow({ by, replaced }: Replacement): void {
    const { windowMs = 0 } = this.#settings
    const afterMs = timestampMs(by.stored.hlc) - timestampMs(replaced.hlc)
    if (afterMs > windowMs || windowMs === 0 || by.payload === undefined) return
    const author = this.#host.directory.authorOf(by.stored.dot.actor)
    const before = this.#host.directory.authorOf(replaced.dot.actor)
    if (author.device === before.device) return
    this.#host.emit('conflict:window', {
      path: by.payload.path,
      entryId: by.entryId,
      deviceName: author.name,
      replaced: replaced.id,
      replacedDeviceName: before.name,
      afterMs
    })
  }

  #tellOfOverwrites(merged: MergedDocuments): void {
    for (const key of overwrittenAmong(merged, this.#host.directory)) {
      this.#host.emit('document:overwritten', key)
    }
  }

  /** The thresholds that are reached now. It counts no further than it has to. */
  async reached(view: DomainView): Promise<readonly ConflictThresholdEvent[]> {
    const { alertOpen, alertPerDay } = this.#settings
    const aDayAgo = this.#host.now() - DAY_MS
    const reached: ConflictThresholdEvent[] = []
    if (alertOpen !== undefined && (await hasAtLeast(alertOpen, view.conflicts(ROOT)))) {
      reached.push({ reached: 'open', threshold: alertOpen })
    }
    if (alertPerDay !== undefined && (await hasAtLeast(alertPerDay, view.noticed(aDayAgo)))) {
      reached.push({ reached: 'per-day', threshold: alertPerDay })
    }
    return reached
  }

  async #checkThresholds(view: DomainView): Promise<void> {
    const before = new Set(this.#reached)
    this.#reached.clear()
    for (const event of await this.reached(view)) {
      this.#reached.add(event.reached)
      if (!before.has(event.reached)) this.#host.emit('conflict:threshold', event)
    }
  }
}

async function hasAtLeast(threshold: number, conflicts: AsyncIterable<unknown>): Promise<boolean> {
  let count = 0
  for await (const conflict of conflicts) {
    if (conflict !== undefined) count++
    if (count === threshold) return true
  }
  return false
}
