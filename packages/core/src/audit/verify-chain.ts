import type { RowReader } from '@cis-memory/store'
import { equalBytes, toHex } from '../entry/bytes.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import type { AbortOptions } from '../ports/channel.ts'
import { type AuditRow, type ChainLink, isUnaltered } from './audit-record.ts'
import { corruptRowOf, firstRecord, readRows, readSeal, seqOfKey } from './audit-rows.ts'
import type { AuditSeal } from './audit-seal.ts'

/** The end of the chain at some moment. Noted elsewhere, it shows whether the log still has what it had then. */
export interface AuditHead {
  /** The number of the latest record. */
  readonly seq: number
  /** What it and all before it come to, as 64 hex digits. */
  readonly digest: string
}

/**
 * - `missing`: a record is gone.
 * - `altered`: it is not what was written, or nobody signed for it.
 * - `unreadable`: its row failed authentication.
 * - `unsigned`: the log has no seal that this device has signed; it cannot be told what is missing at its end.
 * - `rewritten`: it is not the record of the head that was noted.
 */
export type AuditProblem = 'missing' | 'altered' | 'unreadable' | 'unsigned' | 'rewritten'

export type AuditVerdict =
  | {
      readonly state: 'intact'
      /** Records that were checked. */
      readonly records: number
      /** `undefined` when there has never been a record. */
      readonly head: AuditHead | undefined
      /** Whether the noted head was found; one that is older than every record cannot be. */
      readonly noted: 'found' | 'too-old' | undefined
    }
  | {
      readonly state: 'broken'
      /** The first record that is not as it was written. */
      readonly seq: number
      readonly problem: AuditProblem
      /** Records before it that are. */
      readonly records: number
    }

export interface VerifyOptions extends AbortOptions {
  /** A head that was noted elsewhere, and that the log must still have. */
  readonly noted?: AuditHead
}

/**
 * Walks the chain from its signed start to its signed end. Only the row at hand is in memory.
 *
 * Each row is held against itself before it is held against the one before, so that the record is named that was
 * altered, not its neighbour.
 */
export async function verifyChain(
  rows: RowReader,
  device: DeviceId,
  { noted, signal }: VerifyOptions
): Promise<AuditVerdict> {
  const seal = await readSeal(rows, device)
  if (seal === undefined) {
    return { state: 'broken', seq: (await firstRecord(rows)) ?? 1, problem: 'unsigned', records: 0 }
  }
  const { base, head } = seal
  const broken = (seq: number, problem: AuditProblem): AuditVerdict => ({
    state: 'broken',
    seq,
    problem,
    records: Math.max(0, seq - base.seq - 1)
  })
  let last = base
  let isNotedFound = isNoted(base, noted)
  if (noted?.seq === base.seq && !isNotedFound) return broken(base.seq, 'rewritten')
  try {
    for await (const row of readRows(rows, base.seq)) {
      signal?.throwIfAborted()
      const flaw = flawOf(row, last, seal)
      if (flaw !== undefined) return broken(...flaw)
      last = row
      if (row.seq !== noted?.seq) continue
      if (!isNoted(row, noted)) return broken(row.seq, 'rewritten')
      isNotedFound = true
    }
  } catch (error) {
    const key = corruptRowOf(error)
    if (key === undefined) throw error
    const seq = seqOfKey(key)
    return seq === last.seq + 1 ? broken(seq, 'unreadable') : broken(last.seq + 1, 'missing')
  }
  if (last.seq < head.seq) return broken(last.seq + 1, 'missing')
  if (noted !== undefined && noted.seq > head.seq) return broken(head.seq + 1, 'missing')
  return {
    state: 'intact',
    records: head.seq - base.seq,
    head: head.seq === 0 ? undefined : { seq: head.seq, digest: toHex(head.digest) },
    noted: noted === undefined ? undefined : isNotedFound ? 'found' : 'too-old'
  }
}

/** Which record is not as it was written, as a row shows: itself, one before it that is gone, or the one before. */
function flawOf(
  row: AuditRow,
  last: ChainLink,
  { base, head }: AuditSeal
): readonly [seq: number, problem: AuditProblem] | undefined {
  if (row.seq !== last.seq + 1) return [last.seq + 1, 'missing']
  if (row.seq > head.seq || !isUnaltered(row)) return [row.seq, 'altered']
  // The seal vouches for the start of the chain, so that only the row can be wrong there.
  if (!equalBytes(row.previous, last.digest)) return [last === base ? row.seq : last.seq, 'altered']
  if (row.seq === head.seq && !equalBytes(row.digest, head.digest)) return [row.seq, 'altered']
  return undefined
}

function isNoted({ seq, digest }: ChainLink, noted: AuditHead | undefined): boolean {
  return noted !== undefined && seq === noted.seq && toHex(digest) === noted.digest
}
