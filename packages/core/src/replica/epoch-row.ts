/* Since when a store writes under the name it has, and why: `[reason, milliseconds since 1970]`. */
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'

/** Their places are what rows say: new ones come last. */
const REASONS = ['first-open', 'copied-or-restored', 'unclean-stop', 'per-open', 'written-elsewhere'] as const

/**
 * Why a store began to write under a new name. `copied-or-restored`: its directory is a copy, or was put back from a
 * backup. `unclean-stop`: it stopped without being closed, in durability `os`. `written-elsewhere`: a peer had something of
 * this store that it does not have itself.
 */
export type EpochReason = (typeof REASONS)[number]

export interface EpochStart {
  readonly reason: EpochReason
  /** Milliseconds since 1970, by the clock of this device. */
  readonly at: number
}

export function encodeEpochRow({ reason, at }: EpochStart): Uint8Array {
  return encodeCbor([REASONS.indexOf(reason), Math.floor(at)])
}

export function decodeEpochRow(row: Uint8Array): EpochStart {
  const fields = Fields.ofArray(decodeCbor(row), 'the row of an epoch', 2)
  return {
    reason: REASONS[fields.integer(0, 0, REASONS.length - 1)] as EpochReason,
    at: fields.integer(1, 0)
  }
}
