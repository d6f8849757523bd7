/*
 * System records: who belongs to a space and which actors write for them. Signed, immutable, part of every scope,
 * and sent before entries. Each is a CBOR array that starts with `1, kind`:
 *
 *   genesis  [1, 0, device(32), nonce(16), name, hlc]                      signed by that device
 *   member   [1, 1, space(16), device(32), role, name, issuer(32), hlc]    signed by the issuer, an admin
 *   epoch    [1, 2, space(16), device(32), epoch, nonce(16), previous]     signed by that device
 *   fork     [1, 3, space(16), commit, signature, commit, signature]       unsigned: it proves itself
 *
 * role: 0 admin · 1 member. previous: the actor before (16 bytes) or empty.
 * id = SHA-256("cis/record/1" ‖ 0 ‖ record)[0..16). The space's id is that of its genesis record.
 * actor = SHA-256("cis/actor/1" ‖ 0 ‖ epoch record)[0..16)
 * signature = Ed25519("cis/record/1" ‖ 0 ‖ record)
 */
import {
  ACTOR_ID_BYTES,
  type ActorId,
  actorFromBytes,
  actorToBytes,
  type Timestamp,
  timestamp
} from '@cis-memory/clock'
import { MAX_LABEL_BYTES, MAX_RECORD_BYTES } from '../limits.ts'
import { concat, fromHex, NO_BYTES, toHex } from './bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from './cbor.ts'
import { type Commit, decodeCommit, disagree, MAX_COMMIT_BYTES } from './commit.ts'
import {
  type DeviceId,
  type DeviceKey,
  deviceId,
  devicePublicKey,
  PUBLIC_KEY_BYTES,
  SIGNATURE_BYTES,
  verifySignature
} from './ed25519.ts'
import { ID_BYTES, labelledId } from './hash.ts'
import type { SpaceId } from './space-keys.ts'

const VERSION = 1
const LABEL = 'cis/record/1'
const SIGNED_LABEL = Buffer.from(`${LABEL}\0`)
const KINDS = ['genesis', 'member', 'epoch', 'fork'] as const
const ROLES = ['admin', 'member'] as const
export const RECORD_NONCE_BYTES = 16

/** Names a system record: 32 hex digits. */
export type RecordId = string & { readonly __recordId: unique symbol }
export type Role = (typeof ROLES)[number]

interface RecordBase {
  readonly id: RecordId
  readonly bytes: Uint8Array
  readonly signature: Uint8Array
}

/** Names the first admin; its hash names the space. */
export interface GenesisRecord extends RecordBase {
  readonly kind: 'genesis'
  readonly space: SpaceId
  readonly device: DeviceId
  readonly name: string
  readonly hlc: Timestamp
}

/** An admin says that a device belongs to the space. */
export interface MemberRecord extends RecordBase {
  readonly kind: 'member'
  readonly space: SpaceId
  readonly device: DeviceId
  readonly role: Role
  /** What people call the device. */
  readonly name: string
  readonly issuer: DeviceId
  readonly hlc: Timestamp
}

/** A device starts an actor. */
export interface EpochRecord extends RecordBase {
  readonly kind: 'epoch'
  readonly space: SpaceId
  readonly device: DeviceId
  readonly epoch: number
  readonly actor: ActorId
  readonly previous: ActorId | undefined
}

/** Two commits of one actor that disagree about a number. */
export interface ForkRecord extends RecordBase {
  readonly kind: 'fork'
  readonly space: SpaceId
  readonly actor: ActorId
  readonly commits: readonly [Commit, Commit]
}

export type SystemRecord = GenesisRecord | MemberRecord | EpochRecord | ForkRecord

function sign(key: DeviceKey, fields: unknown[]): SystemRecord {
  const bytes = encodeCbor(fields)
  return decodeRecord(bytes, key.sign(concat(SIGNED_LABEL, bytes)))
}

export function createGenesis(
  key: DeviceKey,
  name: string,
  nonce: Uint8Array,
  hlc: Timestamp
): GenesisRecord {
  return sign(key, [VERSION, 0, key.publicKey, nonce, name, hlc]) as GenesisRecord
}

export function createMember(
  issuer: DeviceKey,
  space: SpaceId,
  member: { readonly device: DeviceId; readonly role: Role; readonly name: string },
  hlc: Timestamp
): MemberRecord {
  const role = ROLES.indexOf(member.role)
  const device = devicePublicKey(member.device)
  return sign(issuer, [
    VERSION,
    1,
    fromHex(space),
    device,
    role,
    member.name,
    issuer.publicKey,
    hlc
  ]) as MemberRecord
}

export function createEpoch(
  key: DeviceKey,
  space: SpaceId,
  epoch: number,
  nonce: Uint8Array,
  previous: ActorId | undefined
): EpochRecord {
  const before = previous === undefined ? NO_BYTES : actorToBytes(previous)
  return sign(key, [VERSION, 2, fromHex(space), key.publicKey, epoch, nonce, before]) as EpochRecord
}

