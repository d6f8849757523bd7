/*
 * What both ends of a session prove before anything else: that they know the space's secret, by a keyed hash over
 * everything the two hellos said,
 *
 *   HMAC-SHA256(handshake key, "cis/sync/1" ‖ 0 ‖ CBOR [role, dialer, listener, hello of dialer, hello of listener])
 *
 * role: 0 dialer · 1 listener; dialer and listener: the devices the channel has proven; a hello: [versions,
 * capabilities, instance, nonce]. Nonces make it useless later, roles and devices make it useless elsewhere.
 */
import { timingSafeEqual } from 'node:crypto'
import type { ActorId } from '@cis-memory/clock'
import { encodeCbor } from '../entry/cbor.ts'
import { type DeviceId, devicePublicKey } from '../entry/ed25519.ts'
import { hmac } from '../entry/hash.ts'
import { hasValidSignature, type SystemRecord } from '../entry/records.ts'
import type { HelloMessage } from './messages.ts'

/** Who opened the line: the two ends prove different things. */
export type SessionRole = 'dialer' | 'listener'

/** What a hello says, without what makes it a message. */
export type Hello = Omit<HelloMessage, 'type'>

const LABEL = Buffer.from('cis/sync/1\0')
const ROLES: readonly SessionRole[] = ['dialer', 'listener']

/** Versions of the protocol spoken here. */
export const SYNC_VERSIONS: readonly number[] = [1]

/** The latest version both ends speak. */
export function commonVersion(theirs: readonly number[]): number | undefined {
  return SYNC_VERSIONS.findLast((version) => theirs.includes(version))
}

/** Both ends as one of them sees them. */
export interface Introduction {
  readonly device: DeviceId
  readonly hello: Hello
}

/** What the end with this role has to send to be believed. */
export function handshakeMac(
  key: Uint8Array,
  role: SessionRole,
  ends: { readonly dialer: Introduction; readonly listener: Introduction }
): Uint8Array {
  const { dialer, listener } = ends
  const transcript = encodeCbor([
    ROLES.indexOf(role),
    devicePublicKey(dialer.device),
    devicePublicKey(listener.device),
    helloFields(dialer.hello),
    helloFields(listener.hello)
  ])
  return hmac(key, LABEL, transcript)
}

function helloFields({ versions, capabilities, instance, nonce }: Hello): unknown[] {
  return [versions, capabilities, instance, nonce]
}

/** Compares in a time that does not depend on where two macs of one length differ. */
export function isSameMac(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** Whether records show that a device writes as an actor. */
export function provesActor(records: readonly SystemRecord[], device: DeviceId, actor: ActorId): boolean {
  return records.some(
    (record) =>
      record.kind === 'epoch' &&
      record.actor === actor &&
      record.device === device &&
      hasValidSignature(record)
  )
}
