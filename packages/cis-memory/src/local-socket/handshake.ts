/*
 * Two processes of one user prove to each other that they read the same key file, before anything else is said:
 *
 *   holder -> { v: 1, nonce: S }
 *   client -> { v: 1, nonce: C, scope, domain, proof: HMAC-SHA256(key, "cis/local/1/client" ‖ all) }
 *   holder -> { proof: HMAC-SHA256(key, "cis/local/1/holder" ‖ all) }, or `refused`
 *
 * `all` is the path of the socket, both nonces, the scope and the domain, each behind its length. Fresh nonces from
 * both sides make a recorded exchange worthless; the labels keep one side's proof from being the other's; the path
 * keeps a process that lures a client to a socket of its own from passing the exchange on to the true one.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Domain } from '@cis-memory/core'
import * as v from 'valibot'
import { CisError } from '../errors.ts'
import { wholeNumber } from '../validation.ts'

export const PROTOCOL_VERSION = 1
export const NONCE_BYTES = 32
export const SOCKET_KEY_BYTES = 32
const PROOF_BYTES = 32

/** What a connection may see; fixed once it is open. */
export interface ConnectionScope {
  readonly scope: string
  readonly domain: Domain | undefined
}

/** What both sides prove to have meant. */
export interface HandshakeFacts extends ConnectionScope {
  readonly socketPath: string
  readonly holderNonce: Uint8Array
  readonly clientNonce: Uint8Array
}

const nonce = v.pipe(v.instance(Uint8Array), v.length(NONCE_BYTES))
const proof = v.pipe(v.instance(Uint8Array), v.length(PROOF_BYTES))

export const holderHello: v.GenericSchema<{ v: number; nonce: Uint8Array }> = v.object({
  v: wholeNumber(0),
  nonce
})

export const clientHello: v.GenericSchema<{
  v: number
  nonce: Uint8Array
  scope: string
  domain?: Domain | undefined
  proof: Uint8Array
}> = v.object({
  v: wholeNumber(0),
  nonce,
  scope: v.string(),
  domain: v.optional(v.picklist(['public', 'private'])),
  proof
})

export const holderAnswer: v.GenericSchema<{ proof: Uint8Array }> = v.object({ proof })

/** The proof that one side knows the key and means these facts. */
export function proofOf(side: 'client' | 'holder', key: Uint8Array, facts: HandshakeFacts): Uint8Array {
  const mac = createHmac('sha256', key).update(`cis/local/1/${side}`)
  const { socketPath, holderNonce, clientNonce, scope, domain = '' } = facts
  for (const part of [
    Buffer.from(socketPath),
    holderNonce,
    clientNonce,
    Buffer.from(scope),
    Buffer.from(domain)
  ]) {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(part.length)
    mac.update(length).update(part)
  }
  return new Uint8Array(mac.digest())
}

/** @throws {CisError} `CIS_SOCKET_UNTRUSTED` unless the other side gave the proof that it had to */
export function requireProof(
  side: 'client' | 'holder',
  key: Uint8Array,
  facts: HandshakeFacts,
  proof: Uint8Array
): void {
  if (timingSafeEqual(proofOf(side, key, facts), proof)) return
  throw new CisError(
    'CIS_SOCKET_UNTRUSTED',
    `the other side of the local socket does not know its key, so nothing was ${side === 'client' ? 'answered' : 'sent'}; use the same home as the process that has the store open`
  )
}
