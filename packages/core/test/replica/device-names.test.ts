import { timestampFromMs } from '@cis-memory/clock'
import { expect, it } from 'vitest'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { createMember } from '../../src/entry/records.ts'
import { devices } from '../support/world.ts'

it('tells two devices that are called the same apart, and leaves every other name as it is', async () => {
  const [admin] = await devices(2)
  if (admin === undefined) throw new Error('expected a device')
  const { replica, runtime } = admin
  const twin = new DeviceKey(new Uint8Array(32).fill(5))
  const { device } = replica
  expect(replica.membership.nameOf(device)).toBe('device-0')

  const member = { device: twin.id, role: 'member', name: 'device-0' } as const
  const hlc = timestampFromMs(runtime.now())
  await replica.addRecord(createMember(replica.key, replica.space, member, hlc))

  expect(replica.membership.nameOf(device)).toBe(`device-0-${device.slice(0, 8)}`)
  expect(replica.membership.nameOf(twin.id)).toBe(`device-0-${twin.id.slice(0, 8)}`)
  expect(replica.membership.members().map(({ device }) => replica.membership.nameOf(device))).toContain(
    'device-1'
  )
})
