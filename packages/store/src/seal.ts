/*
 * Authenticated encryption of one message under a key that seals many.
 *
 *   sealed = nonce (24 bytes) ‖ ciphertext ‖ tag (16 bytes)
 *
 * XChaCha20-Poly1305, draft-irtf-cfrg-xchacha-03 section 2: HChaCha20 turns the key and the first 16 bytes of the
 * nonce into a subkey; ChaCha20-Poly1305 (RFC 8439 section 2.8) runs under it with the nonce 0^4 ‖ the other 8
 * bytes. The subkey comes from @noble/ciphers, the bulk from OpenSSL: the bytes of noble's `xchacha20poly1305` at
 * twice its speed.
 *
 * Nonces are hedged:
 *
 *   nonce = HMAC-SHA256(nonceKey, SHA-256(associated data) ‖ SHA-256(plaintext) ‖ random24)[0..24)
 *
 * A cloned machine that repeats its random bytes then repeats a nonce only for the very same message, which
 * reveals no more than that it is the same. With 192 bits, 2^80 messages under one key keep the chance of any
 * repetition below 2^-32; one message is at most 2^32 - 1 blocks of 64 bytes (RFC 8439 section 2.8).
 *
 * The associated data is authenticated and not stored: whoever opens must know it.
 */
import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync } from 'node:crypto'
import { hchacha } from '@noble/ciphers/chacha.js'

export const SEAL_KEY_BYTES = 32
/** Random bytes that each call of {@link seal} takes. */
export const SEAL_RANDOM_BYTES = 24
export const SEAL_NONCE_BYTES = 24
export const SEAL_TAG_BYTES = 16
/** How much longer a sealed message is than its plaintext. */
export const SEAL_OVERHEAD_BYTES: number = SEAL_NONCE_BYTES + SEAL_TAG_BYTES

const NONCE_KEY_LABEL = 'cis/seal/nonce-key/1'
const CIPHER = 'chacha20-poly1305'
const HCHACHA_NONCE_BYTES = 16
const SIGMA = words(new TextEncoder().encode('expand 32-byte k'))

/** A key made ready for many messages. Make it once and keep it: deriving its nonce key costs an HKDF. */
export class SealingKey {
  readonly #key: Uint8Array
  readonly #nonceKey: Uint8Array

  /**
   * Copies `bytes`; wiping them afterwards is the caller's business.
   *
   * @throws {RangeError} unless there are 32 bytes.
   */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== SEAL_KEY_BYTES) {
      throw new RangeError(`expected a key of ${SEAL_KEY_BYTES} bytes, got ${bytes.length}`)
    }
    this.#key = Uint8Array.from(bytes)
    this.#nonceKey = new Uint8Array(hkdfSync('sha256', bytes, '', NONCE_KEY_LABEL, SEAL_KEY_BYTES))
  }

  /** The nonce that {@link seal} gives a message. */
  nonceFor(plaintext: Uint8Array, associatedData: Uint8Array, random: Uint8Array): Uint8Array {
    return createHmac('sha256', this.#nonceKey)
      .update(hash('sha256', associatedData, 'buffer'))
      .update(hash('sha256', plaintext, 'buffer'))
      .update(random)
      .digest()
      .subarray(0, SEAL_NONCE_BYTES)
  }

  /** The key and the 12-byte nonce for ChaCha20-Poly1305 that stand for this key and a 24-byte nonce. */
  subkeyFor(nonce: Uint8Array): { readonly subkey: Uint8Array; readonly nonce: Uint8Array } {
    const subkey = new Uint32Array(SEAL_KEY_BYTES / 4)
    hchacha(SIGMA, words(this.#key), words(nonce.subarray(0, HCHACHA_NONCE_BYTES)), subkey)
    const innerNonce = new Uint8Array(12)
    innerNonce.set(nonce.subarray(HCHACHA_NONCE_BYTES), 4)
    return { subkey: new Uint8Array(subkey.buffer), nonce: innerNonce }
  }

  /** Overwrites the key. Sealing and opening with it afterwards gives nonsense. */
  wipe(): void {
    this.#key.fill(0)
    this.#nonceKey.fill(0)
  }
}

/**
 * Encrypts and authenticates a message. A pure function: the same arguments give the same bytes, so `random` has
 * to be fresh for every call.
 *
 * @param random 24 bytes nobody else has used.
 * @throws {RangeError} unless `random` is 24 bytes.
 */
export function seal(
  key: SealingKey,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
  random: Uint8Array
): Uint8Array {
  if (random.length !== SEAL_RANDOM_BYTES) {
    throw new RangeError(`expected ${SEAL_RANDOM_BYTES} random bytes, got ${random.length}`)
  }
  return sealWithNonce(key, plaintext, associatedData, key.nonceFor(plaintext, associatedData, random))
}

/** {@link seal} with the nonce given. For published vectors only: a nonce used twice gives the messages away. */
export function sealWithNonce(
  key: SealingKey,
  plaintext: Uint8Array,
  associatedData: Uint8Array,
  nonce: Uint8Array
): Uint8Array {
  const inner = key.subkeyFor(nonce)
  const cipher = createCipheriv(CIPHER, inner.subkey, inner.nonce, { authTagLength: SEAL_TAG_BYTES })
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length })
  const sealed = new Uint8Array(plaintext.length + SEAL_OVERHEAD_BYTES)
  sealed.set(nonce)
  sealed.set(cipher.update(plaintext), SEAL_NONCE_BYTES)
  cipher.final()
  sealed.set(cipher.getAuthTag(), SEAL_NONCE_BYTES + plaintext.length)
  inner.subkey.fill(0)
  return sealed
}

/**
 * Opens what {@link seal} made: the plaintext, or `undefined` when the key or the associated data is another one
 * or a byte was changed.
 */
export function open(
  key: SealingKey,
  sealed: Uint8Array,
  associatedData: Uint8Array
): Uint8Array | undefined {
  if (sealed.length < SEAL_OVERHEAD_BYTES) return undefined
  const tagAt = sealed.length - SEAL_TAG_BYTES
  const inner = key.subkeyFor(sealed.subarray(0, SEAL_NONCE_BYTES))
  const decipher = createDecipheriv(CIPHER, inner.subkey, inner.nonce, { authTagLength: SEAL_TAG_BYTES })
  decipher.setAAD(associatedData, { plaintextLength: tagAt - SEAL_NONCE_BYTES })
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(SEAL_NONCE_BYTES, tagAt))
  inner.subkey.fill(0)
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return new Uint8Array(plaintext.buffer, plaintext.byteOffset, plaintext.length)
}

/** The bytes as the host's 32-bit words, copied when they are not aligned. */
function words(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}
