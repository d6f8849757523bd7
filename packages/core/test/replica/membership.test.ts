import { timestampFromMs } from '@cis-memory/clock'
import { expect, it } from 'vitest'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { createMember, type MemberRecord, type RecordId } from '../../src/entry/records.ts'
import { Membership } from '../../src/replica/membership.ts'
import { MAX_CREDENTIALS } from '../../src/sync/limits.ts'
import { type Device, devices } from '../support/world.ts'

/** What somebody who is no admin says of a device. */
function sayings(about: Device, count: number): MemberRecord[] {
  return Array.from({ length: count }, (_, i) => {
    const stranger = new DeviceKey(new Uint8Array(32).fill(i + 1))
    const member = { device: about.replica.device, role: 'member', name: `${i}` } as const
    return createMember(stranger, about.replica.space, member, timestampFromMs(i))
  })
}

it('proves the membership of a device by what admins say, however much others say of it', async () => {
  const [, b] = (await devices(2)) as [Device, Device]
  const before = await b.replica.credentials()
  const records = sayings(b, MAX_CREDENTIALS + 1)
  await b.replica.ingest({ records, commits: [], entries: [] }, { instance: new Uint8Array(16) })
  expect(await b.replica.credentials()).toEqual(before)
})

it('takes in what strangers say of members without a walk through all of it for each', async () => {
  const [device] = (await devices(1)) as [Device]
  const [saying] = sayings(device, 1) as [MemberRecord]
  const membership = new Membership(device.replica.exportSpace().genesis)
  for (let i = 0; i < 50_000; i++) membership.add({ ...saying, id: `${i}` as RecordId })
  expect(membership.members()).toHaveLength(1)
})
