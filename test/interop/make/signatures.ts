import { concat, toHex } from '../../../packages/core/src/entry/bytes.ts'
import {
  encodePoint,
  IDENTITY,
  L,
  littleEndian,
  P,
  signStrangely,
  smallOrderPoints
} from '../../../packages/core/test/entry/edwards.ts'
import { type Case, utf8 } from './case.ts'
import { laptop } from './cast.ts'

export function signatureCases(): Case[] {
  const message = utf8('message')
  return [
    {
      name: 'an honest one',
      publicKey: laptop.id,
      message: toHex(message),
      signature: toHex(laptop.sign(message))
    },
    {
      name: 'of nothing',
      publicKey: laptop.id,
      message: '',
      signature: toHex(laptop.sign(new Uint8Array(0)))
    }
  ]
}

export function invalidSignatureCases(): Case[] {
  const message = utf8('message')
  const honest = laptop.sign(message)
  const s = honest.subarray(32).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)
  const torsion = smallOrderPoints()
  const strange = (name: string, key: number, r: number): Case => {
    const made = signStrangely(8n * 0x1234567890abcdefn, 0xfedcba0987654321n, message, {
      key: torsion[key] ?? IDENTITY,
      r: torsion[r] ?? IDENTITY
    })
    return {
      name,
      publicKey: toHex(made.publicKey),
      message: toHex(message),
      signature: toHex(made.signature)
    }
  }
  const base = { publicKey: laptop.id as string, message: toHex(message) }
  return [
    { name: 'of another message', ...base, message: toHex(utf8('massage')), signature: toHex(honest) },
    {
      name: 'S beyond the group order',
      ...base,
      signature: toHex(concat(honest.subarray(0, 32), littleEndian(s + L)))
    },
    strange('a point of order 8 in R: valid with the cofactor, not without', 0, 1),
    strange('a point of order 4 in R', 0, 2),
    strange('a point of order 2 in R', 0, 4),
    strange('a key with a point of order 8, whose challenge is no multiple of 8', 1, 0)
  ]
}

export function invalidKeyCases(): Case[] {
  const code = 'CORE_BAD_KEY'
  return [
    ...smallOrderPoints().map((point, i) => ({
      name: `of small order, ${i}`,
      hex: toHex(encodePoint(point)),
      code
    })),
    { name: 'y is the prime', hex: toHex(littleEndian(P)), code },
    { name: 'y is beyond the prime', hex: toHex(littleEndian(P + 3n)), code },
    { name: 'x is 0 with its sign set', hex: toHex(littleEndian(1n | (1n << 255n))), code },
    { name: '31 bytes', hex: laptop.id.slice(2), code },
    { name: '33 bytes', hex: `${laptop.id}00`, code }
  ]
}
