import { timestamp, timestampFromMs } from '@cis-memory/clock'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import {
  createEpoch,
  createGenesis,
  createMember,
  type MemberRecord,
  type RecordId
} from '../../src/entry/records.ts'
import { Membership } from '../../src/replica/membership.ts'
import { filled } from '../entry/build.ts'
import { type Device, devices } from '../support/world.ts'

const [FOUNDER, ADMIN, MEMBER, GUEST] = [1, 2, 3, 4].map((seed) => new DeviceKey(filled(seed, 32))) as [
  DeviceKey,
  DeviceKey,
  DeviceKey,
  DeviceKey
]
const GENESIS = createGenesis(FOUNDER, 'acme', filled(7, 16), timestamp(1n))

function admitting(issuer: DeviceKey, device: DeviceKey, role: MemberRecord['role']): MemberRecord {
  const member = { device: device.id, role, name: '' }
  return createMember(issuer, GENESIS.space, member, timestamp(2n))
}

function membershipOf(records: readonly MemberRecord[]): Membership {
  const membership = new Membership(GENESIS)
  membership.takeIn(records)
  return membership
}

/** What somebody who is no admin says of a device. */
function sayings(about: Device, count: number): MemberRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const stranger = new DeviceKey(new Uint8Array(32).fill(i + 1))
    const member = { device: about.replica.device, role: 'member', name: `${i}` } as const
    return createMember(stranger, about.replica.space, member, timestampFromMs(i))
  })
}

describe('membership', () => {
  it('goes from admin to admin, in whatever order their records come', () => {
    const records = [
      admitting(FOUNDER, ADMIN, 'admin'),
      admitting(ADMIN, MEMBER, 'admin'),
      admitting(MEMBER, GUEST, 'member')
    ]
    fc.assert(
      fc.property(fc.shuffledSubarray(records, { minLength: 3 }), (shuffled) => {
        const devices = membershipOf(shuffled)
          .members()
          .map(({ device }) => device)
        expect(devices.sort()).toEqual([FOUNDER, ADMIN, MEMBER, GUEST].map(({ id }) => id).sort())
      })
    )
  })

  it('is not changed by a record that is read a second time, nor by the order in which a store has them', () => {
    const named = createMember(
      FOUNDER,
      GENESIS.space,
      { device: FOUNDER.id, role: 'admin', name: 'laptop' },
      timestamp(2n)
    )
    for (const records of [
      [named, GENESIS],
      [GENESIS, named],
      [admitting(ADMIN, MEMBER, 'member'), named]
    ]) {
      const membership = new Membership(GENESIS)
      for (const record of records) membership.add(record)
      expect(membership.nameOf(FOUNDER.id)).toBe('laptop')
    }
  })

  it('is in nobody’s gift who is no admin: a member, a stranger, or the device itself', () => {
    const records = [
      admitting(FOUNDER, MEMBER, 'member'),
      admitting(MEMBER, ADMIN, 'admin'),
      admitting(GUEST, GUEST, 'admin'),
      admitting(MEMBER, MEMBER, 'admin')
    ]
    const membership = membershipOf(records)
    expect(membership.members().map(({ device }) => device)).toEqual([FOUNDER.id, MEMBER.id])
    expect(membership.member(MEMBER.id)?.isAdmin).toBe(false)
  })

  it('is not in a record whose author did not sign it, nor in one of another space', () => {
    const good = admitting(FOUNDER, MEMBER, 'member')
    const signature = good.signature.slice()
    signature[9] = (signature[9] as number) ^ 1
    const elsewhere = createGenesis(FOUNDER, 'acme', filled(8, 16), timestamp(1n)).space
    const member = { device: MEMBER.id, role: 'member', name: '' } as const
    const others = [{ ...good, signature }, createMember(FOUNDER, elsewhere, member, timestamp(2n))]
    for (const other of others) {
      expect(() => membershipOf([other])).toThrow(expect.objectContaining({ code: 'SYNC_BAD_PROOF' }))
    }
    expect(membershipOf([good]).isMember(MEMBER.id)).toBe(true)
  })

  it('is what lets an actor write, whose device it is in the device’s own record', () => {
    const membership = membershipOf([admitting(FOUNDER, MEMBER, 'member')])
    const [ours, strange] = [MEMBER, GUEST].map((key) =>
      createEpoch(key, GENESIS.space, 1, filled(9, 16), undefined)
    ) as [ReturnType<typeof createEpoch>, ReturnType<typeof createEpoch>]
    membership.takeIn([ours, strange])
    expect(membership.mayWrite(ours.actor)).toBe(true)
    expect(membership.mayWrite(strange.actor)).toBe(false)
  })
})

it('P28: keeps nothing of what strangers say, of members or of themselves, and is not slow about it', async () => {
  const [a, b] = (await devices(2)) as [Device, Device]
  const before = [a.replica.membership.records(), a.replica.end.lsn, await a.replica.credentials()]
  const epochs = sayings(b, 200).map(({ issuer }, i) => {
    const stranger = new DeviceKey(new Uint8Array(32).fill(i + 1))
    expect(stranger.id).toBe(issuer)
    return createEpoch(stranger, a.replica.space, 1, filled(9, 16), undefined)
  })
  await a.replica.ingest({ records: [...sayings(b, 200), ...epochs], commits: [], entries: [] })
  expect([a.replica.membership.records(), a.replica.end.lsn, await a.replica.credentials()]).toEqual(before)
  const [saying] = sayings(b, 1) as [MemberRecord]
  const flood = Array.from({ length: 50_000 }, (_, i) => ({ ...saying, id: `${i}` as RecordId }))
  expect(a.replica.membership.clone().takeIn(flood)).toEqual([])
})

it('shows the membership of a device with the records of its admins first, and those of nobody else', () => {
  const records = [
    admitting(FOUNDER, ADMIN, 'admin'),
    admitting(ADMIN, MEMBER, 'member'),
    admitting(FOUNDER, GUEST, 'member')
  ] as const
  const epoch = createEpoch(MEMBER, GENESIS.space, 1, filled(9, 16), undefined)
  const membership = new Membership(GENESIS)
  membership.takeIn([epoch, ...records].reverse())
  expect(membership.credentialsOf(MEMBER.id, epoch.actor)).toEqual([records[0], records[1], epoch])
})
