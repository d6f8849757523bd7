import { deflateRawSync } from 'node:zlib'
import { encodeContext } from '@cis-memory/clock'
import { open, SealingKey, seal } from '@cis-memory/store'
import { Doc, encodeStateAsUpdate } from 'yjs'
import { holdsState, isDocumentState, mergeDocuments } from '../../../packages/core/src/documents/merge.ts'
import { NO_BYTES } from '../../../packages/core/src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import { parsePath } from '../../../packages/core/src/entry/path.ts'
import { encodePayload, openPayload } from '../../../packages/core/src/entry/payload.ts'
import { again } from '../../../packages/core/test/entry/again.ts'
import {
  anyCommit,
  anyHeader,
  anyJson,
  anyPath,
  anyPayload,
  anyRecord
} from '../../../packages/core/test/entry/arbitraries.ts'
import type { Decoder } from '../fuzz.ts'
import { CORE, NEVER, some, text } from './examples.ts'

const KEY = new SealingKey(new Uint8Array(32).fill(7))

function framed(kind: number, body: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil((5 + body.length) / 32) * 32)
  whole[0] = kind
  new DataView(whole.buffer).setUint32(1, body.length)
  whole.set(body, 5)
  return whole
}

/** What becomes a thousand times larger. */
function inflating(): Uint8Array[] {
  return [1_000, 1_000_000, 20_000_000].map((length) => framed(1, deflateRawSync(Buffer.alloc(length))))
}

/** 14 million parts of a document, in 41 bytes. */
const ANNOUNCES_TOO_MUCH = Buffer.from(
  '018f8a840701036c6c6f2801036d6170036b6579017502770568656c6c6f760101617d010107010002',
  'hex'
)

function documents(): Uint8Array[] {
  return ['', 'hello', 'x'.repeat(300)].map((word) => {
    const doc = new Doc()
    doc.clientID = 7
    doc.getText('text').insert(0, word)
    doc.getMap('map').set('key', [word, { a: 1 }])
    if (word !== '') doc.getText('text').delete(0, 2)
    return encodeStateAsUpdate(doc)
  })
}

export const entries: readonly Decoder[] = [
  {
    name: 'context',
    seeds: () => some(anyHeader).map(({ context }) => encodeContext(context)),
    decode: again.context,
    refuses: CORE
  },
  {
    name: 'cbor',
    seeds: () => some(anyJson).map(encodeCbor),
    decode: (input) => encodeCbor(decodeCbor(input)),
    refuses: CORE
  },
  {
    name: 'header',
    seeds: () => some(anyHeader).map(({ bytes }) => bytes),
    decode: again.header,
    refuses: CORE
  },
  {
    name: 'commit',
    seeds: () => some(anyCommit).map(({ bytes }) => bytes),
    decode: again.commit,
    refuses: CORE
  },
  {
    name: 'record',
    seeds: () => some(anyRecord).map(({ bytes }) => bytes),
    decode: again.record,
    refuses: CORE
  },
  { name: 'payload', seeds: () => some(anyPayload).map(encodePayload), decode: again.payload, refuses: CORE },
  {
    // What is inside a sealed payload, so that a change gets past the seal.
    name: 'sealed payload',
    seeds: () => [...some(anyPayload).map((each) => framed(0, encodePayload(each))), ...inflating()],
    decode: (input) => void openPayload(KEY, seal(KEY, input, NO_BYTES, new Uint8Array(24)), NO_BYTES),
    refuses: CORE
  },
  {
    name: 'seal',
    seeds: () => some(anyPayload).map((each) => seal(KEY, encodePayload(each), NO_BYTES, new Uint8Array(24))),
    decode: (input) => void open(KEY, input, NO_BYTES),
    refuses: NEVER
  },
  {
    name: 'path',
    seeds: () => some(anyPath).map((path) => Buffer.from(path)),
    decode: (input) => {
      const path = parsePath(text(input))
      if (parsePath(path) !== path) throw new Error('a path that was read reads otherwise')
    },
    refuses: CORE
  },
  {
    name: 'document',
    seeds: () => [...documents(), ANNOUNCES_TOO_MUCH],
    decode: async (input) => {
      if (!(await isDocumentState(input))) return
      const other = documents()[0] as Uint8Array
      holdsState(mergeDocuments([input, other]), other)
      holdsState(other, input)
    },
    refuses: NEVER
  }
]
