/*
 * A row of the change feed: `[0, κ, entry id, from]` for an entry, `[1, record id, from]` for a system record.
 * from: the line of the peer's store that it was read from, empty when it was written here, zeros when it came from
 * nobody in particular.
 */
import { fromHex, toHex } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { ID_BYTES } from '../entry/hash.ts'
import { TOKEN_BYTES } from '../entry/path.ts'
import type { RecordId } from '../entry/records.ts'
import { MAX_PATH_SEGMENTS } from '../limits.ts'
import type { EntryId } from '../versions.ts'

export type FeedRow =
  | { readonly kind: 'entry'; readonly path: Uint8Array; readonly id: EntryId; readonly from: Uint8Array }
  | { readonly kind: 'record'; readonly id: RecordId; readonly from: Uint8Array }

const ENTRY = 0
const RECORD = 1

export function encodeFeedRow(row: FeedRow): Uint8Array {
  return row.kind === 'entry'
    ? encodeCbor([ENTRY, row.path, fromHex(row.id), row.from])
    : encodeCbor([RECORD, fromHex(row.id), row.from])
}

export function decodeFeedRow(bytes: Uint8Array): FeedRow {
  const raw = decodeCbor(bytes)
  if (Array.isArray(raw) && raw[0] === RECORD) {
    const fields = Fields.ofArray(raw, 'a feed row', 3)
    return {
      kind: 'record',
      id: toHex(fields.bytes(1, ID_BYTES)) as RecordId,
      from: fields.bytes(2, 0, ID_BYTES)
    }
  }
  const fields = Fields.ofArray(raw, 'a feed row', 4)
  fields.integer(0, ENTRY, ENTRY)
  return {
    kind: 'entry',
    path: fields.bytes(1, TOKEN_BYTES, TOKEN_BYTES * MAX_PATH_SEGMENTS),
    id: toHex(fields.bytes(2, ID_BYTES)) as EntryId,
    from: fields.bytes(3, 0, ID_BYTES)
  }
}
