import type { Path } from '../entry/path.ts'
import { MAX_REMEMBERED_BASES } from '../limits.ts'
import type { EntryId, Read } from '../versions.ts'

/** What was seen at a path. */
export interface Seen {
  readonly ids: readonly EntryId[]
  /** Whether a write on it may settle a conflict: a policy gave the reader a value. One who saw a conflict has to name it. */
  readonly settles: boolean
}

const NOTHING: Seen = { ids: [], settles: false }

/** What one handle last read or wrote of each path. What it forgets, it counts as never seen, which is safe. */
export class SeenBases {
  readonly #seen = new Map<Path, Seen>()

  get(path: Path): Seen {
    return this.#seen.get(path) ?? NOTHING
  }

  remember(read: Read): void {
    const settles = read.state !== 'conflict' && read.settledBy !== undefined
    this.#remember(read.path as Path, { ids: read.base, settles })
  }

  rememberWritten(path: Path, entryId: EntryId): void {
    this.#remember(path, { ids: [entryId], settles: false })
  }

  #remember(path: Path, seen: Seen): void {
    this.#seen.delete(path)
    this.#seen.set(path, seen)
    if (this.#seen.size <= MAX_REMEMBERED_BASES) return
    const oldest = this.#seen.keys().next().value
    if (oldest !== undefined) this.#seen.delete(oldest)
  }
}
