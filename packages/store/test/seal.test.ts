import assert from 'node:assert/strict'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import fc from 'fast-check'
import { describe, it } from 'vitest'
import { open, SEAL_NONCE_BYTES, SEAL_OVERHEAD_BYTES, SealingKey, seal } from '../src/index.ts'
import { sealWithNonce } from '../src/seal.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const message = fc.uint8Array({ maxLength: 300 })
const arguments_ = [bytes(32), message, message, bytes(24)] as const

describe('the published vectors of draft-irtf-cfrg-xchacha-03', () => {
  it('has the subkey of section 2.2.1', () => {
    const key = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f')
    const nonce = fromHex('000000090000004a0000000031415927')
    const { subkey } = new SealingKey(key).subkeyFor(Buffer.concat([nonce, new Uint8Array(8)]))
    assert.equal(toHex(subkey), '82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc')
  })

  it('has the ciphertext and tag of appendix A.3.1', () => {
    const key = fromHex('808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f')
    const nonce = fromHex('404142434445464748494a4b4c4d4e4f5051525354555657')
    const associatedData = fromHex('50515253c0c1c2c3c4c5c6c7')
    const plaintext = new TextEncoder().encode(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it."
    )
    const ciphertext =
      'bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb' +
      '731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452' +
      '2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9' +
      '21f9664c97637da9768812f615c68b13b52e'
    const tag = 'c0875924c1c7987947deafd8780acf49'
    const sealed = sealWithNonce(new SealingKey(key), plaintext, associatedData, nonce)
    assert.equal(toHex(sealed), toHex(nonce) + ciphertext + tag)
    assert.deepEqual(open(new SealingKey(key), sealed, associatedData), plaintext)
  })
})

describe('seal', () => {
  it("gives the bytes of noble's xchacha20poly1305", () => {
    fc.assert(
      fc.property(...arguments_, (key, plaintext, associatedData, random) => {
        const sealed = seal(new SealingKey(key), plaintext, associatedData, random)
        const nonce = sealed.subarray(0, SEAL_NONCE_BYTES)
        const noble = xchacha20poly1305(key, nonce, associatedData)
        assert.equal(toHex(sealed.subarray(SEAL_NONCE_BYTES)), toHex(noble.encrypt(plaintext)))
        assert.equal(sealed.length, plaintext.length + SEAL_OVERHEAD_BYTES)
      })
    )
  })

  it('takes views that are not aligned to words', () => {
    fc.assert(
      fc.property(...arguments_, fc.integer({ min: 1, max: 3 }), (key, plaintext, ad, random, shift) => {
        const shifted = (value: Uint8Array) => Buffer.concat([new Uint8Array(shift), value]).subarray(shift)
        const there = seal(new SealingKey(key), plaintext, ad, random)
        const here = seal(new SealingKey(shifted(key)), shifted(plaintext), shifted(ad), shifted(random))
        assert.equal(toHex(here), toHex(there))
        assert.equal(toHex(open(new SealingKey(key), shifted(there), shifted(ad))!), toHex(plaintext))
      })
    )
  })

  it('is a function of its arguments alone', () => {
    fc.assert(
      fc.property(...arguments_, (key, plaintext, associatedData, random) => {
        const sealingKey = new SealingKey(key)
        const once = seal(sealingKey, plaintext, associatedData, random)
        assert.equal(toHex(seal(sealingKey, plaintext, associatedData, random)), toHex(once))
      })
    )
  })

  it('takes another nonce for another message although the random bytes repeat', () => {
    const key = new SealingKey(new Uint8Array(32))
    const random = new Uint8Array(24)
    const nonceOf = (plaintext: string, associatedData: string) =>
      toHex(seal(key, Buffer.from(plaintext), Buffer.from(associatedData), random).subarray(0, 24))
    const nonces = [
      nonceOf('a', 'b'),
      nonceOf('a', 'c'),
      nonceOf('c', 'b'),
      nonceOf('', 'ab'),
      nonceOf('ab', '')
    ]
    assert.equal(new Set(nonces).size, nonces.length)
  })

  it('refuses random bytes and keys of another length', () => {
    const key = new SealingKey(new Uint8Array(32))
    assert.throws(() => seal(key, new Uint8Array(1), new Uint8Array(1), new Uint8Array(23)), RangeError)
    assert.throws(() => new SealingKey(new Uint8Array(31)), RangeError)
  })

  it('keeps its own copy of the key', () => {
    const bytesOfKey = new Uint8Array(32).fill(1)
    const key = new SealingKey(bytesOfKey)
    const sealed = seal(key, Uint8Array.of(1), Uint8Array.of(), new Uint8Array(24))
    bytesOfKey.fill(0)
    assert.deepEqual(open(key, sealed, Uint8Array.of()), Uint8Array.of(1))
  })
})

describe('open', () => {
  it('gives back what was sealed', () => {
    fc.assert(
      fc.property(...arguments_, (key, plaintext, associatedData, random) => {
        const sealed = seal(new SealingKey(key), plaintext, associatedData, random)
        assert.equal(toHex(open(new SealingKey(key), sealed, associatedData)!), toHex(plaintext))
      })
    )
  })

  it('notices any changed byte, in the message and in its associated data', () => {
    fc.assert(
      fc.property(
        ...arguments_,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (key, text, ad, random, at, mask) => {
          const sealingKey = new SealingKey(key)
          const sealed = seal(sealingKey, text, ad, random)
          const all = Buffer.concat([sealed, ad])
          all[at % all.length]! ^= mask
          assert.equal(
            open(sealingKey, all.subarray(0, sealed.length), all.subarray(sealed.length)),
            undefined
          )
        }
      )
    )
  })

  it('gives nothing for bytes cut short', () => {
    const key = new SealingKey(new Uint8Array(32))
    const sealed = seal(key, Uint8Array.of(1, 2, 3), Uint8Array.of(), new Uint8Array(24))
    for (let length = 0; length < sealed.length; length++) {
      assert.equal(open(key, sealed.subarray(0, length), Uint8Array.of()), undefined)
    }
  })

  it('gives nothing under another key, or after the key was wiped', () => {
    const key = new SealingKey(new Uint8Array(32).fill(1))
    const sealed = seal(key, Uint8Array.of(1), Uint8Array.of(), new Uint8Array(24))
    assert.equal(open(new SealingKey(new Uint8Array(32)), sealed, Uint8Array.of()), undefined)
    key.wipe()
    assert.equal(open(key, sealed, Uint8Array.of()), undefined)
  })
})

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, 'hex'))
}

function toHex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}
