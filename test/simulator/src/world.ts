import type { DeviceKey } from '@cis-memory/core'
import type { RowChange } from '@cis-memory/store'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { isSignedBy } from '../../../packages/core/src/entry/commit.ts'
import type { DomainCodec } from '../../../packages/core/src/replica/open-entry.ts'
import { fsck } from '../../../packages/core/test/support/fsck.ts'
import { type Running, SimulatedDevice } from './device.ts'
import { type Backup, type Crash, SimulatedDisk } from './disk.ts'
import { DiskRecord, type OwnActor } from './disk-record.ts'
import { codeOf, isExpected } from './expected.ts'
import type { Faults } from './faults.ts'
import { type Known, Ledger } from './ledger.ts'
import { MAX_LINE_FRAMES, Network } from './network.ts'
import { SCOPE } from './places.ts'
import { Random } from './random.ts'
import type { Trace } from './trace.ts'
import { promised, Violation } from './violation.ts'
import { VirtualTime } from './virtual-time.ts'

const START_MS = Date.UTC(2026, 0, 1)
/** Replicas that clones may add. */
const MAX_CLONES = 4

export interface WorldOptions {
  readonly seed: number
  readonly replicas: number
  readonly faults: Faults
  readonly trace: Trace
}

/** A copy of a device's disk with who it wrote as. */
interface StoreCopy {
  readonly backup: Backup
  readonly own: OwnActor
  readonly held: readonly Known[]
}

interface Task {
  readonly what: string
  readonly on: readonly (readonly [device: SimulatedDevice, running: Running | undefined])[]
}

/** All devices of a space with what connects them, and what an observer knows who sees every disk and every line. */
export class World {
  readonly options: WorldOptions
  readonly time: VirtualTime = new VirtualTime(START_MS)
  readonly random: Random
  readonly network: Network
  readonly ledger: Ledger = new Ledger()
  readonly devices: SimulatedDevice[] = []
  readonly trace: Trace
  /** What was counted, for reports and for tests that a fault happened at all. */
  readonly counts: Map<string, number> = new Map()
  readonly #records: DiskRecord[] = []
  readonly #copies = new Map<number, StoreCopy>()
  readonly #actors = new Set<string>()
  /** Commits with their signatures, and whether those hold: every device has most of them. */
  readonly #signatures = new Map<string, boolean>()
  #codec: DomainCodec | undefined
  #failure: unknown
  readonly #tasks = new Set<Task>()
  #number = 0

  constructor(options: WorldOptions) {
    const { seed, faults, trace } = options
    this.options = options
    this.trace = trace
    this.random = new Random(`world ${seed}`)
    const { loss, duplication, reordering, delay } = faults
    const random = this.random.split('network')
    const { time, onFault } = this
    this.network = new Network({ time, random, loss, duplication, reordering, delay, onFault })
  }