/** Keeps two commits that disagree as evidence, in the one order that makes the record the same everywhere. */
export function createFork(a: Commit, b: Commit): ForkRecord {
  const [first, second] = a.id < b.id ? [a, b] : [b, a]
  const fields = [VERSION, 3, fromHex(a.space), first.bytes, first.signature, second.bytes, second.signature]
  return decodeRecord(encodeCbor(fields), NO_BYTES) as ForkRecord
}

/**
 * Reads a record, without checking its signature.
 *
 * @throws {CoreError} `CORE_MALFORMED`, `CORE_BAD_KEY`
 */
export function decodeRecord(bytes: Uint8Array, signature: Uint8Array): SystemRecord {
  if (bytes.length > MAX_RECORD_BYTES)
    throw malformed('a system record', `has more than ${MAX_RECORD_BYTES} bytes`)
  const raw = decodeCbor(bytes)
  // Not `KINDS[raw[1]]`: indexing turns text and arrays into names, of an element or of a method.
  const kind = Array.isArray(raw) ? KINDS.find((_, index) => index === raw[1]) : undefined
  if (kind === undefined) throw malformed('a system record', 'is of an unknown kind')
  if (signature.length !== (kind === 'fork' ? 0 : SIGNATURE_BYTES)) {
    throw malformed('a system record', 'has no signature of the right length')
  }
  const base = { id: toHex(labelledId(LABEL, bytes)) as RecordId, bytes, signature }
  switch (kind) {
    case 'genesis':
      return decodeGenesis(base, raw)
    case 'member':
      return decodeMember(base, raw)
    case 'epoch':
      return decodeEpoch(base, raw)
    case 'fork':
      return decodeFork(base, raw)
  }
}

function decodeGenesis(base: RecordBase, raw: unknown): GenesisRecord {
  const fields = Fields.ofArray(raw, 'a genesis record', 6)
  fields.integer(0, VERSION, VERSION)
  fields.bytes(3, RECORD_NONCE_BYTES)
  return {
    ...base,
    kind: 'genesis',
    space: base.id as string as SpaceId,
    device: deviceId(fields.bytes(2, PUBLIC_KEY_BYTES)),
    name: fields.text(4, MAX_LABEL_BYTES),
    hlc: timestamp(fields.uint64(5))
  }
}

function decodeMember(base: RecordBase, raw: unknown): MemberRecord {
  const fields = Fields.ofArray(raw, 'a member record', 8)
  fields.integer(0, VERSION, VERSION)
  return {
    ...base,
    kind: 'member',
    space: toHex(fields.bytes(2, ID_BYTES)) as SpaceId,
    device: deviceId(fields.bytes(3, PUBLIC_KEY_BYTES)),
    role: ROLES[fields.integer(4, 0, ROLES.length - 1)] as Role,
    name: fields.text(5, MAX_LABEL_BYTES),
    issuer: deviceId(fields.bytes(6, PUBLIC_KEY_BYTES)),
    hlc: timestamp(fields.uint64(7))
  }
}

function decodeEpoch(base: RecordBase, raw: unknown): EpochRecord {
  const fields = Fields.ofArray(raw, 'an epoch record', 7)
  fields.integer(0, VERSION, VERSION)
  fields.bytes(5, RECORD_NONCE_BYTES)
  const previous = fields.bytes(6, 0, ACTOR_ID_BYTES)
  return {
    ...base,
    kind: 'epoch',
    space: toHex(fields.bytes(2, ID_BYTES)) as SpaceId,
    device: deviceId(fields.bytes(3, PUBLIC_KEY_BYTES)),
    epoch: fields.integer(4, 1),
    actor: actorFromBytes(labelledId('cis/actor/1', base.bytes)),
    previous: previous.length === 0 ? undefined : actorFromBytes(previous)
  }
}

function decodeFork(base: RecordBase, raw: unknown): ForkRecord {
  const fields = Fields.ofArray(raw, 'a fork record', 7)
  fields.integer(0, VERSION, VERSION)
  const space = toHex(fields.bytes(2, ID_BYTES)) as SpaceId
  const first = decodeCommit(fields.bytes(3, 1, MAX_COMMIT_BYTES), fields.bytes(4, SIGNATURE_BYTES))
  const second = decodeCommit(fields.bytes(5, 1, MAX_COMMIT_BYTES), fields.bytes(6, SIGNATURE_BYTES))
  if (!disagree(first, second) || first.id > second.id || first.space !== space || second.space !== space) {
    throw malformed('a fork record', 'proves no fork')
  }
  return { ...base, kind: 'fork', space, actor: first.actor, commits: [first, second] }
}

/** Whether the device that a record names as its author signed it. Fork records carry their own evidence. */
export function hasValidSignature(record: GenesisRecord | MemberRecord | EpochRecord): boolean {
  const author = record.kind === 'member' ? record.issuer : record.device
  return verifySignature(author, concat(SIGNED_LABEL, record.bytes), record.signature)
}
