import { createMemory, type DeviceKey, type Memory, Replica, type Runtime } from '@cis-memory/core'
import { AgentExecutor, ConflictGuard } from '@cis-memory/guard'
import type { Crash, SimulatedDisk, SimulatedStore } from './disk.ts'
import { isExpected } from './expected.ts'
import type { LineEnd, SimulatedChannel } from './network.ts'
import type { Random } from './random.ts'
import type { VirtualTime } from './virtual-time.ts'

/** What runs on a device: the production replica with its handle and guard. */
export interface Running {
  readonly replica: Replica
  readonly memory: Memory
  readonly guard: ConflictGuard
  readonly executor: AgentExecutor
  readonly runtime: Runtime
  /** Whether it was stopped: nobody learns any more what becomes of what it did. */
  readonly isDead: boolean
}

export interface DeviceOptions {
  readonly place: number
  readonly scope: string
  readonly key: DeviceKey
  readonly disk: SimulatedDisk
  readonly time: VirtualTime
  readonly random: Random
  /** Whether it also does what its member should not. */
  readonly isHostile: boolean
}

/** A machine: it keeps its disk when what runs on it stops. */
export class SimulatedDevice {
  readonly options: DeviceOptions
  /** How far its clock is from the truth. */
  skewMs = 0
  /** A reopening is due because its disk had failed. */
  isRestartDue = false
  #process: Process | undefined
  #starts = 0

  constructor(options: DeviceOptions) {
    this.options = options
  }

  get place(): number {
    return this.options.place
  }

  get disk(): SimulatedDisk {
    return this.options.disk
  }

  get end(): LineEnd {
    return { place: this.options.place, device: this.options.key.id }
  }

  /** What runs on it; nothing while it is down or starting. */
  get running(): Running | undefined {
    return this.#process?.running
  }

  /** The store as the process has it open. */
  get store(): SimulatedStore | undefined {
    return this.#process?.store
  }

  get isDown(): boolean {
    return this.#process === undefined
  }

  /** Opens what is on the disk. Never comes back when the machine stops meanwhile. */
  async start(): Promise<Running> {
    const { time, random, disk, scope } = this.options
    const process = new Process(disk.open())
    this.#process = process
    const runtime: Runtime = {
      now: () => Math.max(0, Math.floor(time.nowMs + this.skewMs)),
      random: (
        (chance) => (length: number) =>
          chance.bytes(length)
      )(random.split(`start ${this.#starts++}`)),
      timer: (ms, callback) =>
        time.after(ms, () => {
          if (!process.isDead) callback()
        })
    }
    const replica = await Replica.open({ store: process.store, runtime })
    const memory = createMemory(replica, scope)
    const guard = new ConflictGuard(memory, { now: () => runtime.now() })
    const running: Running = {
      replica,
      memory,
      guard,
      executor: new AgentExecutor(guard),
      runtime,
      get isDead() {
        return process.isDead
      }
    }
    process.running = running
    return running
  }

  /** Stops it in the middle of whatever it does. */
  crash(crash: Crash): void {
    const process = this.#process
    if (process === undefined) return
    this.#process = undefined
    process.isDead = true
    process.store.die(crash)
    for (const channel of process.channels) channel.die(!crash.isPowerCut)
  }

  /** Closes everything as its owner would. */
  async stop(): Promise<void> {
    const process = this.#process
    const running = process?.running
    if (process === undefined || running === undefined) return
    process.running = undefined
    for (const channel of process.channels) channel.abort(new Error('the node is closing'))
    await running.guard.close()
    try {
      await running.memory.close()
    } catch (error) {
      // A document that cannot be saved: its owner is told, and everything closes all the same.
      if (!isExpected(error)) throw error
    }
    await running.replica.close()
    await process.store.close()
    process.isDead = true
    if (this.#process === process) this.#process = undefined
  }

  /** A line that ends with the process. */
  holds(channel: SimulatedChannel): void {
    this.#process?.channels.add(channel)
  }

  /** A line that is over. */
  letsGo(channel: SimulatedChannel): void {
    this.#process?.channels.delete(channel)
  }
}

class Process {
  readonly store: SimulatedStore
  readonly channels: Set<SimulatedChannel> = new Set()
  running: Running | undefined
  isDead = false

  constructor(store: SimulatedStore) {
    this.store = store
  }
}
