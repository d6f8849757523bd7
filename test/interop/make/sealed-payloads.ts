import { seal } from '@cis-memory/store'
import { fromHex, toHex } from '../../../packages/core/src/entry/bytes.ts'
import { payloadContext } from '../../../packages/core/src/entry/header.ts'
import { encodePayload, sealPayload } from '../../../packages/core/src/entry/payload.ts'
import { type Case, MALFORMED, run } from './case.ts'
import { contentKey, keys, RANDOM } from './cast.ts'
import { unsealed } from './headers.ts'
import { payloadOf, value } from './payloads.ts'

export function sealedCases(): Case[] {
  const associatedData = payloadContext(unsealed(1))
  const base = { key: toHex(contentKey), associatedData: toHex(associatedData) }
  const short = encodePayload(payloadOf(value(30)))
  const long = encodePayload(payloadOf(value('again '.repeat(50))))
  return [
    {
      name: 'as it is',
      ...base,
      payload: toHex(short),
      random: toHex(RANDOM),
      sealed: toHex(sealPayload(keys.contentKey, short, associatedData, RANDOM))
    },
    {
      // How a compressor gets there is its own business: this one is to be opened only.
      name: 'compressed',
      ...base,
      payload: toHex(long),
      random: null,
      sealed: toHex(seal(keys.contentKey, framedDeflate(), associatedData, RANDOM))
    }
  ]
}

/** The frame of the long payload above, with its compressed part written down. */
function framedDeflate(): Uint8Array {
  const body = fromHex(COMPRESSED)
  const framed = new Uint8Array(Math.ceil((5 + body.length) / 32) * 32)
  framed[0] = 1
  new DataView(framed.buffer).setUint32(1, body.length)
  framed.set(body, 5)
  return framed
}

const COMPRESSED = '5bc450a89f989c9baa5f9e9aa45f92999b9a5f5ac2d8d8c6f0ad925127313d31334f61942486fcd6f00d00'

export function invalidSealedCases(): Case[] {
  const associatedData = payloadContext(unsealed(1))
  const frame = (name: string, form: number, length: number, total: number, fill: number): Case => {
    const framed = new Uint8Array(total).fill(fill)
    framed[0] = form
    new DataView(framed.buffer).setUint32(1, length)
    return {
      name,
      key: toHex(contentKey),
      associatedData: toHex(associatedData),
      sealed: toHex(seal(keys.contentKey, framed, associatedData, RANDOM)),
      code: MALFORMED
    }
  }
  const honest = frame('another header', 0, 3, 32, 0)
  return [
    { ...honest, associatedData: toHex(payloadContext(unsealed(2))) },
    { ...honest, name: 'another key', key: toHex(run(0, 32)) },
    { ...honest, name: 'a tag that is cut', sealed: (honest.sealed as string).slice(0, -2) },
    frame('no padding', 0, 3, 8, 0),
    frame('a block of padding too many', 0, 3, 64, 0),
    frame('padding that is not zero', 0, 3, 32, 7),
    frame('a length beyond its end', 0, 0xffffffff, 32, 0),
    frame('an unknown form', 2, 3, 32, 0),
    frame('deflate that is none', 1, 27, 32, 0xff)
  ]
}
