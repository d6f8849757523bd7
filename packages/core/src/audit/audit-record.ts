/*
 * What one record of the audit log says, and how records are chained.
 *
 * A body is a CBOR array of 9, and never holds a value or a name below its scope:
 *
 *   0 at        milliseconds since 1970, by the clock of this device
 *   1 kind      0 check · 1 delivery · 2 refusal · 3 write · 4 written
 *   2 agent     text or null
 *   3 scope     text, absolute
 *   4 count     conflicts that were found
 *   5 conflicts their ids, the first 64
 *   6 places    array of [domain, κ, entry ids joined]; domain is 0 public · 1 private
 *   7 code      text or null: why it was refused
 *   8 of        number of the record it belongs to, or null
 *
 * digest = SHA-256("cis/audit/1" ‖ 0 ‖ seq8 ‖ previous digest ‖ body). A row is [previous digest, digest, body]: with
 * both digests in it, a row that was altered is told from one whose neighbour was.
 */
import { concat, equalBytes, fromHex, toHex, uint64Bytes } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from '../entry/cbor.ts'
import { ID_BYTES, labelledHash } from '../entry/hash.ts'
import { TOKEN_BYTES } from '../entry/path.ts'
import { MAX_AUDIT_CONFLICTS, MAX_LABEL_BYTES, MAX_PATH_BYTES, MAX_PATH_SEGMENTS } from '../limits.ts'
import type { Domain, EntryId } from '../versions.ts'

const LABEL = 'cis/audit/1'
export const DIGEST_BYTES = 32
/** What the first record of a log follows on. */
export const NO_DIGEST: Uint8Array = new Uint8Array(DIGEST_BYTES)

const KINDS = ['check', 'delivery', 'refusal', 'write', 'written'] as const
const DOMAINS: readonly Domain[] = ['public', 'private']

/**
 * - `check`: a scope was looked at for conflicts, and what was found.
 * - `delivery`: an agent was handed a context, with these versions in it.
 * - `refusal`: nothing was delivered or written, and why. With `of` it takes that delivery or write back, and says of
 *   what.
 * - `write`: an agent is about to write on these versions. What came of it follows with `of`: `written`, a `refusal`,
 *   or nothing when the device stopped in between.
 * - `written`: it is on disk, as this version; without one there was nothing to delete.
 */
export type AuditKind = (typeof KINDS)[number]

/** Versions of one memory, by κ. */
export interface AuditPlace {
  readonly domain: Domain
  readonly token: Uint8Array
  readonly entryIds: readonly EntryId[]
}

/** What a record says beside its number and its time. */
export interface AuditBody {
  readonly kind: AuditKind
  readonly agent: string | undefined
  /** Absolute. */
  readonly scope: string
  readonly conflictCount: number
  /** Ids of the conflicts that were found, the first 64 of them. */
  readonly conflicts: readonly string[]
  readonly places: readonly AuditPlace[]
  readonly code: string | undefined
  readonly of: number | undefined
}

/** A body with its time. */
export interface TimedBody extends AuditBody {
  readonly at: number
}

/** A record's place in the chain. */
export interface ChainLink {
  readonly seq: number
  readonly digest: Uint8Array
}

/** A record as its row holds it. */
export interface AuditRow extends ChainLink {
  readonly previous: Uint8Array
  readonly body: Uint8Array
}

export function encodeBody(body: TimedBody): Uint8Array {
  return encodeCbor([
    body.at,
    KINDS.indexOf(body.kind),
    body.agent ?? null,
    body.scope,
    body.conflictCount,
    body.conflicts,
    body.places.map(({ domain, token, entryIds }) => [
      DOMAINS.indexOf(domain),
      token,
      concat(...entryIds.map(fromHex))
    ]),
    body.code ?? null,
    body.of ?? null
  ])
}

/** @throws {CoreError} `CORE_MALFORMED` */
export function decodeBody(bytes: Uint8Array): TimedBody {
  const fields = Fields.ofArray(decodeCbor(bytes), WHAT, 9)
  return {
    at: fields.integer(0, 0),
    kind: KINDS[fields.integer(1, 0, KINDS.length - 1)] as AuditKind,
    agent: fields.value(2) === null ? undefined : fields.text(2, MAX_LABEL_BYTES),
    scope: fields.text(3, MAX_PATH_BYTES),
    conflictCount: fields.integer(4, 0),
    conflicts: fields.array(5, MAX_AUDIT_CONFLICTS).map((id) => {
      if (typeof id !== 'string') throw malformed(WHAT, 'has a conflict id that is none')
      return id
    }),
    places: fields.array(6, Number.MAX_SAFE_INTEGER).map(decodePlace),
    code: fields.value(7) === null ? undefined : fields.text(7, MAX_LABEL_BYTES),
    of: fields.value(8) === null ? undefined : fields.integer(8, 1)
  }
}

const WHAT = 'an audit record'

function decodePlace(value: unknown): AuditPlace {
  const fields = Fields.ofArray(value, WHAT, 3)
  const joined = fields.bytes(2, 0, Number.MAX_SAFE_INTEGER)
  if (joined.length % ID_BYTES !== 0) throw malformed(WHAT, 'has an entry id that is none')
  const entryIds: EntryId[] = []
  for (let at = 0; at < joined.length; at += ID_BYTES) {
    entryIds.push(toHex(joined.subarray(at, at + ID_BYTES)) as EntryId)
  }
  return {
    domain: DOMAINS[fields.integer(0, 0, DOMAINS.length - 1)] as Domain,
    token: fields.bytes(1, TOKEN_BYTES, TOKEN_BYTES * MAX_PATH_SEGMENTS),
    entryIds
  }
}

/** The record that follows on a link. */
export function nextRow({ seq, digest: previous }: ChainLink, body: Uint8Array): AuditRow {
  const next = seq + 1
  return { seq: next, previous, digest: digestOf(next, previous, body), body }
}

/** Whether a row is what was written on a link. */
export function follows(row: AuditRow, link: ChainLink): boolean {
  return row.seq === link.seq + 1 && equalBytes(row.previous, link.digest) && isUnaltered(row)
}

/** Whether a row is as it was written: altering any part of it shows. */
export function isUnaltered({ seq, previous, digest, body }: AuditRow): boolean {
  return equalBytes(digest, digestOf(seq, previous, body))
}

function digestOf(seq: number, previous: Uint8Array, body: Uint8Array): Uint8Array {
  return labelledHash(LABEL, uint64Bytes(seq), previous, body)
}

export function encodeAuditRow({ previous, digest, body }: AuditRow): Uint8Array {
  return encodeCbor([previous, digest, body])
}

/** @throws {CoreError} `CORE_MALFORMED` */
export function decodeAuditRow(seq: number, row: Uint8Array): AuditRow {
  const fields = Fields.ofArray(decodeCbor(row), 'a row of the audit log', 3)
  return {
    seq,
    previous: fields.bytes(0, DIGEST_BYTES),
    digest: fields.bytes(1, DIGEST_BYTES),
    body: fields.bytes(2, 1, Number.MAX_SAFE_INTEGER)
  }
}
