import { Adversary } from './deeds/adversary.ts'
import { AgentRun } from './deeds/agent.ts'
import { Owner } from './deeds/owner.ts'
import { canSync, Traffic } from './deeds/traffic.ts'
import type { Running, SimulatedDevice } from './device.ts'
import { found } from './founding.ts'
import { heal } from './healing.ts'
import type { Action, Script } from './script.ts'
import { Trace } from './trace.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

/** What became of a script. */
export interface Outcome {
  /** The same for the same script, and for no other. */
  readonly digest: string
  /** Frames, writes, timers and deeds that happened, one at a time. */
  readonly events: number
  /** Virtual time that passed before the world was healed. */
  readonly ms: number
  readonly counts: ReadonlyMap<string, number>
  readonly violation: Violation | undefined
}

/** Lets a script happen, heals the world, and checks that everybody agrees. */
export async function simulate(script: Script, onLine?: (line: string) => void): Promise<Outcome> {
  const { seed, replicas, faults, actions } = script
  const trace = new Trace(onLine)
  const world = await found({ seed, replicas, faults, trace })
  const startMs = world.time.nowMs
  let violation: Violation | undefined
  let ms = 0
  try {
    const simulation = new Simulation(world)
    for (const [number, action] of actions.entries()) {
      await world.pass(action.gapMs)
      trace.line(`${number} at ${world.time.nowMs - startMs}: ${JSON.stringify(action)}`)
      simulation.begin(action)
    }
    ms = world.time.nowMs - startMs
    await heal(world, simulation.traffic)
  } catch (error) {
    violation =
      error instanceof Violation ? error : new Violation('no bug', 'something else', { cause: error })
    trace.line(`violation: ${violation.message}`)
  }
  return { digest: trace.digest(), events: world.time.count, ms, counts: world.counts, violation }
}

const DAY_MS = 86_400_000
const NOTHING_HAPPENED = 'deed: none, for whoever it needs is down'

class Simulation {
  readonly traffic: Traffic
  readonly #world: World

  constructor(world: World) {
    this.#world = world
    this.traffic = new Traffic(world)
  }

  /** Starts what an action says; it goes on while others begin. What it needs may be down, and then nothing happens. */
  begin(action: Action): void {
    const device = this.#world.device(action.device)
    const happens = this.#happen(action, device) ?? this.#launch(action, device)
    this.#world.count(happens ? `deed: ${action.type}` : NOTHING_HAPPENED)
  }

  #launch(action: Action, device: SimulatedDevice): boolean {
    const { running } = device
    if (running === undefined) return false
    this.#world.launch(action.type, () => this.#act(action, device, running), [device])
    return true
  }

  /** What people, agents and nodes do on a device that runs. */
  async #act(action: Action, device: SimulatedDevice, running: Running): Promise<void> {
    const owner = new Owner(this.#world, device, running)
    switch (action.type) {
      case 'put':
      case 'delete':
        return owner.write(action)
      case 'burst':
        return owner.burst(action)
      case 'private':
        return owner.keepPrivate(action)
      case 'read':
        return owner.read(action)
      case 'undo':
        return owner.undo(action)
      case 'edit':
        return owner.edit(action)
      case 'resolve':
        return owner.resolve(action)
      case 'deliver':
        return new AgentRun(this.#world, device, running).deliver(action)
      case 'broadcast':
        return this.traffic.broadcast(action)
    }
  }

  /**
   * What happens to devices, whether they run or not.
   *
   * @returns whether it could; nothing when an action is of another kind
   */
  #happen(action: Action, device: SimulatedDevice): boolean | undefined {
    const world = this.#world
    switch (action.type) {
      case 'sync': {
        const peer = world.device(action.peer)
        if (!canSync(device, peer)) return false
        world.launch('a sync', () => this.traffic.sync(action), [device, peer])
        return true
      }
      case 'partition':
        this.#partition(action)
        return true
      case 'crash':
        return this.#crash(action)
      case 'fill-disk':
        this.#fillDisk(action)
        return true
      case 'set-clock':
        this.#setClock(device, action.offsetMs)
        return true
      case 'back-up':
        if (device.running === undefined) return false
        world.backUp(device)
        return true
      case 'restart':
        if (device.running === undefined) return false
        world.launch('a restart', () => world.restart(device, 10))
        return true
      case 'restore':
        if (!world.hasBackup(device)) return false
        world.launch('a restore', () => world.restore(device, action.isSilent, action.downMs))
        return true
      case 'clone':
        if (device.running === undefined || !world.hasRoomForClones) return false
        world.launch('a clone', () => world.clone(device, action.isSilent))
        return true
      case 'attack':
        return this.#attack(action)
      default:
        return undefined
    }
  }

  /** Only members who are hostile attack, and only others. */
  #attack(action: Action & { type: 'attack' }): boolean {
    const hostile = this.#world.devices.filter(({ options }) => options.isHostile)
    const honest = this.#world.devices.filter(({ options }) => !options.isHostile)
    const device = hostile[action.device % hostile.length]
    const victim = honest[action.victim % honest.length]
    if (device?.running === undefined || victim === undefined) return false
    const adversary = new Adversary(this.#world, this.traffic, device, device.running)
    this.#world.onFault(`attack, ${action.kind}`)
    this.#world.launch('an attack', () => adversary.attack(action, victim), [device, victim])
    return true
  }

  #partition({ device, peer, ms, kind }: Action & { type: 'partition' }): void {
    const { network, devices } = this.#world
    const { place } = this.#world.device(device)
    this.#world.onFault(`partition, ${kind}`)
    const others = kind === 'alone' ? devices : [this.#world.device(peer)]
    for (const other of others) {
      network.block(place, other.place, ms)
      if (kind !== 'one-way') network.block(other.place, place, ms)
    }
  }

  #crash({
    device: index,
    atWrite,
    downMs,
    isPowerCut,
    isLanded,
    kept
  }: Action & { type: 'crash' }): boolean {
    const device = this.#world.device(index)
    const crash = (): void => this.#world.crash(device, { isPowerCut, isLanded, kept }, downMs)
    if (device.isDown) return false
    if (atWrite === 0) crash()
    else device.store?.crashAfter(atWrite, crash)
    return true
  }

  #setClock(device: SimulatedDevice, offsetMs: number): void {
    const direction = offsetMs < device.skewMs ? 'back' : 'on'
    const length = Math.abs(offsetMs - device.skewMs) > DAY_MS ? 'days' : 'minutes'
    if (offsetMs !== device.skewMs) this.#world.onFault(`clock set ${direction} by ${length}`)
    device.skewMs = offsetMs
  }

  #fillDisk({ device: index, ms }: Action & { type: 'fill-disk' }): void {
    const { disk } = this.#world.device(index)
    disk.isFull = true
    this.#world.time.after(ms, () => {
      disk.isFull = false
    })
  }
}
