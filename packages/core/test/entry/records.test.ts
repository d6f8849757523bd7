import { timestamp } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_BYTES, toHex } from '../../src/entry/bytes.ts'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { signCommit } from '../../src/entry/commit.ts'
import { devicePublicKey } from '../../src/entry/ed25519.ts'
import { labelledHash } from '../../src/entry/hash.ts'
import {
  createEpoch,
  createFork,
  createGenesis,
  createMember,
  decodeRecord,
  hasValidSignature,
  type SystemRecord
} from '../../src/entry/records.ts'
import type { SpaceId } from '../../src/entry/space-keys.ts'
import { anyRecord } from './arbitraries.ts'
import { ACTOR, alice, bob, commitOf, filled, header, OTHER_ACTOR, refusal, SPACE } from './build.ts'

const malformed = refusal('CORE_MALFORMED')
const HLC = timestamp(7n)
const genesis = createGenesis(alice, 'acme', filled(1, 16), HLC)
const member = createMember(alice, SPACE, { device: bob.id, role: 'member', name: 'phone' }, HLC)
const epoch = createEpoch(alice, SPACE, 1, filled(2, 16), undefined)
const left = commitOf([header()])
const right = signCommit(alice, { ...left, root: filled(3, 16) })
const fork = createFork(left, right)

/** A record with some of its fields replaced. */
function changed(record: SystemRecord, changes: Readonly<Record<number, unknown>>): SystemRecord {
  const fields = decodeCbor(record.bytes) as unknown[]
  for (const [at, value] of Object.entries(changes)) fields[Number(at)] = value
  return decodeRecord(encodeCbor(fields), record.signature)
}

