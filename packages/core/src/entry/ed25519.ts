/*
 * Ed25519 with one rule for every engine: the cofactorless equation of OpenSSL and WebCrypto (RFC 8032 §5.1.7
 * without the factor 8). A verifier that multiplies by the cofactor accepts signatures that this one refuses,
 * which would let one member show different histories to different engines.
 */
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { CoreError } from '../errors.ts'

/** A device's public key as 64 lower-case hex digits. */
export type DeviceId = string & { readonly __deviceId: unique symbol }

export const PUBLIC_KEY_BYTES = 32
export const SIGNATURE_BYTES = 64

/** RFC 8410: the fixed DER bytes before a raw private key and a raw public key. */
const PRIVATE_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex')

/** p = 2^255 - 19, little end first with the sign bit cleared: encodings at or above it are not canonical. */
const FIELD_PRIME = (1n << 255n) - 19n

/**
 * The y coordinates of the eight points of small order. Such a key has signatures that hold for any message. The
 * tests recompute the list from the curve equation.
 */
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  FIELD_PRIME - 1n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n
])

/** Key objects kept ready: importing a raw key costs as much as checking with it. */
const MAX_CACHED_KEYS = 1024
const publicKeys = new Map<DeviceId, KeyObject>()

/** The secret half of a device's identity. Holds the seed in memory; never print or serialise it. */
export class DeviceKey {
  readonly id: DeviceId
  readonly publicKey: Uint8Array
  readonly #seed: Uint8Array
  readonly #key: KeyObject

  constructor(seed: Uint8Array) {
    if (seed.length !== 32) throw new TypeError('an Ed25519 seed is 32 bytes')
    // Not `slice`: that of a Buffer shares its bytes.
    this.#seed = new Uint8Array(seed)
    this.#key = createPrivateKey({ key: Buffer.concat([PRIVATE_DER, seed]), format: 'der', type: 'pkcs8' })
    const der = createPublicKey(this.#key).export({ format: 'der', type: 'spki' })
    this.publicKey = new Uint8Array(der.subarray(PUBLIC_DER.length))
    this.id = deviceId(this.publicKey)
  }

  sign(message: Uint8Array): Uint8Array {
    return new Uint8Array(sign(null, message, this.#key))
  }

  /** A copy of the 32-byte seed, for the store that keeps it and the layer that derives the network identity from it. */
  exportSeed(): Uint8Array {
    return new Uint8Array(this.#seed)
  }
}

/**
 * The id of a public key, after the one check it ever gets: canonical encoding and not of small order. Whether
 * it is on the curve shows at the first signature, which no other point can pass.
 *
 * @throws {CoreError} `CORE_BAD_KEY`
 */
export function deviceId(publicKey: Uint8Array): DeviceId {
  if (publicKey.length !== PUBLIC_KEY_BYTES || !isAcceptableKey(publicKey)) {
    throw new CoreError('CORE_BAD_KEY', 'a device key is not an acceptable Ed25519 public key')
  }
  return Buffer.from(publicKey).toString('hex') as DeviceId
}

/** The raw public key of a device. */
export function devicePublicKey(id: DeviceId): Uint8Array {
  return new Uint8Array(Buffer.from(id, 'hex'))
}

/** Whether a device signed a message. Never throws: whatever is malformed is not a signature. */
export function verifySignature(device: DeviceId, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  try {
    return verify(null, message, publicKeyObject(device), signature)
  } catch {
    return false
  }
}

function publicKeyObject(device: DeviceId): KeyObject {
  const known = publicKeys.get(device)
  if (known !== undefined) return known
  const key = createPublicKey({
    key: Buffer.concat([PUBLIC_DER, devicePublicKey(device)]),
    format: 'der',
    type: 'spki'
  })
  if (publicKeys.size >= MAX_CACHED_KEYS) {
    const oldest = publicKeys.keys().next().value
    if (oldest !== undefined) publicKeys.delete(oldest)
  }
  publicKeys.set(device, key)
  return key
}

function isAcceptableKey(publicKey: Uint8Array): boolean {
  let y = 0n
  for (let i = PUBLIC_KEY_BYTES - 1; i >= 0; i--) y = (y << 8n) | BigInt(publicKey[i] as number)
  y &= (1n << 255n) - 1n
  return y < FIELD_PRIME && !SMALL_ORDER_Y.has(y)
}
