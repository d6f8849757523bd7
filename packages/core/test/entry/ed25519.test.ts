import { webcrypto } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { concat, toHex } from '../../src/entry/bytes.ts'
import { DeviceKey, deviceId, devicePublicKey, verifySignature } from '../../src/entry/ed25519.ts'
import { alice, bytesOf, filled, refusal } from './build.ts'
import {
  BASE,
  challenge,
  encodePoint,
  fromLittleEndian,
  IDENTITY,
  L,
  littleEndian,
  P,
  pointOf,
  signStrangely,
  smallOrderPoints,
  times,
  verify
} from './edwards.ts'

const badKey = refusal('CORE_BAD_KEY')
const TORSION = smallOrderPoints()
const SCALAR = 0x1234567890abcdefn * 8n
const NONCE = 0xfedcba0987654321n
const text = (message: string): Uint8Array => new TextEncoder().encode(message)

async function webVerify(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  try {
    const imported = await webcrypto.subtle.importKey('raw', key, { name: 'Ed25519' }, false, ['verify'])
    return await webcrypto.subtle.verify({ name: 'Ed25519' }, imported, signature, message)
  } catch {
    return false
  }
}

/** The verdict of node:crypto, which WebCrypto and the plain arithmetic have to share. */
async function verdict(key: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean> {
  const here = verifySignature(deviceId(key), message, signature)
  expect(await webVerify(key, message, signature), 'WebCrypto').toBe(here)
  expect(verify(key, message, signature, 'cofactorless'), 'plain arithmetic').toBe(here)
  return here
}

describe('signatures', () => {
  // RFC 8032 §7.1, tests 1 to 3.
  it.each([
    [
      '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      '',
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'
    ],
    [
      '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      '72',
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
    ],
    [
      'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      'af82',
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'
    ]
  ])('are those of RFC 8032 for the seed %s', async (seed, publicKey, message, signature) => {
    const key = new DeviceKey(bytesOf(seed))
    expect(key.id).toBe(publicKey)
    expect(toHex(key.sign(bytesOf(message)))).toBe(signature)
    expect(await verdict(key.publicKey, bytesOf(message), bytesOf(signature))).toBe(true)
  })

  it('do not hold for another message, another key or a changed byte', async () => {
    const signature = alice.sign(text('message'))
    expect(await verdict(alice.publicKey, text('messagf'), signature)).toBe(false)
    for (const at of [0, 31, 32, 63]) {
      const altered = signature.slice()
      altered[at] = (altered[at] as number) ^ 1
      expect(await verdict(alice.publicKey, text('message'), altered)).toBe(false)
    }
  })

  it('of another length are none, and nothing throws', () => {
    for (const length of [0, 1, 63, 65, 128]) {
      expect(verifySignature(alice.id, text('message'), new Uint8Array(length))).toBe(false)
    }
  })

  it('with S beyond the order of the group are refused: one signature has one form', async () => {
    const signature = alice.sign(text('message'))
    const s = fromLittleEndian(signature.subarray(32)) + L
    expect(
      await verdict(alice.publicKey, text('message'), concat(signature.subarray(0, 32), littleEndian(s)))
    ).toBe(false)
  })

  it('P25: with a point of small order in R are refused, though the rule with the cofactor takes them', async () => {
    for (const [index, r] of TORSION.entries()) {
      const message = text(`R${index}`)
      const { publicKey, signature } = signStrangely(SCALAR, NONCE, message, { key: IDENTITY, r })
      expect(verify(publicKey, message, signature, 'cofactored')).toBe(true)
      expect(await verdict(publicKey, message, signature)).toBe(index === 0)
    }
  })

  it('P25: under a key with a point of small order hold when the challenge takes it away, and only then', async () => {
    const verdicts = { held: 0, refused: 0 }
    for (const [index, key] of TORSION.entries()) {
      for (let i = 0; i < 8; i++) {
        const message = text(`A${index} ${i}`)
        const { publicKey, signature } = signStrangely(SCALAR, NONCE, message, { key, r: IDENTITY })
        expect(verify(publicKey, message, signature, 'cofactored')).toBe(true)
        const k = challenge(signature.subarray(0, 32), publicKey, message)
        const holds = await verdict(publicKey, message, signature)
        expect(holds).toBe((k * BigInt(index)) % 8n === 0n)
        verdicts[holds ? 'held' : 'refused']++
      }
    }
    expect(verdicts.held).toBeGreaterThan(8)
    expect(verdicts.refused).toBeGreaterThan(8)
  })

  it('P25: with an R of small order alone, or in another encoding, get one verdict', async () => {
    const publicKey = encodePoint(times(SCALAR, BASE))
    const encodings = [
      ...TORSION.map(encodePoint),
      littleEndian(P),
      littleEndian(P + 1n),
      littleEndian(1n | (1n << 255n))
    ]
    for (const r of encodings) {
      const message = text('small R')
      const s = (challenge(r, publicKey, message) * SCALAR) % L
      const isIdentity = toHex(r) === toHex(littleEndian(1n))
      expect(await verdict(publicKey, message, concat(r, littleEndian(s)))).toBe(isIdentity)
    }
  })
})

describe('device keys', () => {
  it('P25: are refused when of small order: such a key has signatures that hold for many messages', () => {
    expect(new Set(TORSION.map((point) => toHex(encodePoint(point)))).size).toBe(8)
    for (const point of TORSION) {
      expect(() => deviceId(encodePoint(point))).toThrow(badKey)
    }
    // The list in the code is of y coordinates; two points share one unless x is 0.
    expect(new Set(TORSION.map((point) => point.y)).size).toBe(5)
  })

  it('are refused in any encoding but the canonical one', () => {
    for (let y = 0n; y < 19n; y++) {
      expect(() => deviceId(littleEndian(P + y))).toThrow(badKey)
      expect(() => deviceId(littleEndian((P + y) | (1n << 255n)))).toThrow(badKey)
    }
    // x = 0 with its sign bit set: no point has it.
    expect(() => deviceId(littleEndian(1n | (1n << 255n)))).toThrow(badKey)
    expect(() => deviceId(littleEndian((P - 1n) | (1n << 255n)))).toThrow(badKey)
  })

  it('are refused in any other length', () => {
    for (const length of [0, 31, 33, 64]) expect(() => deviceId(filled(2, length))).toThrow(badKey)
  })

  it('off the curve verify nothing', async () => {
    let y = 2n
    while (pointOf(y, 0n) !== undefined) y++
    const key = littleEndian(y)
    expect(await verdict(key, text('message'), alice.sign(text('message')))).toBe(false)
    expect(await verdict(key, text('message'), new Uint8Array(64))).toBe(false)
  })

  it('give their id and take it back', () => {
    expect(deviceId(alice.publicKey)).toBe(alice.id)
    expect(devicePublicKey(alice.id)).toEqual(alice.publicKey)
    expect(deviceId(Buffer.from(alice.publicKey))).toBe(alice.id)
  })

  it('do not show their seed when printed', () => {
    const key = new DeviceKey(filled(0xab, 32))
    const shown = `${inspect(key, { depth: 9, showHidden: true })} ${JSON.stringify(key)} ${String(key)}`
    expect(shown).not.toMatch(/(ab){8}/)
    expect(shown).not.toMatch(/(171,\s*){8}/)
    expect(key.exportSeed()).toEqual(filled(0xab, 32))
    expect(() => new DeviceKey(new Uint8Array(31))).toThrow(TypeError)
  })

  it('stay right when more of them are in use than are kept ready', () => {
    const keys = Array.from(
      { length: 1100 },
      (_, i) => new DeviceKey(Uint8Array.from({ length: 32 }, () => i & 255).fill(i >> 8, 0, 1))
    )
    const signatures = keys.map((key) => key.sign(text('message')))
    for (const round of [0, 1]) {
      for (const [i, key] of keys.entries()) {
        if (i % 100 > 1) continue
        expect(verifySignature(key.id, text('message'), signatures[i]!), `${round}`).toBe(true)
      }
    }
  })
})
