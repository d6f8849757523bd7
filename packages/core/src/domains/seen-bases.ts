import type { Path } from '../entry/path.ts'
import { MAX_REMEMBERED_BASES } from '../limits.ts'
import type { EntryId } from '../versions.ts'

/** What one handle last read or wrote of each path. What it forgets, it counts as never seen, which is safe. */
export class SeenBases {
  readonly #ids = new Map<Path, readonly EntryId[]>()

  get(path: Path): readonly EntryId[] {
    return this.#ids.get(path) ?? []
  }

  remember(path: Path, ids: readonly EntryId[]): void {
    this.#ids.delete(path)
    this.#ids.set(path, ids)
    if (this.#ids.size <= MAX_REMEMBERED_BASES) return
    const oldest = this.#ids.keys().next().value
    if (oldest !== undefined) this.#ids.delete(oldest)
  }
}
