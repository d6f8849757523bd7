import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { encodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import { parsePath } from '../../../packages/core/src/entry/path.ts'
import {
  type Alternative,
  DELETED,
  encodeAlternative,
  encodePayload,
  type Payload
} from '../../../packages/core/src/entry/payload.ts'
import type { JsonValue } from '../../../packages/core/src/entry/value.ts'
import type { EntryId } from '../../../packages/core/src/versions.ts'
import { type Case, MALFORMED, run } from './case.ts'
import { epoch, phoneEpoch } from './cast.ts'

export const value = (of: Alternative['value'], more: Partial<Alternative> = {}): Alternative => ({
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

export function alternativeCases(): Case[] {
  return ALTERNATIVES.map(([name, alternative]) => ({
    name,
    ...said(alternative),
    hex: toHex(encodeAlternative(alternative))
  }))
}

export const payloadOf = (...alternatives: Alternative[]): Payload => ({
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

export function payloadCases(): Case[] {
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

export function invalidPayloadCases(): Case[] {
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
