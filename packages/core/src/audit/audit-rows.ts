import type { RowReader } from '@cis-memory/store'
import { NO_BYTES, readUint64 } from '../entry/bytes.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import { CoreError } from '../errors.ts'
import { auditRange, auditSealKey } from '../replica/rows.ts'
import { type AuditRow, type ChainLink, decodeAuditRow, NO_DIGEST } from './audit-record.ts'
import { type AuditSeal, decodeSealRow } from './audit-seal.ts'

const START: ChainLink = { seq: 0, digest: NO_DIGEST }

/**
 * The seal of a log; that of one which is still to begin when there is nothing at all. `undefined` when there is
 * something and no seal that the device has signed.
 */
export async function readSeal(rows: RowReader, device: DeviceId): Promise<AuditSeal | undefined> {
  try {
    const row = await rows.get(auditSealKey())
    if (row !== undefined) return decodeSealRow(device, row)
  } catch (error) {
    if (corruptRowOf(error) === undefined) throw error
    return undefined
  }
  return (await firstRecord(rows)) === undefined ? { base: START, head: START, at: 0 } : undefined
}

/** The number of the oldest record, or `undefined` when there is none. */
export async function firstRecord(rows: RowReader): Promise<number | undefined> {
  for await (const key of rows.keys({ ...auditRange(0), limit: 1 })) return seqOfKey(key)
  return undefined
}

/** Records after a number, in their order or backwards. */
export async function* readRows(
  rows: RowReader,
  after: number,
  order: 'ascending' | 'descending' = 'ascending'
): AsyncIterableIterator<AuditRow> {
  for await (const { key, value } of rows.range({ ...auditRange(after), reverse: order === 'descending' })) {
    yield rowOf(seqOfKey(key), value)
  }
}

/** What a row says. Bytes that are no row of the log have the digest of nothing, so that they count as altered. */
function rowOf(seq: number, value: Uint8Array): AuditRow {
  try {
    return decodeAuditRow(seq, value)
  } catch (error) {
    if (!(error instanceof CoreError)) throw error
    return { seq, previous: NO_DIGEST, digest: NO_DIGEST, body: NO_BYTES }
  }
}

/** The number of the record in a row. */
export function seqOfKey(key: Uint8Array): number {
  return Number(readUint64(key, 1))
}

/** The row that failed authentication, when that is what an error says. */
export function corruptRowOf(error: unknown): Uint8Array | undefined {
  const { code, key } = error as { readonly code?: unknown; readonly key?: Uint8Array }
  return code === 'STORE_CORRUPT_ROW' ? key : undefined
}
