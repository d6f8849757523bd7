import { timestampMs } from '@cis-memory/clock'
import type { RowChange, RowReader } from '@cis-memory/store'
import { NO_BYTES } from '../entry/bytes.ts'
import { MAX_PRUNED_RECORDS, MAX_RECORDED_VERSIONS } from '../limits.ts'
import { decodeConflictIdRow, encodeConflictIdRow } from '../replica/conflict-id-row.ts'
import {
  encodeEndedConflict,
  type RecordedAuthor,
  type RecordedVersion
} from '../replica/ended-conflict-row.ts'
import { type OpenedEntry, pathName } from '../replica/open-entry.ts'
import {
  conflictIdKey,
  conflictOfTimedKey,
  endedConflictKey,
  endedConflictRange,
  proposalKey,
  renamedConflictKey,
  renamedConflictRange
} from '../replica/rows.ts'
import type { ConflictChange } from '../replica/transaction.ts'
import { unreadablePath } from '../replica/view.ts'
import { conflictKind } from './detect.ts'

/**
 * What a store keeps of conflicts besides their versions: a record of each that has ended and the ids that all have had,
 * for as long as the owner wants, and what was proposed for those that are open. All of it changes in the batch that
 * changes the conflict, so that none ever tells of something that did not happen.
 */
export class ConflictRecords {
  readonly #rows: RowReader
  readonly #retentionMs: number

  constructor(rows: RowReader, retentionMs: number) {
    this.#rows = rows
    this.#retentionMs = retentionMs
  }

  /** The rows that go with these changes. Each call that records something drops some of what is too old. */
  async changesFor(conflicts: readonly ConflictChange[], now: number): Promise<RowChange[]> {
    const changes: RowChange[] = []
    let recorded = 0
    for (const conflict of conflicts) {
      const { token, before } = conflict
      if (before === undefined) continue
      changes.push({ type: 'delete', key: proposalKey(token) })
      const value = encodeConflictIdRow({ token, retiredAt: now })
      changes.push({ type: 'put', key: conflictIdKey(before.id), value })
      changes.push(conflict.id === undefined ? recordOf(conflict, before, now) : renamed(before.id, now))
      recorded++
    }
    if (recorded === 0) return changes
    const isOpen = new Set(conflicts.map(({ id }) => id))
    return [...changes, ...(await this.#tooOld(now, recorded + MAX_PRUNED_RECORDS, isOpen))]
  }

  /** @param isOpen ids that conflicts have once these changes are made */
  async #tooOld(now: number, limit: number, isOpen: ReadonlySet<string | undefined>): Promise<RowChange[]> {
    const changes: RowChange[] = []
    const before = now - this.#retentionMs
    for (const range of [endedConflictRange(0, before), renamedConflictRange(before)]) {
      for await (const key of this.#rows.keys({ ...range, limit })) {
        changes.push({ type: 'delete', key })
        const id = conflictOfTimedKey(key)
        if (!isOpen.has(id) && (await this.#isForgotten(id, before))) {
          changes.push({ type: 'delete', key: conflictIdKey(id) })
        }
      }
    }
    return changes
  }

  /** Whether nobody needs to know any more what an id stood for. A conflict may get one again that it has had before. */
  async #isForgotten(id: string, before: number): Promise<boolean> {
    const row = await this.#rows.get(conflictIdKey(id))
    const retiredAt = row === undefined ? undefined : decodeConflictIdRow(row).retiredAt
    return retiredAt !== undefined && retiredAt < before
  }
}

function renamed(id: string, now: number): RowChange {
  return { type: 'put', key: renamedConflictKey(now, id), value: NO_BYTES }
}

function recordOf(
  { token, liveBefore, live }: ConflictChange,
  { id, detectedAt }: { readonly id: string; readonly detectedAt: number },
  now: number
): RowChange {
  const path = pathName(live) ?? pathName(liveBefore) ?? unreadablePath(token)
  const value = encodeEndedConflict({
    id,
    token,
    path,
    kind: conflictKind(liveBefore) ?? 'edit',
    detectedAt,
    settledAt: now,
    endedBy: authorOf(live.at(-1) as OpenedEntry),
    versions: liveBefore.flatMap(versionsOf).slice(0, MAX_RECORDED_VERSIONS)
  })
  return { type: 'put', key: endedConflictKey(now, id), value }
}

function authorOf({ entryId, stored, payload }: OpenedEntry): RecordedAuthor {
  return { entryId, actor: stored.dot.actor, agent: payload?.agent }
}

function versionsOf(entry: OpenedEntry): RecordedVersion[] {
  const recorded = { ...authorOf(entry), writtenAt: timestampMs(entry.stored.hlc) }
  if (entry.alternatives.length === 0) return [{ ...recorded, kind: 'unreadable', index: 0 }]
  return entry.alternatives.map(({ kind }, index) => ({ ...recorded, kind, index }))
}
