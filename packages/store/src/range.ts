import type { RowRange } from './store.ts'

/**
 * A range with its defaults filled in.
 *
 * @throws {RangeError} when the limit is not a count.
 */
export function checkRange(range: RowRange): Required<RowRange> {
  const { gte, lt, reverse = false, limit = Number.POSITIVE_INFINITY } = range
  if (!(limit >= 0) || (limit !== Number.POSITIVE_INFINITY && !Number.isSafeInteger(limit))) {
    throw new RangeError(`expected a limit of 0 rows or more, got ${limit}`)
  }
  return { gte, lt, reverse, limit }
}
