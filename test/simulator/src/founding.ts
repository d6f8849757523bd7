import { timestampFromMs } from '@cis-memory/clock'
import {
  adoptSpace,
  createMemory,
  createSpace,
  deviceIdentity,
  Replica,
  type Runtime
} from '@cis-memory/core'
import { MemoryStore } from '@cis-memory/store'
import { createMember } from '../../../packages/core/src/entry/records.ts'
import { SCOPE } from './places.ts'
import { Random } from './random.ts'
import { World, type WorldOptions } from './world.ts'

/** How long opening all devices for the first time may take. */
const FOUNDING_MS = 60_000

let isWarm = false

/**
 * Has the code loaded that production loads when it is first needed. The loader takes real time, in which a simulation
 * would not wait.
 */
async function warmUp(): Promise<void> {
  if (isWarm) return
  const store = new MemoryStore({ id: new Uint8Array(16) })
  const random = new Random('warm up')
  const runtime: Runtime = { now: () => 0, random: (length) => random.bytes(length), timer: () => () => {} }
  await createSpace(store, runtime, { space: 'none', device: 'none' })
  const memory = createMemory(await Replica.open({ store, runtime }), SCOPE)
  const document = await memory.public.doc('document')
  document.doc.getArray('lines').push(['line'])
  await document.close()
  for await (const _ of memory.search('line')) break
  isWarm = true
}

/** Starts a space on the first device and lets the others in. They have not synced since. */
export async function found(options: WorldOptions): Promise<World> {
  await warmUp()
  const { replicas, faults } = options
  const world = new World(options)
  const random = world.random.split('founding')
  const runtime: Runtime = {
    now: () => world.time.nowMs,
    random: (length) => random.bytes(length),
    timer: () => () => {}
  }
  // The last are hostile; the first is never, since it says who belongs to the space.
  const hostileCount = faults.hostile > 0 ? Math.max(1, Math.floor(replicas * faults.hostile)) : 0
  for (let place = 0; place < replicas; place++) {
    const disk = world.addDisk(random.chance(faults.os) ? 'os' : 'disk')
    const key = await deviceIdentity(disk.rows, runtime)
    world.addDevice(disk, key, place > 0 && place >= replicas - hostileCount)
  }
  const first = world.device(0)
  let open = 0
  const { genesis, secret } = await createSpace(first.disk.rows, runtime, {
    space: 'acme',
    device: 'device-0'
  })
  const members = world.devices.map(({ place, options: { key } }) => {
    const member = {
      device: key.id,
      role: place === 0 ? 'admin' : 'member',
      name: `device-${place}`
    } as const
    return createMember(first.options.key, genesis.space, member, timestampFromMs(world.time.nowMs))
  })
  for (const device of world.devices) {
    if (device !== first)
      await adoptSpace(device.disk.rows, { genesis, secret }, members.slice(0, device.place + 1))
    world.launch('opening for the first time', async () => {
      const running = await world.boot(device)
      if (device === first) for (const member of members) await running.replica.addRecord(member)
      open++
    })
  }
  await world.until(() => open === replicas, FOUNDING_MS)
  return world
}
