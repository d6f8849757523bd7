import { type ActorId, type Timestamp, timestamp } from '@cis-memory/clock'
import fc from 'fast-check'
import { toHex } from '../../src/entry/bytes.ts'
import { type Commit, type CommitId, signCommit } from '../../src/entry/commit.ts'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { type EntryType, type Header, sealHeader } from '../../src/entry/header.ts'
import { type Path, parsePath } from '../../src/entry/path.ts'
import type { Alternative, Payload } from '../../src/entry/payload.ts'
import {
  createEpoch,
  createFork,
  createGenesis,
  createMember,
  type SystemRecord
} from '../../src/entry/records.ts'
import type { KeyId, SpaceId } from '../../src/entry/space-keys.ts'
import type { JsonValue, MemoryValue } from '../../src/entry/value.ts'
import { MAX_CIPHER_BYTES } from '../../src/limits.ts'
import type { EntryId } from '../../src/versions.ts'

const fixedBytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const anyId = fixedBytes(16).map(toHex)

export const anyActor = anyId as fc.Arbitrary<ActorId>
export const anySpace = anyId as fc.Arbitrary<SpaceId>
export const anyTimestamp: fc.Arbitrary<Timestamp> = fc
  .oneof(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), fc.bigInt({ min: 0n, max: 300n }))
  .map(timestamp)
const anyCounter = fc.oneof(
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: 1, max: 300 })
)

/** Numbers of JSON, those at the edge of a form as likely as all others together. -0 is left out: it comes back as 0. */
export const anyNumber: fc.Arbitrary<number> = fc
  .oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.float({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -2048, max: 2048 }).map((steps) => steps * 2 ** -24),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(
      2 ** 53,
      2 ** 53 - 1,
      -(2 ** 53),
      2 ** 63,
      2 ** 64,
      1e300,
      5e-324,
      65504.5,
      0.1,
      1.5,
      1 / 3
    )
  )
  .map((number) => (number === 0 ? 0 : number))