describe('system records', () => {
  it('P27: come back as they were made', () => {
    fc.assert(
      fc.property(anyRecord, (record) => {
        expect(decodeRecord(record.bytes, record.signature)).toEqual(record)
        expect(record.id).toBe(toHex(labelledHash('cis/record/1', record.bytes)).slice(0, 32))
        if (record.kind !== 'fork') expect(hasValidSignature(record)).toBe(true)
      }),
      { numRuns: 200 }
    )
  })

  it('name the space and the actor they start by their own hash', () => {
    expect(genesis.space).toBe(genesis.id)
    expect(epoch.actor).toBe(toHex(labelledHash('cis/actor/1', epoch.bytes)).slice(0, 32))
    expect(createEpoch(alice, SPACE, 1, filled(3, 16), undefined).actor).not.toBe(epoch.actor)
    expect(createEpoch(bob, SPACE, 1, filled(2, 16), undefined).actor).not.toBe(epoch.actor)
    expect(createEpoch(alice, '00'.repeat(16) as SpaceId, 1, filled(2, 16), undefined).actor).not.toBe(
      epoch.actor
    )
  })

  it('hold under the key of their author alone', () => {
    expect(hasValidSignature(member)).toBe(true)
    const forged = decodeRecord(member.bytes, bob.sign(member.bytes))
    expect(hasValidSignature(forged as typeof member)).toBe(false)
    const promoted = changed(member, { 4: 0 })
    expect(hasValidSignature(promoted as typeof member)).toBe(false)
  })

  it.each<[string, unknown]>([
    ['a kind that does not exist', 4],
    ['a negative kind', -1],
    ['a kind that is a float', 0.5],
    ['a kind by its number as text', '0'],
    ['a kind by its number in an array', [0]],
    ['a kind by its number in bytes', Uint8Array.of(0)],
    ['a kind by its name', 'genesis'],
    ['a kind by a method name', 'length'],
    ['another', 'constructor'],
    ['no kind', null]
  ])('refuse %s', (_name, kind) => {
    for (const record of [genesis, member, epoch]) {
      expect(() => changed(record, { 1: kind })).toThrow(malformed)
    }
  })

  it.each<[string, SystemRecord, Readonly<Record<number, unknown>>]>([
    ['a genesis of another version', genesis, { 0: 2 }],
    ['a genesis with a nonce of 15 bytes', genesis, { 3: filled(1, 15) }],
    ['a genesis with a name of 256 bytes', genesis, { 4: 'a'.repeat(256) }],
    ['a genesis with a name that is bytes', genesis, { 4: filled(1, 4) }],
    ['a genesis with one more field', genesis, { 6: 0 }],
    ['a member of another version', member, { 0: 0 }],
    ['a member with a role that does not exist', member, { 4: 2 }],
    ['a member with a role by its name', member, { 4: 'admin' }],
    ['a member of a space of 15 bytes', member, { 2: filled(1, 15) }],
    ['a member with a device of 31 bytes', member, { 3: filled(1, 31) }],
    ['a member with a negative time', member, { 7: -1 }],
    ['an epoch of another version', epoch, { 0: 2 }],
    ['epoch zero', epoch, { 4: 0 }],
    ['an epoch with a nonce of 17 bytes', epoch, { 5: filled(1, 17) }],
    ['a fork of another space', fork, { 2: filled(1, 16) }],
    ['a fork of one commit twice', fork, { 3: left.bytes, 5: left.bytes }],
    ['a fork of no commits', fork, { 3: NO_BYTES }],
    ['a fork with a short signature', fork, { 4: filled(1, 63) }]
  ])('refuse %s', (_name, record, changes) => {
    expect(() => changed(record, changes)).toThrow(malformed)
  })

  it('refuse the start of an actor before it', () => {
    expect(() => changed(epoch, { 6: filled(1, 5) })).toThrow(refusal('CLOCK_MALFORMED'))
  })

  it('refuse devices whose key is none', () => {
    for (const key of [filled(0, 32), Uint8Array.of(1, ...filled(0, 31)), filled(0xff, 32)]) {
      expect(() => changed(genesis, { 2: key })).toThrow(refusal('CORE_BAD_KEY'))
      expect(() => changed(member, { 3: key })).toThrow(refusal('CORE_BAD_KEY'))
      expect(() => changed(member, { 6: key })).toThrow(refusal('CORE_BAD_KEY'))
      expect(() => changed(epoch, { 3: key })).toThrow(refusal('CORE_BAD_KEY'))
    }
  })

  it('refuse signatures of another length, and any on a fork, which proves itself', () => {
    expect(() => decodeRecord(genesis.bytes, genesis.signature.subarray(1))).toThrow(malformed)
    expect(() => decodeRecord(genesis.bytes, NO_BYTES)).toThrow(malformed)
    expect(() => decodeRecord(fork.bytes, new Uint8Array(64))).toThrow(malformed)
  })

  it('refuse what is no record at all', () => {
    for (const value of [null, 1, 'text', [], [1], new Map([[1, 0]]), [[1, 0]]]) {
      expect(() => decodeRecord(encodeCbor(value), new Uint8Array(64))).toThrow(malformed)
    }
    expect(() => decodeRecord(new Uint8Array(5000), new Uint8Array(64))).toThrow(malformed)
  })
})

describe('fork records', () => {
  it('are the same whoever noticed, and in whatever order', () => {
    expect(createFork(right, left).id).toBe(fork.id)
    expect(fork.actor).toBe(ACTOR)
  })

  it('refuse commits in the other order: one fork has one record', () => {
    const fields = decodeCbor(fork.bytes) as unknown[]
    const swapped = [...fields.slice(0, 3), fields[5], fields[6], fields[3], fields[4]]
    expect(() => decodeRecord(encodeCbor(swapped), NO_BYTES)).toThrow(malformed)
  })

  it('refuse commits that do not disagree', () => {
    const next = signCommit(alice, { ...left, first: 2, previous: left.id })
    const elsewhere = signCommit(alice, { ...right, actor: OTHER_ACTOR })
    const otherSpace = signCommit(alice, { ...right, space: '00'.repeat(16) as SpaceId })
    for (const other of [next, elsewhere, otherSpace]) {
      expect(() => createFork(left, other)).toThrow(malformed)
      expect(() => createFork(other, left)).toThrow(malformed)
    }
  })
})

it('the keys of devices come back from their ids', () => {
  expect(devicePublicKey(alice.id)).toEqual(alice.publicKey)
})
