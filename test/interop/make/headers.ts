import { timestamp } from '@cis-memory/clock'
import { concat, fromHex, toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import { sha256 } from '../../../packages/core/src/entry/hash.ts'
import {
  type Header,
  payloadContext,
  sealHeader,
  type UnsealedHeader
} from '../../../packages/core/src/entry/header.ts'
import { parsePath } from '../../../packages/core/src/entry/path.ts'
import {
  DELETED,
  encodePayload,
  type Payload,
  sealPayload
} from '../../../packages/core/src/entry/payload.ts'
import type { EntryId } from '../../../packages/core/src/versions.ts'
import { type Case, MALFORMED, run, variants } from './case.ts'
import { epoch, HLC, keys, phoneEpoch, RANDOM, SPACE } from './cast.ts'
import { payloadOf, value } from './payloads.ts'

export const unsealed = (n: number, changes: Partial<UnsealedHeader> = {}): UnsealedHeader => ({
  space: SPACE,
  path: keys.tokens.of(parsePath('/acme/web/timeout')),
  dot: { actor: epoch.actor, n },
  hlc: timestamp(HLC + BigInt(n)),
  type: 'put',
  context: new Map(),
  parents: [],
  keyId: keys.contentKeyId,
  ...changes
})

/** A header over a payload that is really sealed. */
export function sealed(fields: UnsealedHeader, payload: Payload): { header: Header; cipher: Uint8Array } {
  const cipher = sealPayload(keys.contentKey, encodePayload(payload), payloadContext(fields), RANDOM)
  return { header: sealHeader(fields, sha256(cipher), cipher.length), cipher }
}

export const first = sealed(unsealed(1), payloadOf(value(30)))

const HEADERS: readonly [name: string, made: { header: Header; cipher: Uint8Array }][] = [
  ['a first write', first],
  [
    'a write that replaces two',
    sealed(
      unsealed(2, {
        context: new Map([[phoneEpoch.actor, 300]]),
        parents: [first.header.id, toHex(run(0xf0, 16)) as EntryId].sort()
      }),
      payloadOf(value(31))
    )
  ],
  ['a deletion', sealed(unsealed(3, { type: 'delete' }), payloadOf(DELETED))],
  ['a document', sealed(unsealed(4, { type: 'ydoc' }), payloadOf({ ...value(run(0, 5)), kind: 'document' }))],
  [
    'the last number and time there are',
    sealed(
      unsealed(1, { dot: { actor: epoch.actor, n: 2 ** 53 - 1 }, hlc: timestamp(2n ** 64n - 1n) }),
      payloadOf(value(30))
    )
  ]
]

export function headerCases(): Case[] {
  return HEADERS.map(([name, { header, cipher }]) => ({
    name,
    space: header.space,
    path: toHex(header.path),
    actor: header.dot.actor,
    n: header.dot.n,
    hlc: String(header.hlc),
    type: header.type,
    context: [...header.context].map(([who, n]) => [who, n]),
    parents: [...header.parents],
    keyId: header.keyId,
    cipherHash: toHex(header.cipherHash),
    cipherLength: header.cipherLength,
    associatedData: toHex(payloadContext(header)),
    cipher: toHex(cipher),
    hex: toHex(header.bytes),
    digest: toHex(header.digest),
    id: header.id
  }))
}

export function invalidHeaderCases(): Case[] {
  const { bytes } = first.header
  return [
    ...variants(bytes, MALFORMED, [
      ['another version', 0, 2],
      ['a space of 15 bytes', 1, run(0, 15)],
      ['no path', 2, run(0, 0)],
      ['half a path token', 2, run(0, 24)],
      ['17 segments', 2, run(0, 272)],
      ['the number zero', 4, 0],
      ['a number beyond 2^53', 4, 2n ** 53n],
      ['a negative time', 5, -1],
      ['a type that does not exist', 6, 3],
      ['its own actor in its context', 7, concat(fromHex(epoch.actor), Uint8Array.of(1))],
      ['half a row of context', 7, run(1, 8), 'CLOCK_MALFORMED'],
      [
        'a context out of order',
        7,
        concat(run(2, 16), Uint8Array.of(1), run(1, 16), Uint8Array.of(1)),
        'CLOCK_MALFORMED'
      ],
      ['a parent twice', 8, concat(run(1, 16), run(1, 16))],
      ['parents out of order', 8, concat(run(2, 16), run(1, 16))],
      ['65 parents', 8, concat(...Array.from({ length: 65 }, (_, i) => run(i, 16)))],
      ['a hash of 31 bytes', 10, run(0, 31)],
      ['a payload of no length', 11, 0],
      ['a thirteenth field', 12, 0]
    ]),
    {
      name: 'as a map',
      hex: toHex(encodeCbor(new Map((decodeCbor(bytes) as unknown[]).entries()))),
      code: MALFORMED
    },
    { name: 'the number in one byte more', hex: lengthened(bytes, 4), code: MALFORMED }
  ]
}

/** The same array, with the small number at an index written in one byte more. */
function lengthened(bytes: Uint8Array, at: number): string {
  const fields = decodeCbor(bytes) as unknown[]
  return fields.reduce<string>(
    (hex, field, i) => hex + (i === at ? '18' : '') + (i === at ? `0${field}` : toHex(encodeCbor(field))),
    toHex(Uint8Array.of(0x80 | fields.length))
  )
}
