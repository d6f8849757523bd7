import { cp, rm } from 'node:fs/promises'
import { Replica } from '@cis-memory/core'
import { keyFile, openLevelStore } from '@cis-memory/store/level'
import { type Home, nodeRuntime } from 'cis-memory'
import {
  decodeHistoryRow,
  decodeLiveRow,
  type StoredEntry
} from '../../../packages/core/src/replica/stored-entry.ts'
import { fsck } from '../../../packages/core/test/support/fsck.ts'

/** What the rows of a store say, read without the program that wrote them. */
export interface Inspection {
  /** Whatever of it does not agree. */
  readonly complaints: readonly string[]
  /** Every entry that is live or in history, by its id. */
  readonly entries: ReadonlyMap<string, StoredEntry>
  /** How often this device has begun to write under a new name. */
  readonly epochs: number
}

const LIVE_ROWS = { gte: Buffer.from('E'), lt: Buffer.from('F') }
const HISTORY_ROWS = { gte: Buffer.from('Y'), lt: Buffer.from('Z') }

/** Copies the store of a home that nobody has open, so that the store itself is next opened by whom it belongs to. */
export async function copyStore({ storeDirectory, directory }: Home): Promise<string> {
  const copy = `${directory}-copy`
  await rm(copy, { recursive: true, force: true })
  await cp(storeDirectory, copy, { recursive: true })
  return copy
}

/** Reads a copy from end to end. */
export async function inspect(copy: string, { keyFile: keyPath }: Home): Promise<Inspection> {
  const key = keyFile(keyPath)
  await using store = await openLevelStore({ directory: copy, key, createIfMissing: false })
  const replica = await Replica.open({ store, runtime: nodeRuntime() })
  const complaints = await fsck(replica, store)
  const epoch = replica.membership.epochOf(replica.actor)?.epoch ?? 0
  await replica.close()
  const entries: StoredEntry[] = []
  for (const partition of ['public', 'private'] as const) {
    const rows = store.partition(partition)
    for await (const { value } of rows.range(LIVE_ROWS)) entries.push(...decodeLiveRow(value))
    for await (const { value } of rows.range(HISTORY_ROWS)) entries.push(decodeHistoryRow(value))
  }
  const byId = new Map<string, StoredEntry>(entries.map((entry) => [entry.id, entry]))
  // A copy that is opened begins once more.
  return { complaints, entries: byId, epochs: epoch - 1 }
}
