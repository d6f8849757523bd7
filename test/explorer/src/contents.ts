import { createHash } from 'node:crypto'
import type { MemoryStore } from '@cis-memory/store'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import { decodeHeader, type Header } from '../../../packages/core/src/entry/header.ts'
import {
  decodeHistoryRow,
  decodeLiveRow,
  type StoredEntry
} from '../../../packages/core/src/replica/stored-entry.ts'

const EVERYTHING = { gte: new Uint8Array(0), lt: new Uint8Array(600).fill(0xff) }

/** What is on a disk, read from its rows without the code that wrote them. Paths are κ in hex digits, entries ids. */
export interface Contents {
  /** Of all rows that memory is made of. */
  readonly digest: string
  /** Who writes here. */
  readonly actor: string
  readonly live: ReadonlyMap<string, readonly string[]>
  /** All that is live or in history. */
  readonly received: ReadonlyMap<string, ReadonlySet<string>>
  readonly held: readonly Header[]
  /** The ids of the system records, in their order. */
  readonly records: readonly string[]
  readonly entries: readonly StoredEntry[]
}

export async function contentsOf(disk: MemoryStore): Promise<Contents> {
  const hash = createHash('sha256')
  const live = new Map<string, readonly string[]>()
  const received = new Map<string, Set<string>>()
  const held: Header[] = []
  const records: string[] = []
  const entries: StoredEntry[] = []
  let actor = ''
  const take = (entry: StoredEntry): void => {
    const path = toHex(entry.header.path)
    entries.push(entry)
    received.set(path, (received.get(path) ?? new Set()).add(entry.id))
  }
  for await (const { key, value } of disk.partition('public').range(EVERYTHING)) {
    hash.update(lengths(key, value)).update(key).update(value)
    switch (String.fromCharCode(key[0] as number)) {
      case 'E': {
        const standing = decodeLiveRow(value)
        live.set(
          toHex(key.subarray(1)),
          standing.map(({ id }) => id)
        )
        standing.forEach(take)
        break
      }
      case 'Y':
        take(decodeHistoryRow(value))
        break
      case 'Q':
        held.push(decodeHeader((decodeCbor(value) as [Uint8Array])[0]))
        break
      case 'S':
        records.push(toHex(key.subarray(1)))
        break
      case 'M':
        if (Buffer.from(key.subarray(1)).toString() === 'own')
          actor = toHex((decodeCbor(value) as [Uint8Array, Uint8Array])[1])
        break
    }
  }
  for await (const { key, value } of disk.partition('private').range(EVERYTHING)) {
    hash.update(lengths(key, value)).update(key).update(value)
  }
  return { digest: hash.digest('base64url'), actor, live, received, held, records, entries }
}

function lengths(key: Uint8Array, value: Uint8Array): string {
  return `${key.length},${value.length};`
}

/** All ids that are live or in history. */
export function allReceived({ received }: Contents): string[] {
  return [...received.values()].flatMap((ids) => [...ids])
}
