import { type ActorId, actorFromBytes, actorToBytes } from '@cis-memory/clock'
import { fromHex, toHex } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields } from '../entry/cbor.ts'
import { ID_BYTES } from '../entry/hash.ts'
import { MAX_LABEL_BYTES, MAX_PATH_BYTES, MAX_RECORDED_VERSIONS, MAX_TOKEN_BYTES } from '../limits.ts'
import type { ConflictKind, EntryId, VersionSummary } from '../versions.ts'

/*
 * The record of a conflict that has ended:
 *
 *   [conflict id, κ, path, kind, detected at, settled at, author, versions]
 *
 * author: [entry id, actor, agent] of what ended it; versions: the same with [.., written at, kind, index].
 * What is not there is null. Values and labels are in the history, not here.
 */

/** A number for every kind there is: the compiler misses one that is left out. */
const KIND_CODES: { readonly [K in ConflictKind]: number } = {
  edit: 0,
  delete: 1,
  document: 2,
  fork: 3,
  unreadable: 4,
  reopened: 5,
  incomplete: 6
}
const CONFLICT_KINDS = Object.keys(KIND_CODES) as ConflictKind[]
const VERSION_KINDS: readonly VersionSummary['kind'][] = ['value', 'deleted', 'document', 'unreadable']
const ROW_FIELDS = 8
const AUTHOR_FIELDS = 3
const VERSION_FIELDS = 6

/** Who wrote something, as far as rows know it. */
export interface RecordedAuthor {
  readonly entryId: EntryId
  readonly actor: ActorId
  readonly agent: string | undefined
}

export interface RecordedVersion extends RecordedAuthor {
  readonly writtenAt: number
  readonly kind: VersionSummary['kind']
  readonly index: number
}

export interface EndedConflict {
  readonly id: string
  readonly token: Uint8Array
  readonly path: string
  readonly kind: ConflictKind
  readonly detectedAt: number
  readonly settledAt: number
  readonly endedBy: RecordedAuthor
  readonly versions: readonly RecordedVersion[]
}

export function encodeEndedConflict(ended: EndedConflict): Uint8Array {
  return encodeCbor([
    ended.id,
    ended.token,
    ended.path,
    KIND_CODES[ended.kind],
    ended.detectedAt,
    ended.settledAt,
    authorFields(ended.endedBy),
    ended.versions
      .slice(0, MAX_RECORDED_VERSIONS)
      .map((version) => [
        ...authorFields(version),
        version.writtenAt,
        VERSION_KINDS.indexOf(version.kind),
        version.index
      ])
  ])
}

export function decodeEndedConflict(bytes: Uint8Array): EndedConflict {
  const what = 'the record of an ended conflict'
  const fields = Fields.ofArray(decodeCbor(bytes), what, ROW_FIELDS)
  return {
    id: fields.text(0, MAX_LABEL_BYTES),
    token: fields.bytes(1, 0, MAX_TOKEN_BYTES),
    path: fields.text(2, MAX_PATH_BYTES),
    kind: CONFLICT_KINDS[fields.integer(3, 0, CONFLICT_KINDS.length - 1)] as ConflictKind,
    detectedAt: fields.integer(4, 0),
    settledAt: fields.integer(5, 0),
    endedBy: decodeAuthor(Fields.ofArray(fields.value(6), what, AUTHOR_FIELDS)),
    versions: fields.array(7, MAX_RECORDED_VERSIONS).map((raw) => {
      const version = Fields.ofArray(raw, what, VERSION_FIELDS)
      return {
        ...decodeAuthor(version),
        writtenAt: version.integer(3, 0),
        kind: VERSION_KINDS[version.integer(4, 0, VERSION_KINDS.length - 1)] as VersionSummary['kind'],
        index: version.integer(5, 0)
      }
    })
  }
}

function authorFields({ entryId, actor, agent }: RecordedAuthor): unknown[] {
  return [fromHex(entryId), actorToBytes(actor), agent ?? null]
}

function decodeAuthor(fields: Fields): RecordedAuthor {
  return {
    entryId: toHex(fields.bytes(0, ID_BYTES)) as EntryId,
    actor: actorFromBytes(fields.bytes(1, ID_BYTES)),
    agent: fields.value(2) === null ? undefined : fields.text(2, MAX_LABEL_BYTES)
  }
}
