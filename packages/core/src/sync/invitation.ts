/*
 * The code that one person gives another. Text: `cis1`, then base32 of
 *
 *   CBOR {0: version 1, 1: space(16), 2: inviter's device(32), 3: secret(32), 4: expires, 5: addresses} ‖ checksum(4)
 *
 * expires: milliseconds since 1970. checksum: the start of SHA-256("cis/code/1" ‖ 0 ‖ CBOR); it notices typos, not
 * malice. Upper case, spaces and line breaks do not matter.
 */

import { fromBase32, toBase32 } from '../entry/base32.ts'
import { concat, equalBytes, fromHex, toHex } from '../entry/bytes.ts'
import { decodeCbor, encodeCbor, Fields, malformed } from '../entry/cbor.ts'
import { type DeviceId, deviceId, devicePublicKey, PUBLIC_KEY_BYTES } from '../entry/ed25519.ts'
import { ID_BYTES, labelledHash, labelledId } from '../entry/hash.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import { CoreError } from '../errors.ts'
import { MAX_ADDRESS_BYTES, MAX_INVITATION_ADDRESSES, MAX_INVITATION_CHARACTERS } from './limits.ts'

const PREFIX = 'cis1'
const VERSION = 1
const CHECKSUM_BYTES = 4
export const INVITATION_SECRET_BYTES = 32

/** What an invitation code says. Whoever has it can join until it is used or expires. */
export interface Invitation {
  readonly space: SpaceId
  /** The device that made it, and the only one that honours it. */
  readonly inviter: DeviceId
  readonly secret: Uint8Array
  /** Milliseconds since 1970, by the inviter's clock. */
  readonly expiresAt: number
  /** Where the inviter was when it made the code. */
  readonly addresses: readonly string[]
}

/** Names an invitation without giving it away. */
export function invitationId(secret: Uint8Array): Uint8Array {
  return labelledId('cis/invitation/1', secret)
}

/** The code of an invitation. */
export function encodeInvitation(invitation: Invitation): string {
  const body = encodeCbor(
    new Map<number, unknown>([
      [0, VERSION],
      [1, fromHex(invitation.space)],
      [2, devicePublicKey(invitation.inviter)],
      [3, invitation.secret],
      [4, invitation.expiresAt],
      [5, invitation.addresses]
    ])
  )
  return PREFIX + toBase32(concat(body, checksumOf(body)))
}

/**
 * Reads a code.
 *
 * @throws {CoreError} `CORE_INVITATION_INVALID` for anything but a whole and unchanged code
 */
export function decodeInvitation(code: string): Invitation {
  const text = code.length > 2 * MAX_INVITATION_CHARACTERS ? '' : code.replace(/\s/gu, '').toLowerCase()
  const bytes = text.startsWith(PREFIX) ? fromBase32(text.slice(PREFIX.length)) : undefined
  if (bytes === undefined || bytes.length < CHECKSUM_BYTES) throw invalid()
  const body = bytes.subarray(0, -CHECKSUM_BYTES)
  if (!equalBytes(bytes.subarray(-CHECKSUM_BYTES), checksumOf(body))) throw invalid()
  try {
    const fields = Fields.ofMap(decodeCbor(body), 'an invitation')
    fields.integer(0, VERSION, VERSION)
    return {
      space: toHex(fields.bytes(1, ID_BYTES)) as SpaceId,
      inviter: deviceId(fields.bytes(2, PUBLIC_KEY_BYTES)),
      secret: fields.bytes(3, INVITATION_SECRET_BYTES),
      expiresAt: fields.integer(4, 0),
      addresses: readAddresses(fields, 5)
    }
  } catch (cause) {
    throw invalid(cause)
  }
}

/** A list of addresses in a message or a code. */
export function readAddresses(fields: Fields, key: number): readonly string[] {
  const addresses = fields.array(key, MAX_INVITATION_ADDRESSES)
  const isAddress = (each: unknown): each is string =>
    typeof each === 'string' && Buffer.byteLength(each) <= MAX_ADDRESS_BYTES
  if (!addresses.every(isAddress)) throw malformed('a list of addresses', 'has something else in it')
  return addresses
}

function checksumOf(body: Uint8Array): Uint8Array {
  return labelledHash('cis/code/1', body).subarray(0, CHECKSUM_BYTES)
}

function invalid(cause?: unknown): CoreError {
  return new CoreError(
    'CORE_INVITATION_INVALID',
    'this is not an invitation, or not a whole one; nothing was changed. Copy it again from end to end',
    { cause }
  )
}
