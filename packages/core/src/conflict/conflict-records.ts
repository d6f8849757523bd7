import { timestampMs } from '@cis-memory/clock'
import type { RowChange, RowReader } from '@cis-memory/store'
import { MAX_PRUNED_RECORDS, MAX_RECORDED_VERSIONS } from '../limits.ts'
import {
  encodeEndedConflict,
  type RecordedAuthor,
  type RecordedVersion
} from '../replica/ended-conflict-row.ts'
import { type OpenedEntry, pathName } from '../replica/open-entry.ts'
import { endedConflictKey, endedConflictRange, proposalKey } from '../replica/rows.ts'
import type { ConflictChange } from '../replica/transaction.ts'
import { unreadablePath } from '../replica/view.ts'
import { conflictKind } from './detect.ts'

/**
 * What a store keeps of conflicts besides their versions: a record of each that has ended, for as long as the owner
 * wants, and what was proposed for those that have not. Both change in the batch that changes the conflict, so that
 * neither ever tells of something that did not happen.
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
    let ended = 0
    for (const conflict of conflicts) {
      if (conflict.before === undefined) continue
      changes.push({ type: 'delete', key: proposalKey(conflict.token) })
      if (conflict.id !== undefined) continue
      changes.push(recordOf(conflict, conflict.before, now))
      ended++
    }
    if (ended > 0) changes.push(...(await this.#tooOld(now, ended + MAX_PRUNED_RECORDS)))
    return changes
  }

  async #tooOld(now: number, limit: number): Promise<RowChange[]> {
    const changes: RowChange[] = []
    const range = { ...endedConflictRange(0, now - this.#retentionMs), limit }
    for await (const key of this.#rows.keys(range)) changes.push({ type: 'delete', key })
    return changes
  }
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
