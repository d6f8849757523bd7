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
import { MAX_CREDENTIALS } from '../../src/sync/limits.ts'
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
  for (const record of records) if (membership.accepts(record)) membership.add(record)
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
    expect(others.map((record) => new Membership(GENESIS).accepts(record))).toEqual([false, false])
    expect(new Membership(GENESIS).accepts(good)).toBe(true)
  })

  it('is what lets an actor write, whose device it is in the device’s own record', () => {
    const membership = membershipOf([admitting(FOUNDER, MEMBER, 'member')])
    const [ours, strange] = [MEMBER, GUEST].map((key) =>
      createEpoch(key, GENESIS.space, 1, filled(9, 16), undefined)
    ) as [ReturnType<typeof createEpoch>, ReturnType<typeof createEpoch>]
    for (const epoch of [ours, strange]) if (membership.accepts(epoch)) membership.add(epoch)
    expect(membership.mayWrite(ours.actor)).toBe(true)
    expect(membership.mayWrite(strange.actor)).toBe(false)
  })
})

it('proves the membership of a device by what admins say, however much others say of it', async () => {
  const [, b] = (await devices(2)) as [Device, Device]
  const before = await b.replica.credentials()
  const records = sayings(b, MAX_CREDENTIALS + 1)
  await b.replica.ingest({ records, commits: [], entries: [] })
  expect(await b.replica.credentials()).toEqual(before)
})

it('takes in what strangers say of members without a walk through all of it for each', async () => {
  const [device] = (await devices(1)) as [Device]
  const [saying] = sayings(device, 1) as [MemberRecord]
  const membership = new Membership(device.replica.exportSpace().genesis)
  for (let i = 0; i < 50_000; i++) membership.add({ ...saying, id: `${i}` as RecordId })
  expect(membership.members()).toHaveLength(1)
})