/** Text of any well-formed Unicode, byte order marks and surrogate pairs included. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.constantFrom('', '\ufeff', '\ufeffkey', 'key', '\u0000', '😀'.repeat(9), 'constructor', 'a'.repeat(24))
)

export const anyJson: fc.Arbitrary<JsonValue> = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    anyNumber,
    anyText,
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      anyText.filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5, noNullPrototype: true }
    )
  )
})).value

export const anyMemoryValue: fc.Arbitrary<MemoryValue> = fc.oneof(
  { weight: 4, arbitrary: anyJson },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }) }
)

export const anySegment: fc.Arbitrary<string> = fc
  .oneof(
    fc.stringMatching(/^[a-z0-9._-]{1,12}$/),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  )
  .filter((segment) => isPath(`/${segment}`) && !segment.includes('/'))

export const anyPath: fc.Arbitrary<Path> = fc
  .array(anySegment, { minLength: 1, maxLength: 5 })
  .map((segments) => parsePath(`/${segments.join('/')}`))

function isPath(text: string): boolean {
  try {
    parsePath(text)
    return true
  } catch {
    return false
  }
}

const anyLabel = anyText.filter((text) => Buffer.byteLength(text) <= 255)
const orNone = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined })

export const anyAlternative: fc.Arbitrary<Alternative> = fc
  .record({
    kind: fc.constantFrom('value', 'deleted', 'document'),
    contentType: orNone(anyLabel),
    value: anyMemoryValue,
    category: orNone(anyLabel),
    tags: fc.array(anyLabel, { maxLength: 4 }),
    expiresAt: orNone(fc.nat({ max: Number.MAX_SAFE_INTEGER }))
  })
  .map((drawn): Alternative => {
    if (drawn.kind === 'deleted') return { ...drawn, value: undefined }
    return drawn.kind === 'document' ? { ...drawn, value: Uint8Array.of(1, 2, 3) } : drawn
  })

export const anyPayload: fc.Arbitrary<Payload> = fc.record({
  path: anyPath,
  alternatives: fc.array(anyAlternative, { minLength: 1, maxLength: 3 }),
  agent: orNone(anyLabel),
  sources: fc.array(fc.record({ path: anyPath, entryId: anyId as fc.Arbitrary<EntryId> }), { maxLength: 2 }),
  isOverwrite: fc.boolean(),
  dropped: fc.array(fc.tuple(anyActor, anyCounter), { maxLength: 3 }).map((rows) => new Map(rows))
})

export const anyHeader: fc.Arbitrary<Header> = fc
  .record({
    space: anySpace,
    path: fc.integer({ min: 1, max: 16 }).chain((depth) => fixedBytes(16 * depth)),
    dot: fc.record({ actor: anyActor, n: anyCounter }),
    hlc: anyTimestamp,
    type: fc.constantFrom<EntryType>('put', 'delete', 'ydoc'),
    context: fc.array(fc.tuple(anyActor, anyCounter), { maxLength: 4 }).map((rows) => new Map(rows)),
    parents: fc.uniqueArray(anyId as fc.Arbitrary<EntryId>, { maxLength: 4 }).map((ids) => ids.sort()),
    keyId: anyId as fc.Arbitrary<KeyId>,
    cipherHash: fixedBytes(32),
    cipherLength: fc.integer({ min: 1, max: MAX_CIPHER_BYTES })
  })
  .filter((drawn) => !drawn.context.has(drawn.dot.actor))
  .map(({ cipherHash, cipherLength, ...fields }) => sealHeader(fields, cipherHash, cipherLength))

const devices = [1, 2, 3].map((seed) => new DeviceKey(new Uint8Array(32).fill(seed)))
export const anyDevice: fc.Arbitrary<DeviceKey> = fc.constantFrom(...devices)

export const anyCommit: fc.Arbitrary<Commit> = fc
  .record({
    device: anyDevice,
    space: anySpace,
    actor: anyActor,
    first: anyCounter.filter((n) => n < Number.MAX_SAFE_INTEGER - 64),
    size: fc.integer({ min: 1, max: 64 }),
    root: fixedBytes(16),
    previous: anyId as fc.Arbitrary<CommitId>,
    hlc: anyTimestamp
  })
  .map(({ device, ...fields }) =>
    signCommit(device, { ...fields, previous: fields.first === 1 ? undefined : fields.previous })
  )

const anyFork: fc.Arbitrary<SystemRecord> = fc.tuple(anyCommit, fixedBytes(16)).map(([commit, root]) => {
  const other = signCommit(devices[0]!, { ...commit, root })
  return createFork(commit, other)
})

export const anyRecord: fc.Arbitrary<SystemRecord> = fc.oneof(
  fc.tuple(anyDevice, anyLabel, fixedBytes(16), anyTimestamp).map((given) => createGenesis(...given)),
  fc
    .tuple(
      anyDevice,
      anySpace,
      fc.record({
        device: anyDevice,
        role: fc.constantFrom('admin' as const, 'member' as const),
        name: anyLabel
      }),
      anyTimestamp
    )
    .map(([issuer, space, member, hlc]) =>
      createMember(issuer, space, { ...member, device: member.device.id }, hlc)
    ),
  fc
    .tuple(anyDevice, anySpace, anyCounter, fixedBytes(16), orNone(anyActor))
    .map((given) => createEpoch(...given)),
  anyFork
)

/** Bytes changed in one of the ways bytes get changed: by accident, or by somebody who knows CBOR. */
export function damaged(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc
    .array(
      fc.record({
        kind: fc.constantFrom('flip', 'set', 'cut', 'insert', 'remove', 'repeat', 'longer-head'),
        at: fc.nat({ max: Math.max(bytes.length - 1, 0) }),
        byte: fc.nat(255),
        size: fc.integer({ min: 1, max: 20 })
      }),
      { minLength: 1, maxLength: 3 }
    )
    .map((changes) => changes.reduce((all, change) => Uint8Array.from(apply(Array.from(all), change)), bytes))
}

interface Change {
  readonly kind: string
  readonly at: number
  readonly byte: number
  readonly size: number
}

function apply(bytes: readonly number[], { kind, at, byte, size }: Change): number[] {
  const [head, tail] = [bytes.slice(0, at), bytes.slice(at)]
  const [first = 0, ...rest] = tail
  switch (kind) {
    case 'flip':
      return [...head, first ^ (1 << (byte & 7)), ...rest]
    case 'set':
      return [...head, byte, ...rest]
    case 'cut':
      return head
    case 'insert':
      return [...head, byte, ...tail]
    case 'remove':
      return [...head, ...tail.slice(size)]
    case 'repeat':
      return [...head, ...tail.slice(0, size), ...tail]
    default:
      // The same length or number in one more byte, where `at` points to a short one.
      return (first & 31) < 24 ? [...head, (first & 0xe0) | 24, first & 31, ...rest] : [...bytes]
  }
}
