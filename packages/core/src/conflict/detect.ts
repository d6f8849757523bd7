import { type CausalEntry, covers } from '@cis-memory/clock'
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
  readonly stored: CausalEntry
  /** What it stands for; none when it cannot be opened. */
  readonly alternatives: readonly Alternative[]
}

const ID_CHARACTERS = 12

/**
 * What kind of conflict the live entries of a path are in, or `undefined` when they agree. Equal values agree, and
 * documents merge by themselves, unless one of them claims to have seen another and lacks what that one holds.
 */
export function conflictKind(live: readonly Opened[]): ConflictKind | undefined {
  if (live.some((entry) => entry.alternatives.length === 0)) return 'unreadable'
  const alternatives = live.flatMap((entry) => entry.alternatives)
  if (alternatives.length < 2) return undefined
  const first = encodeAlternative(alternatives[0] as Alternative)
  if (alternatives.every((alternative) => equalBytes(encodeAlternative(alternative), first))) return undefined
  const isReopened = live.some((entry) => entry.alternatives.length > 1)
  const isAllDocuments = alternatives.every(({ kind }) => kind === 'document')
  if (isAllDocuments && !isReopened) {
    return live.some((f) => live.some((e) => covers(f.stored, e.stored))) ? 'incomplete' : undefined
  }
  if (new Set(live.map((entry) => entry.dot)).size < live.length) return 'fork'
  if (alternatives.some(({ kind }) => kind === 'deleted')) return 'delete'
  if (!isAllDocuments && alternatives.some(({ kind }) => kind === 'document')) return 'document'
  return isReopened ? 'reopened' : 'edit'
}

/**
 * Names a conflict by exactly the versions in it: the same on every device, another as soon as one changes.
 * 12 characters of base32 (RFC 4648, lower case) of SHA-256("cis/conflict/1" ‖ 0 ‖ κ ‖ sorted (entry id, index)).
 */
export function conflictId(
  path: Uint8Array,
  live: readonly Pick<Opened, 'entryId' | 'alternatives'>[]
): string {
  const sorted = [...live].sort((a, b) => (a.entryId < b.entryId ? -1 : 1))
  const versions = sorted.flatMap((entry) =>
    Array.from({ length: Math.max(entry.alternatives.length, 1) }, (_, index) => [
      fromHex(entry.entryId),
      Uint8Array.of(index)
    ]).flat()
  )
  return toBase32(labelledHash('cis/conflict/1', path, ...versions)).slice(0, ID_CHARACTERS)
}
