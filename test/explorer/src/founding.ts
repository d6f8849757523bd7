import { timestampFromMs } from '@cis-memory/clock'
import { adoptSpace, createSpace, DeviceKey, deviceIdentity } from '@cis-memory/core'
import { MemoryStore } from '@cis-memory/store'
import { createMember } from '../../../packages/core/src/entry/records.ts'
import { Random } from '../../simulator/src/random.ts'
import { Device, exchange, NamedRuntime, NOW_MS } from './device.ts'

export interface Founded {
  readonly devices: readonly Device[]
  /** Members who forge entries. They have no replica. */
  readonly forgers: readonly [ahead: DeviceKey, behind: DeviceKey]
}

/** Starts a space whose replicas know each other and have written nothing. */
export async function found(replicas: number, durability: 'disk' | 'os'): Promise<Founded> {
  const disks = Array.from(
    { length: replicas },
    (_, place) => new MemoryStore({ id: new Random(`store ${place}`).bytes(16), durability })
  )
  const [first, ...others] = disks as [MemoryStore, ...MemoryStore[]]
  const runtime = new NamedRuntime('the space')
  const space = await createSpace(first, runtime, { space: 'acme', device: 'device-0' })
  const admin = await deviceIdentity(first, runtime)
  const forgers = [new DeviceKey(runtime.random(32)), new DeviceKey(runtime.random(32))] as const
  const keys = [...(await Promise.all(others.map((disk) => deviceIdentity(disk, runtime)))), ...forgers]
  const hlc = timestampFromMs(NOW_MS)
  const members = keys.map((key, at) => {
    const member = { device: key.id, role: 'member', name: `device-${at + 1}` } as const
    return createMember(admin, space.genesis.space, member, hlc)
  })
  for (const disk of others) await adoptSpace(disk, space, members)
  const devices: Device[] = []
  for (const [place, disk] of disks.entries()) {
    devices.push(await Device.open({ disk, name: `founding ${place}`, continuity: 'first-open' }))
  }
  for (const member of members) await devices[0]?.replica.addRecord(member)
  for (let round = 0; round < 2; round++) {
    for (const [place, dialer] of devices.entries()) {
      for (const listener of devices.slice(place + 1)) await exchange(dialer, listener, 'sync')
    }
  }
  return { devices, forgers }
}
