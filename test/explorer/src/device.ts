import { createMemory, type Memory, Replica, type Runtime, type Written } from '@cis-memory/core'
import { ConflictGuard } from '@cis-memory/guard'
import type { Continuity, MemoryStore, Store } from '@cis-memory/store'
import { runSession, serveSession } from '../../../packages/core/src/sync/driver.ts'
import { memoryChannelPair } from '../../../packages/core/src/sync/index.ts'
import { intercepted } from '../../../packages/core/test/support/store-doubles.ts'
import { codeOf, isExpected } from '../../simulator/src/expected.ts'
import { Random } from '../../simulator/src/random.ts'
import type { Act, Exchange } from './operations.ts'

export const SCOPE = '/acme'
/** The one memory that all of this is about. */
export const PATH = `${SCOPE}/memory`
/** The clocks of all devices stand still: what is later is later because its writer had seen what it replaces. */
export const NOW_MS = Date.UTC(2026, 0, 1)

/** A clock that stands still, and chance that follows from a name. */
export class NamedRuntime implements Runtime {
  #random: Random

  constructor(name: string) {
    this.#random = new Random(name)
  }

  /** What is drawn from now on follows from this name. */
  rename(name: string): void {
    this.#random = new Random(name)
  }

  now(): number {
    return NOW_MS
  }

  random(length: number): Uint8Array {
    return this.#random.bytes(length)
  }

  timer(): () => void {
    return () => {}
  }
}

export interface OpenOptions {
  /** A copy that is the device's to change. */
  readonly disk: MemoryStore
  /** What chance follows from. */
  readonly name: string
  /** What it is opened as. @default 'kept' */
  readonly continuity?: Continuity
  /** What a power cut would leave of it now, in durability `os`. @default all of it */
  readonly synced?: MemoryStore
  /** The device stops for good once so many batches have landed. */
  readonly stopAfter?: number | undefined
}

/** What runs on a device: a production replica over a disk in memory. */
export class Device {
  readonly disk: MemoryStore
  readonly runtime: NamedRuntime
  readonly replica: Replica
  readonly memory: Memory
  readonly #landings: Landings

  private constructor(disk: MemoryStore, runtime: NamedRuntime, replica: Replica, landings: Landings) {
    this.disk = disk
    this.runtime = runtime
    this.replica = replica
    this.memory = createMemory(replica, SCOPE)
    this.#landings = landings
  }

  static async open(options: OpenOptions): Promise<Device> {
    const { disk, name, continuity = 'kept' } = options
    const runtime = new NamedRuntime(name)
    const landings = new Landings(options)
    const replica = await Replica.open({ store: landings.storeAs(continuity), runtime })
    return new Device(disk, runtime, replica, landings)
  }

  /** Batches of public rows that have landed since it was opened. */
  get batches(): number {
    return this.#landings.count
  }

  /** What a power cut would leave in durability `os`. */
  get synced(): MemoryStore {
    return this.#landings.synced
  }

  get stopped(): Promise<void> {
    return this.#landings.stopped
  }

  /**
   * Lets the owner do something, who reads first and goes on from that.
   *
   * @returns what was written, or nothing when there was nothing to do or it was refused
   */
  async act(act: Act, value: string): Promise<Written['entryId'] | undefined> {
    try {
      return await this.#act(act, value)
    } catch (error) {
      if (!isExpected(error)) throw error
      return undefined
    }
  }

  async #act(act: Act, value: string): Promise<Written['entryId'] | undefined> {
    const { memory } = this
    await memory.public.get(PATH)
    switch (act) {
      case 'put':
        return (await memory.public.put(PATH, value)).entryId
      case 'same':
        return (await memory.public.put(PATH, 'what all agree on')).entryId
      case 'delete':
        return (await memory.public.delete(PATH))?.entryId
      case 'undo':
        return (await memory.undo(PATH)).entryId
      case 'keep': {
        const { id, versions } = await memory.getConflict(PATH)
        const last = versions.at(-1)
        if (last === undefined) return undefined
        return (await memory.resolveConflict(id, { keep: last.entryId, index: last.index })).entryId
      }
      case 'both': {
        const { id } = await memory.getConflict(PATH)
        return (await memory.resolveConflict(id, { keep: 'both' })).entryId
      }
    }
  }

  /** Whether the guard refuses everything in scope, and if not, what it hands to an agent. */
  async deliver(): Promise<'refused' | readonly unknown[]> {
    const guard = new ConflictGuard(this.memory, { now: () => NOW_MS })
    try {
      const context = await guard.checkAndCreateContext({ agent: 'explorer', scope: SCOPE })
      return context.list().map(({ value }) => value)
    } catch (error) {
      if (codeOf(error) !== 'GUARD_CONFLICT_PENDING') throw error
      return 'refused'
    } finally {
      await guard.close()
    }
  }
}

/** Counts what reaches a disk, and ends it when that is asked for. */
class Landings {
  readonly disk: MemoryStore
  readonly stopped: Promise<void>
  count = 0
  synced: MemoryStore
  readonly #stopAfter: number
  #stop: () => void = () => {}

  constructor({ disk, synced = disk.copy(), stopAfter = Number.POSITIVE_INFINITY }: OpenOptions) {
    this.disk = disk
    this.synced = synced
    this.#stopAfter = stopAfter
    this.stopped = new Promise((resolve) => {
      this.#stop = resolve
    })
  }

  storeAs(continuity: Continuity): Store {
    const store = intercepted(this.disk, async (partition, write, options, changes) => {
      if (partition !== 'public') return write()
      if (this.count === this.#stopAfter) return NEVER
      await write()
      if (options?.sync ?? this.disk.durability === 'disk') this.synced = this.disk.copy()
      if (changes.length === 0) return
      this.count++
      if (this.count < this.#stopAfter) return
      this.#stop()
      return NEVER
    })
    return { ...store, continuity }
  }
}

const NEVER = new Promise<never>(() => {})

/** One sync over a line of their own. When one of them stops meanwhile, the line breaks. */
export async function exchange(
  dialer: Device,
  listener: Device,
  type: Exchange,
  stopping?: Device
): Promise<void> {
  const [near, far] = memoryChannelPair(dialer.replica.device, listener.replica.device)
  const direction = type === 'pull' ? 'pull' : 'both'
  const serving = serveSession({ channel: far, replica: listener.replica, runtime: listener.runtime })
  const dialling = runSession({
    channel: near,
    replica: dialer.replica,
    runtime: dialer.runtime,
    direction
  }).then(
    () => undefined,
    (error: unknown) => error
  )
  if (stopping === undefined) {
    const errors = [await dialling, await serving].filter((error) => error !== undefined)
    if (errors.length > 0) throw errors[0]
    return
  }
  await stopping.stopped
  near.abort(new Error('the device has stopped'))
  await (stopping === dialer ? serving : dialling)
}
