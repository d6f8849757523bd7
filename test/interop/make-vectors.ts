/*
 * Makes the vectors from fixed seeds. `vectors.test.ts` compares them with the files and writes only files that are
 * missing, when told to; see README.md.
 */
import { type ActorId, encodeContext, timestamp } from '@cis-memory/clock'
import { seal } from '@cis-memory/store'
import { conflictId } from '../../packages/core/src/conflict/detect.ts'
import { concat, fromHex, toHex } from '../../packages/core/src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../packages/core/src/entry/cbor.ts'
import { type Commit, type CommitFields, signCommit } from '../../packages/core/src/entry/commit.ts'
import { DeviceKey } from '../../packages/core/src/entry/ed25519.ts'
import { deriveKey, sha256 } from '../../packages/core/src/entry/hash.ts'
import {
  type Header,
  payloadContext,
  sealHeader,
  type UnsealedHeader
} from '../../packages/core/src/entry/header.ts'
import { merkleLeaf, merklePath, merkleRoot } from '../../packages/core/src/entry/merkle.ts'
import { PathTokens, parsePath } from '../../packages/core/src/entry/path.ts'
import {
  type Alternative,
  DELETED,
  encodeAlternative,
  encodePayload,
  type Payload,
  sealPayload
} from '../../packages/core/src/entry/payload.ts'
import {
  createEpoch,
  createFork,
  createGenesis,
  createMember,
  type SystemRecord
} from '../../packages/core/src/entry/records.ts'
import { deriveSpaceKeys } from '../../packages/core/src/entry/space-keys.ts'
import type { JsonValue } from '../../packages/core/src/entry/value.ts'
import type { EntryId } from '../../packages/core/src/versions.ts'
import {
  encodePoint,
  IDENTITY,
  L,
  littleEndian,
  P,
  signStrangely,
  smallOrderPoints
} from '../../packages/core/test/entry/edwards.ts'
import { auditRecordCases, auditSealCases } from './audit-vectors.ts'

/** One case of a file. Its `name` says what it shows. */
export type Case = { readonly name: string; readonly [field: string]: JsonValue }

/** `count` bytes that are easy to recognise: from, from + 1, … */
function run(from: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => (from + i) & 255)
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)
const SEED = run(0x00, 32)
const OTHER_SEED = run(0x20, 32)
const SECRET = run(0x40, 32)
const RANDOM = run(0xc0, 24)
const NONCE = run(0xa0, 16)
const laptop = new DeviceKey(SEED)
const phone = new DeviceKey(OTHER_SEED)
const HLC = timestamp((1_700_000_000_000n << 16n) | 7n)

const genesis = createGenesis(laptop, 'acme', NONCE, HLC)
const SPACE = genesis.space
const member = createMember(laptop, SPACE, { device: phone.id, role: 'member', name: 'phone' }, HLC)
const admin = createMember(laptop, SPACE, { device: laptop.id, role: 'admin', name: 'Läptop' }, HLC)
const epoch = createEpoch(laptop, SPACE, 1, NONCE, undefined)
const nextEpoch = createEpoch(laptop, SPACE, 2, run(0xb0, 16), epoch.actor)
const phoneEpoch = createEpoch(phone, SPACE, 1, NONCE, undefined)
const keys = deriveSpaceKeys(SECRET, fromHex(SPACE))
const contentKey = deriveKey(SECRET, fromHex(SPACE), 'cis/content/1')

// Values, alternatives, payloads

const VALUES: readonly [name: string, value: JsonValue][] = [
  ['null', null],
  ['false', false],
  ['0', 0],
  ['23', 23],
  ['24', 24],
  ['-1', -1],
  ['2^53 - 1', 2 ** 53 - 1],
  ['-(2^53 - 1)', -(2 ** 53 - 1)],
  ['2^53, the first whole number that is a float', 2 ** 53],
  ['1.5', 1.5],
  ['0.1', 0.1],
  ['3 * 2^-24, a half float below the normal ones', 3 * 2 ** -24],
  ['2^-25, too small for a half float', 2 ** -25],
  ['65504.5', 65504.5],
  ['1e300', 1e300],
  ['the smallest number', 5e-324],
  ['empty text', ''],
  ['text with a byte order mark', '\ufeffhello'],
  ['text beyond the basic plane', '\u{1d11e}'],
  ['an empty array', []],
  ['an empty object', {}],
  ['keys sorted by their encoding', { b: 1, aa: 2, '': 3, a: 4 }],
  ['keys that are no names', { constructor: 1, toString: 2 }],
  ['nested', { list: [1, [2, { deep: [null, true] }]] }]
]