  /** Opens payloads, as any member can. */
  get codec(): DomainCodec {
    if (this.#codec === undefined) throw new Error('nothing is sealed before a space was started')
    return this.#codec
  }

  get failure(): unknown {
    return this.#failure
  }

  device(index: number): SimulatedDevice {
    return this.devices[index % this.devices.length] as SimulatedDevice
  }

  record(device: SimulatedDevice): DiskRecord {
    return this.#records[device.place] as DiskRecord
  }

  count(what: string, by: number = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  /** Counts what went wrong. */
  readonly onFault: (what: string) => void = (what) => this.count(`fault: ${what}`)

  /** Makes values differ. */
  nextNumber(): number {
    return this.#number++
  }

  fail(error: unknown): void {
    this.#failure ??= error
  }

  /**
   * Lets something go on beside everything else. What it throws fails the run, unless it is what may happen.
   *
   * @param on what has to go on running for it to end
   */
  launch(what: string, work: () => Promise<void>, on: readonly SimulatedDevice[] = []): void {
    const task = { what, on: on.map((device) => [device, device.running] as const) }
    this.#tasks.add(task)
    work()
      .catch((error: unknown) => {
        if (isExpected(error)) this.trace.line(`${what}: ${codeOf(error)}`)
        else this.fail(error instanceof Violation ? error : new Violation('no bug', what, { cause: error }))
      })
      .finally(() => this.#tasks.delete(task))
  }

  /** What was begun on devices that have been running since, and has not ended. */
  get unfinished(): readonly string[] {
    const isOn = (task: Task): boolean => task.on.every(([device, running]) => device.running === running)
    return [...this.#tasks].filter((task) => task.on.length > 0 && isOn(task)).map(({ what }) => what)
  }

  /** Lets time pass until something is so. */
  async until(isSo: () => boolean, limitMs: number): Promise<void> {
    const endMs = this.time.nowMs + limitMs
    while (!isSo() && this.time.nowMs < endMs) await this.pass(10)
    promised(isSo(), 'everything ends', () => `something takes longer than ${limitMs} ms`)
  }

  async pass(ms: number): Promise<void> {
    await this.time.pass(ms, () => {
      promised(
        this.network.longestQueue <= MAX_LINE_FRAMES,
        'P28: queues are bounded',
        () => 'a line is too full'
      )
      if (this.#failure !== undefined) throw this.#failure
    })
  }

  /** Opens a device, and checks what it finds. */
  async boot(device: SimulatedDevice): Promise<Running> {
    const record = this.record(device)
    await record.reread(device.disk.rows)
    const starting = device.start()
    const { store } = device
    const running = await starting
    const { actor } = running.replica
    promised(
      store?.continuity === 'kept' || !this.#actors.has(actor),
      'P15: doubt makes a new actor',
      () => actor
    )
    this.#actors.add(actor)
    this.#codec ??= running.replica.view('public').codec
    const complaints = await this.complaints(device, running)
    promised(complaints.length === 0, 'P14: after a crash all rows agree', () => complaints.join('; '))
    this.trace.line(`${device.place} is open as ${actor} (${store?.continuity})`)
    return running
  }

  /** What does not agree among the rows of a device. */
  complaints(device: SimulatedDevice, { replica }: Running): Promise<string[]> {
    const isSigned: typeof isSignedBy = (commit, author) => {
      const name = `${commit.id} ${toHex(commit.signature)} ${author}`
      const holds = this.#signatures.get(name) ?? isSignedBy(commit, author)
      this.#signatures.set(name, holds)
      return holds
    }
    return fsck(replica, device.disk.rows, { isSigned, isMurky: (dot) => this.ledger.isMurky(dot) })
  }

  /** Stops a device without a word, and opens it again later. */
  crash(device: SimulatedDevice, crash: Crash, downMs: number): void {
    if (device.isDown) return
    const { durability } = device.disk.options
    const before = this.#entriesAt(device)
    device.crash(crash)
    this.trace.line(`${device.place} stops: ${JSON.stringify(crash)}`)
    this.launch('opening after a crash', async () => {
      await this.#settleLosses(device, before, crash.isPowerCut && durability === 'os')
      await this.time.pause(downMs)
      if (device.isDown) await this.boot(device)
    })
  }

  /** Closes a device and opens it again. */
  async restart(device: SimulatedDevice, downMs: number): Promise<void> {
    if (device.running === undefined) return
    await device.stop()
    this.trace.line(`${device.place} is closed`)
    await this.time.pause(downMs)
    if (device.isDown) await this.boot(device)
  }

  /** An owner whose disk refused a write closes and opens again. */
  async recover(device: SimulatedDevice): Promise<void> {
    if (device.isRestartDue || device.running === undefined) return
    device.isRestartDue = true
    await this.time.pause(1_000)
    device.disk.isFull = false
    device.isRestartDue = false
    await this.restart(device, 10)
  }

  /** Keeps a copy of what is on a device's disk. */
  backUp(device: SimulatedDevice): void {
    this.#copies.set(device.place, this.#copyOf(device))
  }

  /** Whether there is a copy of what was on a device's disk. */
  hasBackup(device: SimulatedDevice): boolean {
    return this.#copies.has(device.place)
  }

  get hasRoomForClones(): boolean {
    return this.devices.length < this.options.replicas + MAX_CLONES
  }

  /** Puts the last copy in place of what is on a device's disk. */
  async restore(device: SimulatedDevice, isSilent: boolean, downMs: number): Promise<void> {
    const copy = this.#copies.get(device.place)
    if (copy === undefined) return
    const before = this.#entriesAt(device)
    device.crash({ isPowerCut: false, isLanded: false, kept: 1 })
    device.disk.restore(copy.backup, isSilent)
    if (isSilent) this.ledger.split(copy.own.actor, copy.own.last)
    this.onFault(isSilent ? 'backup restored without a trace' : 'backup restored')
    this.trace.line(`${device.place} is restored`)
    await this.#settleLosses(device, before, true)
    await this.time.pause(downMs)
    if (device.isDown) await this.boot(device)
  }

  /** Starts a copy of a running device beside it. */
  async clone(original: SimulatedDevice, isSilent: boolean): Promise<void> {
    if (!this.hasRoomForClones) return
    const copy = this.#copyOf(original)
    this.onFault(isSilent ? 'store cloned without a trace' : 'store cloned')
    const { key, isHostile, disk } = original.options
    const clone = this.addDevice(this.addDisk(disk.options.durability, copy.backup), key, isHostile)
    if (isSilent) this.ledger.split(copy.own.actor, copy.own.last)
    clone.disk.restore(copy.backup, isSilent)
    clone.skewMs = original.skewMs
    this.trace.line(`${clone.place} is a copy of ${original.place}`)
    await this.boot(clone)
  }

  /** Plugs in a disk at the next place. */
  addDisk(durability: 'disk' | 'os', backup?: Backup): SimulatedDisk {
    const place = this.devices.length
    const random = this.random.split(`disk ${place}`)
    const record = new DiskRecord(place, this.ledger)
    this.#records.push(record)
    const onLanded = (changes: readonly RowChange[]): void => {
      try {
        record.landed(changes, this.#codec)
      } catch (error) {
        this.fail(error)
      }
    }
    const id = backup?.rows.id ?? random.bytes(16)
    const { time, onFault } = this
    const disk = new SimulatedDisk({ time, random, id, durability, onLanded, onFault }, backup)
    disk.slowReads = this.options.faults.slowReads
    return disk
  }

  /** Plugs in the device that the last disk is for. */
  addDevice(disk: SimulatedDisk, key: DeviceKey, isHostile: boolean): SimulatedDevice {
    const place = this.devices.length
    const random = this.random.split(`device ${place}`)
    const device = new SimulatedDevice({ place, scope: SCOPE, key, disk, time: this.time, random, isHostile })
    this.devices.push(device)
    return device
  }

  /** Whether somebody else still has an entry who will give it to whoever asks. */
  isElsewhere(entry: Known, place: number): boolean {
    return this.#records.some((record) => {
      const isOther = record.place !== place && !this.device(record.place).options.isHostile
      return isOther && (record.has(entry) || record.held.has(entry.id))
    })
  }

  #copyOf(device: SimulatedDevice): StoreCopy {
    const { own, held } = this.record(device)
    return { backup: device.disk.backUp(), own, held: [...held].flatMap((id) => this.ledger.find(id) ?? []) }
  }

  #entriesAt(device: SimulatedDevice): Set<Known> {
    const record = this.record(device)
    const received = [...record.paths].flatMap((path) => [...record.received(path).values()])
    const held = [...record.held].flatMap((id) => this.ledger.find(id) ?? [])
    return new Set([...received, ...held])
  }

  /** What is gone from a disk may be gone only when the disk is to blame, and then nobody may have been told of it. */
  async #settleLosses(
    device: SimulatedDevice,
    before: ReadonlySet<Known>,
    isDiskToBlame: boolean
  ): Promise<void> {
    const record = this.record(device)
    await record.reread(device.disk.rows)
    for (const entry of before) {
      if (record.has(entry) || record.held.has(entry.id)) continue
      promised(
        isDiskToBlame,
        'P11: no acknowledged write is lost',
        () => `${entry.id} is gone from ${device.place}`
      )
      if (!this.isElsewhere(entry, device.place)) this.ledger.destroyed(entry.id)
    }
  }
}
