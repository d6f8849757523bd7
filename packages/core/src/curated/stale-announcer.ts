import type { Path } from '../entry/path.ts'
import type { DurableChange } from '../replica/public-domain.ts'
import type { DomainView } from '../replica/view.ts'
import type { StaleCurated } from './curated-types.ts'
import type { SourceIndex } from './source-index.ts'
import { staleAmong } from './stale.ts'

/** What an announcer looks at, and how it speaks. */
export interface StaleAnnouncerHost {
  readonly sources: SourceIndex
  readonly view: () => DomainView
  /** Whether anybody listens: looking costs a read for every memory that changes. */
  readonly isHeard: () => boolean
  readonly emit: (stale: StaleCurated) => void
}

/** Tells of curated memories whose source has changed, once that is on disk. Nothing depends on its being heard. */
export class StaleAnnouncer {
  readonly #host: StaleAnnouncerHost
  #telling: Promise<void> = Promise.resolve()

  constructor(host: StaleAnnouncerHost) {
    this.#host = host
  }

  announce({ entries }: DurableChange): void {
    if (entries.length === 0 || !this.#host.isHeard()) return
    this.#telling = this.#telling.then(() => this.#tellOf(entries)).catch(() => undefined)
  }

  /** Resolves when everything is told. */
  async drained(): Promise<void> {
    await this.#telling
  }

  async #tellOf(entries: DurableChange['entries']): Promise<void> {
    const { sources, view, emit } = this.#host
    const paths = new Set<Path>()
    for (const { payload, stored } of entries) {
      paths.add(payload?.path ?? (await view().nameAt(stored.header.path)))
    }
    for (const path of paths) {
      for await (const stale of staleAmong(sources.madeFrom(path), view())) emit(stale)
    }
  }
}
