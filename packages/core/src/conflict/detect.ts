import { toBase32 } from '../entry/base32.ts'
import { equalBytes, fromHex } from '../entry/bytes.ts'
import { labelledHash } from '../entry/hash.ts'
import { type Alternative, encodeAlternative } from '../entry/payload.ts'
import type { ConflictKind, EntryId } from '../versions.ts'

/** A live entry as a reader with the keys sees it. */
export interface Opened {
  readonly entryId: EntryId
  /** `actor:n`, to notice a fork. */
  readonly dot: string
  /** What it stands for; none when it cannot be opened. */
  readonly alternatives: readonly Alternative[]
}

const ID_CHARACTERS = 12

/**
 * What kind of conflict the live entries of a path are in, or `undefined` when they agree. Equal values agree, and
 * documents merge by themselves.
 */
export function conflictKind(live: readonly Opened[]): ConflictKind | undefined {
  if (live.some((entry) => entry.alternatives.length === 0)) return 'unreadable'
  const alternatives = live.flatMap((entry) => entry.alternatives)
  if (alternatives.length < 2) return undefined
  const first = encodeAlternative(alternatives[0] as Alternative)
  if (alternatives.every((alternative) => equalBytes(encodeAlternative(alternative), first))) return undefined
  const isReopened = live.some((entry) => entry.alternatives.length > 1)
  if (alternatives.every((alternative) => alternative.kind === 'document') && !isReopened) return undefined
  if (new Set(live.map((entry) => entry.dot)).size < live.length) return 'fork'
  if (alternatives.some((alternative) => alternative.kind === 'deleted')) return 'delete'
  if (alternatives.some((alternative) => alternative.kind === 'document')) return 'document'
  return isReopened ? 'reopened' : 'edit'
}

/**
 * Names a conflict by exactly the versions in it: the same on every device, another as soon as one changes.
 * 12 characters of base32 (RFC 4648, lower case) of SHA-256("cis/conflict/1" ‖ 0 ‖ κ ‖ sorted (entry id, index)).
 */
export function conflictId(path: Uint8Array, live: readonly Opened[]): string {
  const sorted = [...live].sort((a, b) => (a.entryId < b.entryId ? -1 : 1))
  const versions = sorted.flatMap((entry) =>
    Array.from({ length: Math.max(entry.alternatives.length, 1) }, (_, index) => [
      fromHex(entry.entryId),
      Uint8Array.of(index)
    ]).flat()
  )
  return toBase32(labelledHash('cis/conflict/1', path, ...versions)).slice(0, ID_CHARACTERS)
}
