import { CorruptRowError, type PartitionName, type Store, StoreError } from '@cis-memory/store'
import { concat } from '../entry/bytes.ts'
import { MAX_CHECKED_ROWS } from '../limits.ts'
import type { AbortOptions } from '../ports/channel.ts'

/** Damage of one kind. */
export interface DamagedRows {
  readonly partition: PartitionName
  /** What the rows hold: `live entries`, `history`, … */
  readonly kind: string
  readonly count: number
}

/** What reading the rows of a store has shown. */
export interface RowCheck {
  /** Rows that were read. */
  readonly checked: number
  /** Whether that is all there are. */
  readonly isComplete: boolean
  readonly damaged: readonly DamagedRows[]
}

/** What rows hold, by the letter they begin with; `rows.ts` lists them. */
const KINDS: Readonly<Record<string, string>> = {
  A: 'heads',
  C: 'checkpoints of syncs',
  E: 'live entries',
  F: 'the conflict index',
  G: 'marks of cleaned history',
  I: 'invitations',
  J: 'the audit log',
  K: 'ids of conflicts',
  L: 'the feed',
  M: 'identity',
  N: 'places of the feed',
  O: 'commits',
  P: 'proposed merges',
  Q: 'held entries',
  R: 'ids of conflicts',
  S: 'members',
  U: 'links of curated memory',
  W: 'places of the feeds of peers',
  Y: 'history',
  Z: 'ended conflicts'
}

const PARTITIONS: readonly PartitionName[] = ['public', 'private', 'local']
const FIRST_KEY = Uint8Array.of(0)
const LAST_KEY = Uint8Array.of(0xff)

/** Reads the rows of a store, as many as it takes time to read while somebody waits, and counts those that are damaged. */
export async function checkRows(store: Store, { signal }: AbortOptions): Promise<RowCheck> {
  const counts = new Map<string, DamagedRows>()
  let checked = 0
  for (const partition of PARTITIONS) {
    const rows = store.partition(partition)
    let from: Uint8Array | undefined = FIRST_KEY
    while (from !== undefined) {
      try {
        for await (const _ of rows.range({
          gte: from,
          lt: LAST_KEY,
          limit: MAX_CHECKED_ROWS - checked + 1
        })) {
          signal?.throwIfAborted()
          if (checked === MAX_CHECKED_ROWS)
            return { checked, isComplete: false, damaged: [...counts.values()] }
          checked++
        }
        from = undefined
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        const isRow = error instanceof CorruptRowError
        if (!isRow && error.code !== 'STORE_READ_FAILED') throw error
        const kind = KINDS[(isRow ? error.rowKind : undefined) ?? ''] ?? 'rows that cannot be told'
        const key = `${partition} ${kind}`
        counts.set(key, { partition, kind, count: (counts.get(key)?.count ?? 0) + 1 })
        checked++
        // What lies behind a row is read on; behind a part of the disk that cannot be read, nothing is.
        from = isRow ? concat(error.key, FIRST_KEY) : undefined
      }
    }
  }
  return { checked, isComplete: true, damaged: [...counts.values()] }
}