function valueCases(): Case[] {
  return VALUES.map(([name, value]) => ({ name, value, hex: toHex(encodeCbor(value)) }))
}

const value = (of: Alternative['value'], more: Partial<Alternative> = {}): Alternative => ({
  ...DELETED,
  kind: 'value',
  value: of,
  ...more
})

const ALTERNATIVES: readonly [name: string, alternative: Alternative][] = [
  ['a value alone', value({ timeout: 30 })],
  [
    'a value with all labels',
    value('text', {
      contentType: 'text/plain',
      category: 'config',
      tags: ['a', 'b'],
      expiresAt: 1_800_000_000_000
    })
  ],
  ['null, which is no deletion', value(null)],
  ['bytes', value(run(0, 5))],
  ['a deletion', DELETED],
  ['a document', { ...value(run(0, 5)), kind: 'document' }]
]

function said(alternative: Alternative): { readonly [field: string]: JsonValue } {
  const { kind, contentType, category, tags, expiresAt } = alternative
  const of = alternative.value
  const what = of instanceof Uint8Array ? { bytes: toHex(of) } : { value: of ?? null }
  return {
    kind,
    contentType: contentType ?? null,
    ...what,
    category: category ?? null,
    tags,
    expiresAt: expiresAt ?? null
  }
}

const payloadOf = (...alternatives: Alternative[]): Payload => ({
  path: parsePath('/acme/web/timeout'),
  alternatives,
  agent: undefined,
  sources: [],
  isOverwrite: false,
  dropped: new Map()
})

const PAYLOADS: readonly [name: string, payload: Payload][] = [
  ...ALTERNATIVES.map(([name, alternative]): [string, Payload] => [name, payloadOf(alternative)]),
  [
    'several values, brought back by an undo',
    { ...payloadOf(value(1), DELETED, value(2)), path: parsePath('/a'), agent: 'planner' }
  ],
  [
    'made from other memory',
    {
      ...payloadOf(value('adapted')),
      path: parsePath('/notes/caf\u00e9'),
      agent: 'planner',
      sources: [{ path: parsePath('/acme/web/timeout'), entryId: toHex(run(0x10, 16)) as EntryId }]
    }
  ],
  ['written over a value unseen', { ...payloadOf(value('mine')), isOverwrite: true }],
  [
    'a save of a document that was started anew',
    {
      ...payloadOf({ ...value(run(0, 5)), kind: 'document' }),
      dropped: new Map([
        [epoch.actor, 7],
        [phoneEpoch.actor, 300]
      ])
    }
  ]
]

function payloadCases(): Case[] {
  return PAYLOADS.map(([name, payload]) => ({
    name,
    path: payload.path,
    alternatives: payload.alternatives.map(said),
    agent: payload.agent ?? null,
    sources: payload.sources.map(({ path, entryId }) => ({ path, entryId })),
    isOverwrite: payload.isOverwrite,
    dropped: [...payload.dropped].sort().map(([who, n]) => [who, n]),
    hex: toHex(encodePayload(payload))
  }))
}

// Names

function pathCases(): Case[] {
  const pathKey = run(0x60, 32)
  const tokens = new PathTokens(pathKey)
  return [
    ['one segment', '/a'],
    ['a scope', '/acme/web'],
    ['below the scope', '/acme/web/config'],
    ['beside the scope', '/acme/website'],
    ['the same name elsewhere', '/web'],
    ['typed in another normal form', '/cafe\u0301'],
    ['sixteen segments', '/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16']
  ].map(([name, typed]) => {
    const path = parsePath(typed as string)
    return {
      name: name as string,
      pathKey: toHex(pathKey),
      typed: typed as string,
      path,
      token: toHex(tokens.of(path))
    }
  })
}

