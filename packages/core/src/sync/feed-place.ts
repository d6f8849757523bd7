import { equalBytes, fromHex } from '../entry/bytes.ts'
import { labelledHash } from '../entry/hash.ts'

export const MARK_BYTES = 8

/**
 * Where a feed ended at some time: the number of its last row, and a mark that stands for all that came up to it. Two
 * stores that have a place in common have had the same feed until then, be one a copy of the other or not.
 */
export interface FeedPlace {
  readonly lsn: bigint
  readonly mark: Uint8Array
}

/** Where every feed begins. */
export const FEED_START: FeedPlace = { lsn: 0n, mark: new Uint8Array(MARK_BYTES) }

/** Where a feed ends once rows with these ids have been added, in this order. */
export function placeAfter({ lsn, mark }: FeedPlace, ids: readonly string[]): FeedPlace {
  return {
    lsn: lsn + BigInt(ids.length),
    mark: labelledHash('cis/mark/1', mark, ...ids.map(fromHex)).subarray(0, MARK_BYTES)
  }
}

export function isSamePlace(a: FeedPlace | undefined, b: FeedPlace | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  return a.lsn === b.lsn && equalBytes(a.mark, b.mark)
}
