import type { Traffic } from './deeds/traffic.ts'
import type { Running, SimulatedDevice } from './device.ts'
import { ALL_PATHS, tokenOf } from './places.ts'
import type { Random } from './random.ts'
import { promised } from './violation.ts'
import type { World } from './world.ts'

/** Later than any clock went: whatever waits for its time is due by then. */
const FAR_MS = 62 * 86_400_000
/** In which everything under way ends: sessions that hear nothing give up, and devices that are down come back. */
const ENDING_MS = 200_000
const SYNC_MS = 120_000
const MAX_ROUNDS = 6

/** Ends all faults, lets everybody sync with everybody, and holds them to what they owe. */
export async function heal(world: World, traffic: Traffic): Promise<void> {
  world.network.heal()
  await world.pass(ENDING_MS)
  for (const { disk } of world.devices) Object.assign(disk, { isFull: false, slowReads: 0 })
  // A disk that had refused a write keeps its device from writing until it is opened again.
  for (const device of world.devices) {
    world.launch('opening in the end', async () => {
      await device.stop()
      await world.boot(device)
    })
  }
  await world.pass(ENDING_MS)
  promised(world.unfinished.length === 0, 'everything ends', () => world.unfinished.join(', '))
  for (const device of world.devices) device.skewMs = 0
  world.time.leap(FAR_MS)
  await world.pass(ENDING_MS)

  const honest = world.devices.filter(({ options }) => !options.isHostile)
  for (const device of honest)
    promised(device.running !== undefined, 'everything opens', () => `${device.place}`)
  const random = world.random.split('healing')
  let states: string[] = []
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const tree = spanningTree(honest, random)
    for (const [child, parent] of tree.toReversed()) await syncInTheEnd(world, traffic, child, parent)
    for (const [child, parent] of tree) await syncInTheEnd(world, traffic, parent, child)
    const before = states.join()
    states = honest.map((device) => stateOf(world, device))
    if (states.join() === before) break
  }
  for (const device of honest) {
    world.record(device).checkAll()
    await checkRows(world, device)
    checkOwed(world, device)
  }
  await checkAgreement(world, honest, states)
}

type Edge = readonly [child: SimulatedDevice, parent: SimulatedDevice]

/**
 * Who syncs with whom, parents first: everybody is reached by one way only, so that what one session leaves out no
 * other makes up for. A device and its copy, which are one peer to others, do not reach each other.
 */
function spanningTree(devices: readonly SimulatedDevice[], random: Random): Edge[] {
  const waiting = random.shuffled(devices)
  const reached = waiting.splice(0, 1)
  const edges: Edge[] = []
  for (;;) {
    const at = waiting.findIndex((device) => reached.some((other) => isAnotherPeer(device, other)))
    const [child] = at < 0 ? [] : waiting.splice(at, 1)
    if (child === undefined) return edges
    edges.push([child, random.pick(reached.filter((other) => isAnotherPeer(child, other)))])
    reached.push(child)
  }
}

function isAnotherPeer(device: SimulatedDevice, other: SimulatedDevice): boolean {
  return device.end.device !== other.end.device
}

async function syncInTheEnd(
  world: World,
  traffic: Traffic,
  { place: device }: SimulatedDevice,
  { place: peer }: SimulatedDevice
): Promise<void> {
  let isDone = false
  world.launch('a sync in the end', async () => {
    await traffic.sync({ type: 'sync', device, peer, direction: 'both', scope: 0, share: 0, isKept: false })
    isDone = true
  })
  await world.until(() => isDone, SYNC_MS)
}

function stateOf(world: World, device: SimulatedDevice): string {
  const record = world.record(device)
  const paths = [...record.paths].map((path) => `${path}=${[...record.live(path)].sort().join()}`)
  const records = (device.running as Running).replica.membership.records().map(({ id }) => `record ${id}`)
  return [...paths, ...records].sort().join('\n')
}

async function checkRows(world: World, device: SimulatedDevice): Promise<void> {
  const complaints = await world.complaints(device, device.running as Running)
  promised(complaints.length === 0, 'P14: all rows agree', () => `${device.place}: ${complaints.join('; ')}`)
  const waiting = [...world.record(device).held].filter((id) => world.ledger.find(id)?.isHostile === false)
  promised(waiting.length === 0, 'whatever an honest member wrote is judged in the end', () => waiting.join())
}

/** P11: whatever was acknowledged anywhere is live here, or something stands in its place that had seen it. */
function checkOwed(world: World, device: SimulatedDevice): void {
  const record = world.record(device)
  for (const [entry, place] of world.ledger.owed()) {
    if (world.device(place).options.isHostile) continue
    const live = record.live(entry.path)
    const isThere = live.includes(entry.id) || world.ledger.accountsFor(live, entry)
    promised(
      isThere,
      'P11: every acknowledged write is live, replaced by who had seen it, or in history',
      () => {
        return `${entry.id}, acknowledged at ${place}, is missing at ${device.place}`
      }
    )
  }
}

/** P3: everybody holds the same, reads the same, and knows of the same conflicts, members and forks. */
async function checkAgreement(
  world: World,
  devices: readonly SimulatedDevice[],
  states: readonly string[]
): Promise<void> {
  const opinions = await Promise.all(devices.map((device) => opinionOf(device.running as Running)))
  for (const [i, device] of devices.entries()) {
    promised(states[i] === states[0], 'P3: replicas converge', () => {
      return `${device.place} holds ${difference(states[i] as string, states[0] as string)}`
    })
    promised(opinions[i] === opinions[0], 'P3: replicas agree in what they read', () => {
      return `${device.place} reads ${difference(opinions[i] as string, opinions[0] as string)}`
    })
  }
  world.count('conflicts in the end', (opinions[0]?.match(/conflict/g) ?? []).length)
  world.trace.line(opinions[0] ?? '')
}

async function opinionOf({ replica, memory }: Running): Promise<string> {
  const lines: string[] = []
  for (const path of ALL_PATHS) {
    const read = await memory.public.get(path)
    const what =
      read.state === 'conflict' ? read.conflict.id : read.state === 'value' ? hexOf(read.value) : ''
    lines.push(`${tokenOf(replica, path)} ${read.state} ${what}`)
  }
  return lines.join('\n')
}

function hexOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : JSON.stringify(value)
}

function difference(a: string, b: string): string {
  const theirs = new Set(b.split('\n'))
  const ours = new Set(a.split('\n'))
  const only = (from: Set<string>, other: Set<string>): string =>
    [...from].filter((line) => !other.has(line)).join(' | ')
  return `[${only(ours, theirs)}] instead of [${only(theirs, ours)}]`
}