function spaceKeyCases(): Case[] {
  const salt = fromHex(SPACE)
  return [
    {
      name: 'the keys of a space',
      secret: toHex(SECRET),
      space: SPACE,
      pathKey: toHex(deriveKey(SECRET, salt, 'cis/path/1')),
      contentKey: toHex(contentKey),
      contentKeyId: keys.contentKeyId,
      handshakeKey: toHex(keys.handshakeKey),
      topic: keys.topic
    }
  ]
}

// Headers

const unsealed = (n: number, changes: Partial<UnsealedHeader> = {}): UnsealedHeader => ({
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
function sealed(fields: UnsealedHeader, payload: Payload): { header: Header; cipher: Uint8Array } {
  const cipher = sealPayload(keys.contentKey, encodePayload(payload), payloadContext(fields), RANDOM)
  return { header: sealHeader(fields, sha256(cipher), cipher.length), cipher }
}

const first = sealed(unsealed(1), payloadOf(value(30)))
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

function headerCases(): Case[] {
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

function sealedCases(): Case[] {
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

// Commits

const headers = [1, 2, 3, 4, 5].map((n) => sealed(unsealed(n), payloadOf(value(n))).header)
const leavesOf = (all: readonly Header[]): Uint8Array[] => all.map((each) => merkleLeaf(each.digest))

function commitOver(all: readonly Header[], changes: Partial<CommitFields> = {}): Commit {
  return signCommit(laptop, {
    space: SPACE,
    actor: epoch.actor,
    first: all[0]!.dot.n,
    size: all.length,
    root: merkleRoot(leavesOf(all)),
    previous: undefined,
    hlc: all.at(-1)!.hlc,
    ...changes
  })
}

const single = commitOver(headers.slice(0, 1))
const COMMITS: readonly [name: string, commit: Commit][] = [
  ['the first, of one entry', single],
  ['the next, of four', commitOver(headers.slice(1), { previous: single.id })]
]

function commitCases(): Case[] {
  return COMMITS.map(([name, commit]) => ({
    name,
    seed: toHex(SEED),
    device: laptop.id,
    space: commit.space,
    actor: commit.actor,
    first: commit.first,
    size: commit.size,
    root: toHex(commit.root),
    previous: commit.previous ?? null,
    hlc: String(commit.hlc),
    hex: toHex(commit.bytes),
    signature: toHex(commit.signature),
    id: commit.id
  }))
}

function treeCases(): Case[] {
  return [1, 2, 3, 4, 5, 6, 7, 8, 9, 33, 63, 64].map((size) => {
    const digests = Array.from({ length: size }, (_, i) => sha256(Uint8Array.of(i)))
    const leaves = digests.map(merkleLeaf)
    return {
      name: `${size} entries whose digests are SHA-256 of their index as one byte`,
      size,
      leaves: leaves.map(toHex),
      root: toHex(merkleRoot(leaves)),
      paths: leaves.map((_, index) => toHex(merklePath(leaves, index)))
    }
  })
}

function proof(name: string, commit: Commit, header: Header, path: Uint8Array): Case {
  return {
    name,
    commit: toHex(commit.bytes),
    signature: toHex(commit.signature),
    device: laptop.id,
    header: toHex(header.bytes),
    path: toHex(path)
  }
}

const four = headers.slice(1)
const fourCommit = COMMITS[1]![1]

function proofCases(): Case[] {
  return [
    proof('an entry alone in its commit', single, headers[0]!, new Uint8Array(0)),
    ...four.map((header, i) =>
      proof(`entry ${i + 1} of four`, fourCommit, header, merklePath(leavesOf(four), i))
    )
  ]
}

function invalidProofCases(): Case[] {
  const path = (i: number): Uint8Array => merklePath(leavesOf(four), i)
  return [
    proof('the path of another entry', fourCommit, four[0]!, path(1)),
    proof('an entry of another commit', fourCommit, headers[0]!, path(0)),
    proof('a path with a node too many', fourCommit, four[0]!, concat(path(0), run(0, 16))),
    proof('a path with a node too few', fourCommit, four[0]!, path(0).subarray(16)),
    proof(
      'a header with another time',
      fourCommit,
      sealHeader(unsealed(2, { hlc: HLC }), run(0, 32), 72),
      path(0)
    ),
    proof(
      'a commit older than its entry',
      commitOver(four, { previous: single.id, hlc: HLC }),
      four[0]!,
      path(0)
    ),
    {
      ...proof('a signature by another device', fourCommit, four[0]!, path(0)),
      signature: toHex(phone.sign(concat(utf8('cis/commit/1\0'), fourCommit.bytes)))
    },
    {
      ...proof('a signature without the label', fourCommit, four[0]!, path(0)),
      signature: toHex(laptop.sign(fourCommit.bytes))
    }
  ]
}

// Records

const forked = createFork(single, commitOver(headers.slice(0, 1), { root: run(0, 16) }))
const RECORDS: readonly [name: string, record: SystemRecord][] = [
  ['genesis', genesis],
  ['a member', member],
  ['an admin', admin],
  ['a first epoch', epoch],
  ['the next epoch', nextEpoch],
  ['a fork', forked]
]

function recordCases(): Case[] {
  return RECORDS.map(([name, record]) => ({
    name,
    kind: record.kind,
    space: record.space,
    device: record.kind === 'fork' ? null : record.device,
    actor: record.kind === 'epoch' || record.kind === 'fork' ? record.actor : null,
    author: record.kind === 'fork' ? null : record.kind === 'member' ? record.issuer : record.device,
    hex: toHex(record.bytes),
    signature: toHex(record.signature),
    id: record.id
  }))
}

// Keys and signatures

function signatureCases(): Case[] {
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

function invalidSignatureCases(): Case[] {
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

function invalidKeyCases(): Case[] {
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

// What is refused

/** Cases that replace fields of an array: an index as key, or `cut` for one field less. */
function variants(
  bytes: Uint8Array,
  code: string,
  changes: readonly (readonly [name: string, at: number, value: unknown, code?: string])[]
): Case[] {
  return changes.map(([name, at, replacement, other]) => {
    const fields = decodeCbor(bytes) as unknown[]
    fields[at] = replacement
    return { name, hex: toHex(encodeCbor(fields)), code: other ?? code }
  })
}

const MALFORMED = 'CORE_MALFORMED'

function invalidCborCases(): Case[] {
  const cases: readonly [name: string, hex: string][] = [
    ['nothing', ''],
    ['two items', '0000'],
    ['a number longer than it needs to be', '1817'],
    ['a length longer than it needs to be', '580161'],
    ['a negative number below -(2^53 - 1)', '3b001fffffffffffff'],
    ['an array without end', '9f00ff'],
    ['text without end', '7f6161ff'],
    ['a tag', 'c000'],
    ['a bignum', 'c24101'],
    ['undefined', 'f7'],
    ['a simple value', 'f820'],
    ['a whole number as a float', 'f93c00'],
    ['-0', 'f98000'],
    ['a float longer than it needs to be', 'fb3ff8000000000000'],
    ['infinity', 'f97c00'],
    ['not a number', 'f97e00'],
    ['keys out of order', 'a2616200616100'],
    ['a key twice', 'a2616100616100'],
    ['a key that is bytes', 'a1410000'],
    ['a key that is negative', 'a12000'],
    ['text that is not UTF-8', '61ff'],
    ['an overlong UTF-8 sequence', '62c080'],
    ['a surrogate in UTF-8', '63eda080'],
    ['bytes that are not there', '5bffffffffffffffff'],
    ['items that are not there', '9affffffff00'],
    ['arrays nested 200 deep', '81'.repeat(200)]
  ]
  return cases.map(([name, hex]) => ({ name, hex, code: MALFORMED }))
}

function invalidHeaderCases(): Case[] {
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

function invalidCommitCases(): Case[] {
  return variants(fourCommit.bytes, MALFORMED, [
    ['another version', 0, 2],
    ['the number zero', 3, 0],
    ['no entries', 4, 0],
    ['65 entries', 4, 65],
    ['a root of 32 bytes', 5, run(0, 32)],
    ['no commit before it', 6, run(0, 0)],
    ['half a commit before it', 6, run(0, 8)],
    ['the first, with one before it', 3, 1],
    ['numbers beyond 2^53', 3, 2 ** 53 - 1],
    ['a ninth field', 8, 0]
  ]).map((each) => ({ ...each, signature: toHex(fourCommit.signature) }))
}

function invalidRecordCases(): Case[] {
  const of = (record: SystemRecord, changes: Parameters<typeof variants>[2]): Case[] =>
    variants(record.bytes, MALFORMED, changes).map((each) => ({
      ...each,
      signature: toHex(record.signature)
    }))
  return [
    ...of(genesis, [
      ['a kind that does not exist', 1, 4],
      ['a kind as text', 1, '0'],
      ['a kind in an array', 1, [0]],
      ['a kind by a method name', 1, 'length'],
      ['another version', 0, 2],
      ['a genesis whose device is of small order', 2, littleEndian(1n), 'CORE_BAD_KEY'],
      ['a genesis with a nonce of 15 bytes', 3, run(0, 15)],
      ['a genesis with a name of 256 bytes', 4, 'a'.repeat(256)]
    ]),
    ...of(member, [
      ['a role that does not exist', 4, 2],
      ['a member whose issuer is no key', 6, littleEndian(P), 'CORE_BAD_KEY']
    ]),
    ...of(epoch, [
      ['epoch zero', 4, 0],
      ['the start of an actor before it', 6, run(0, 5), 'CLOCK_MALFORMED']
    ]),
    ...of(forked, [
      ['a fork of one commit twice', 3, (decodeCbor(forked.bytes) as unknown[])[5]],
      ['a fork of another space', 2, run(0, 16)]
    ]),
    { name: 'no signature', hex: toHex(genesis.bytes), signature: '', code: MALFORMED },
    {
      name: 'a signature on a fork',
      hex: toHex(forked.bytes),
      signature: toHex(genesis.signature),
      code: MALFORMED
    }
  ]
}

function invalidPayloadCases(): Case[] {
  const plain: unknown[] = [0, null, 1, null, [], null]
  const made = (name: string, changes: Readonly<Record<number, unknown>>, code: string = MALFORMED): Case => {
    const fields = new Map<number, unknown>([
      [0, '/a'],
      [1, [plain]]
    ])
    for (const [key, replacement] of Object.entries(changes)) fields.set(Number(key), replacement)
    return { name, hex: toHex(encodeCbor(fields)), code }
  }
  const alternative = (name: string, at: number, replacement: unknown, code?: string): Case =>
    made(name, { 1: [plain.map((field, i) => (i === at ? replacement : field))] }, code)
  return [
    made('the root as its path', { 0: '/' }),
    made('a path in another normal form', { 0: '/cafe\u0301' }),
    made('a path with ..', { 0: '/a/../b' }, 'CORE_BAD_PATH'),
    made('no alternatives', { 1: [] }),
    made('65 alternatives', { 1: Array.from({ length: 65 }, () => plain) }),
    made('an agent of 256 bytes', { 2: 'a'.repeat(256) }),
    made('an empty list of sources', { 3: [] }),
    made('an overwrite that is false', { 4: false }),
    made('a dropped context that is empty', { 5: new Uint8Array(0) }),
    made('a dropped context that ends early', { 5: run(0, 16) }),
    made('a source with a path in another normal form', { 3: [['/cafe\u0301', run(0, 16)]] }),
    alternative('a kind that does not exist', 0, 3),
    alternative('a kind as text', 0, 'value'),
    made('a deletion with a value', { 1: [[1, null, 1, null, [], null]] }),
    made('a document without bytes', { 1: [[2, null, 1, null, [], null]] }),
    alternative('bytes inside of a value', 2, [run(0, 1)], 'CORE_BAD_VALUE'),
    alternative('a whole number beyond 2^53', 2, 2n ** 53n, 'CORE_BAD_VALUE'),
    alternative('the key __proto__', 2, new Map([['__proto__', 1]]), 'CORE_BAD_VALUE'),
    alternative('a key that is a number', 2, new Map([[1, 1]]), 'CORE_BAD_VALUE'),
    alternative('a tag of 256 bytes', 4, ['a'.repeat(256)]),
    alternative('a negative expiry', 5, -1)
  ]
}

function invalidPathCases(): Case[] {
  const code = 'CORE_BAD_PATH'
  return [
    ['nothing', ''],
    ['relative', 'a'],
    ['an empty segment', '/a//b'],
    ['a slash at the end', '/a/'],
    ['a dot', '/./a'],
    ['two dots', '/a/..'],
    ['a space at the end', '/a '],
    ['a control character', '/a\u0007'],
    ['a line separator', '/a\u2028b'],
    ['a mark that turns text around', '/a\u202eb'],
    ['a soft hyphen', '/a\u00adb'],
    ['a zero-width space', '/a\u200bb'],
    ['a byte order mark', '/\ufeffa'],
    ['a blank letter', '/\u3164'],
    ['a tag', '/a\u{e0061}'],
    ['256 bytes in a segment', `/${'a'.repeat(256)}`],
    ['256 bytes in a segment once it is in NFC', `/${'\u{1d160}'.repeat(22)}`],
    ['17 segments', '/a'.repeat(17)]
  ].map(([name, text]) => ({ name: name as string, text: text as string, code }))
}

function invalidSealedCases(): Case[] {
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

function contextCases(): Case[] {
  const cases: readonly [name: string, rows: readonly (readonly [string, number])[]][] = [
    ['nothing seen', []],
    ['one actor', [['00112233445566778899aabbccddeeff', 1]]],
    [
      'two actors, in order',
      [
        ['00112233445566778899aabbccddeeff', 300],
        ['ffeeddccbbaa99887766554433221100', 2 ** 53 - 1]
      ]
    ]
  ]
  return cases.map(([name, rows]) => ({
    name,
    rows,
    hex: toHex(encodeContext(new Map(rows as [ActorId, number][])))
  }))
}

function conflictCases(): Case[] {
  const path = keys.tokens.of(parsePath('/acme/web/timeout'))
  const [a, b] = [toHex(run(0x01, 16)), toHex(run(0x80, 16))]
  const cases: readonly [name: string, versions: readonly { entryId: string; valueCount: number }[]][] = [
    [
      'two entries',
      [
        { entryId: a, valueCount: 1 },
        { entryId: b, valueCount: 1 }
      ]
    ],
    [
      'the same two, found in another order',
      [
        { entryId: b, valueCount: 1 },
        { entryId: a, valueCount: 1 }
      ]
    ],
    ['one entry of three values', [{ entryId: a, valueCount: 3 }]],
    [
      'two of three values and one',
      [
        { entryId: b, valueCount: 1 },
        { entryId: a, valueCount: 3 }
      ]
    ],
    ['an entry that cannot be opened counts as one value', [{ entryId: a, valueCount: 0 }]]
  ]
  return cases.map(([name, versions]) => {
    const live = versions.map(({ entryId, valueCount }) => ({
      entryId: entryId as EntryId,
      dot: entryId,
      alternatives: Array.from({ length: valueCount }, () => DELETED)
    }))
    return { name, path: toHex(path), versions, id: conflictId(path, live) }
  })
}

/** All vectors by the name of their file. */
export function makeVectors(): Record<string, readonly Case[]> {
  return {
    'valid/alternatives.json': ALTERNATIVES.map(([name, alternative]) => ({
      name,
      ...said(alternative),
      hex: toHex(encodeAlternative(alternative))
    })),
    'valid/audit-records.json': auditRecordCases(),
    'valid/audit-seals.json': auditSealCases(),
    'valid/commits.json': commitCases(),
    'valid/conflict-ids.json': conflictCases(),
    'valid/contexts.json': contextCases(),
    'valid/headers.json': headerCases(),
    'valid/paths.json': pathCases(),
    'valid/payloads.json': payloadCases(),
    'valid/proofs.json': proofCases(),
    'valid/records.json': recordCases(),
    'valid/sealed-payloads.json': sealedCases(),
    'valid/signatures.json': signatureCases(),
    'valid/space-keys.json': spaceKeyCases(),
    'valid/trees.json': treeCases(),
    'valid/values.json': valueCases(),
    'invalid/cbor.json': invalidCborCases(),
    'invalid/commits.json': invalidCommitCases(),
    'invalid/device-keys.json': invalidKeyCases(),
    'invalid/headers.json': invalidHeaderCases(),
    'invalid/paths.json': invalidPathCases(),
    'invalid/payloads.json': invalidPayloadCases(),
    'invalid/proofs.json': invalidProofCases(),
    'invalid/records.json': invalidRecordCases(),
    'invalid/sealed-payloads.json': invalidSealedCases(),
    'invalid/signatures.json': invalidSignatureCases()
  }
}
