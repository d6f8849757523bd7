import { timestampFromMs } from '@cis-memory/clock'
import type { DeviceKey } from '@cis-memory/core'
import type { Continuity, MemoryStore } from '@cis-memory/store'
import type { Batch } from '../../../packages/core/src/sync/batch.ts'
import { Forger } from '../../../packages/core/test/support/forge.ts'
import { promised } from '../../simulator/src/violation.ts'
import { Checks, checkNothingLost } from './checks.ts'
import { allReceived, type Contents, contentsOf } from './contents.ts'
import { Device, exchange, NOW_MS, PATH } from './device.ts'
import { Entries } from './entries.ts'
import { found } from './founding.ts'
import type { Act, Exchange, Forgery, Stop } from './operations.ts'
import type { Renamings } from './renaming.ts'

const MINUTE_MS = 60_000

/** What is on one device's disk. Two are the same when all their rows are, and what chance will bring. */
export interface Local {
  readonly number: number
  readonly place: number
  /** How often it was put back: chance never repeats itself. */
  readonly life: number
  readonly disk: MemoryStore
  /** What a power cut would leave, in durability `os`. */
  readonly synced: MemoryStore
  readonly contents: Contents
  /** How it came about, under each renaming of the replicas. */
  readonly terms: readonly number[]
  /** Whose memory it is; a clone has that of the original. */
  readonly device: string
}

/** What a sync left at both ends. */
export interface Exchanged {
  readonly dialer: Local
  readonly listener: Local
  /** Batches that have landed at each place. */
  readonly batches: ReadonlyMap<number, number>
}

export interface Settings {
  readonly replicas: number
  readonly durability: 'disk' | 'os'
  /** What a store that was restored or copied is opened as. Anything but the default is a bug. */
  readonly restoredAs?: 'copied-or-restored' | 'kept'
}

/**
 * Has production code do what an operation says, once for each local state it can begin in: what a device does
 * follows from its rows, its clock, which stands still, and chance, which follows from both.
 */
export class Transitions {
  readonly entries: Entries = new Entries()
  readonly checks: Checks = new Checks(this.entries)
  /** How often production code was run. */
  runs = 0
  /** Whether a process is also let go on, to compare it with one that comes back after a crash. */
  goesOn = true
  readonly #settings: Settings
  readonly #renamings: Renamings
  readonly #locals = new Map<string, Local>()
  readonly #memo = new Map<string, unknown>()
  /** What a process that went on made of a put, by the number of the state it went on from. */
  readonly #continued = new Map<number, string>()
  #start: readonly Local[] = []
  #forgers: readonly [ahead: Forger, behind: Forger] | undefined

  constructor(settings: Settings, renamings: Renamings) {
    this.#settings = settings
    this.#renamings = renamings
  }

  get localCount(): number {
    return this.#locals.size
  }

  async start(): Promise<readonly Local[]> {
    const { replicas, durability } = this.#settings
    const { devices, forgers } = await found(replicas, durability)
    const [first] = devices as [Device]
    const forgerOf = (key: DeviceKey): Forger => new Forger(first.replica, key)
    this.#forgers = [forgerOf(forgers[0]), forgerOf(forgers[1])]
    const locals: Local[] = []
    for (const [place, device] of devices.entries()) {
      locals.push(await this.#arrive(device, place, 0, this.#renamings.start(place)))
    }
    this.#start = locals
    return locals
  }

  /** @returns nothing when there is nothing to do or it was refused */
  async act(local: Local, act: Act): Promise<Local | undefined> {
    return this.#once(`${act} ${local.number}`, async () => {
      const value = `said at ${local.place}.${local.life} on ${local.contents.digest}`
      const device = await this.#open(local, 'act')
      const written = await device.act(act, value)
      const after = await contentsOf(device.disk)
      if (written === undefined) {
        promised(after.digest === local.contents.digest, 'what is refused changes nothing', () => act)
        return undefined
      }
      this.#learn(device, local.contents, after)
      this.checks.checkAct(act, value, written, local.contents, after)
      checkNothingLost(local.contents, after)
      const continued = act === 'put' ? this.#continued.get(local.number) : undefined
      promised(
        continued === undefined || continued === after.digest,
        'P14: a crash at rest changes nothing',
        () => {
          return `a process that goes on writes otherwise than one that comes back`
        }
      )
      const terms = this.#renamings.after(act, [local.terms])
      return this.#arrive(device, local.place, local.life, terms, after)
    })
  }

  async exchange(dialer: Local, listener: Local, type: Exchange, stop?: Stop): Promise<Exchanged> {
    const name = stop === undefined ? type : `${type} stopped at ${stop.place} after ${stop.batches}`
    return this.#once(`${name} ${dialer.number} ${listener.number}`, async () => {
      const stopAt = (place: number): number | undefined => (stop?.place === place ? stop.batches : undefined)
      const one = await this.#open(dialer, `dial ${listener.contents.digest}`, stopAt(dialer.place))
      const other = await this.#open(listener, `hear ${dialer.contents.digest}`, stopAt(listener.place))
      const stopping = stop === undefined ? undefined : stop.place === dialer.place ? one : other
      await exchange(one, other, type, stopping)
      const [atDialer, atListener] = [await contentsOf(one.disk), await contentsOf(other.disk)]
      this.checks.checkArrived(dialer.contents, atDialer, listener.contents)
      this.checks.checkArrived(listener.contents, atListener, dialer.contents)
      if (stop === undefined) {
        this.checks.checkPulled(dialer.contents, atDialer, listener.contents)
        if (type === 'sync') this.checks.checkPulled(listener.contents, atListener, dialer.contents)
      }
      await this.#checkSynced(one, listener.contents, atListener)
      await this.#checkSynced(other, dialer.contents, atDialer)
      const batches = new Map([
        [dialer.place, one.batches],
        [listener.place, other.batches]
      ])
      const named = stop === undefined ? type : `${type} !${stop.place === dialer.place}:${stop.batches}`
      const arrive = async (end: Device, before: Local, contents: Contents): Promise<Local> => {
        const ends = [dialer.terms, listener.terms]
        const terms = this.#renamings.after(`${named} ${before === dialer ? 'dialer' : 'listener'}`, ends)
        if (end !== stopping) {
          return this.#arrive(end, before.place, before.life, terms, contents, before)
        }
        return this.#arrive(await this.#comeBack(end, before, contents), before.place, before.life, terms)
      }
      return {
        dialer: await arrive(one, dialer, atDialer),
        listener: await arrive(other, listener, atListener),
        batches
      }
    })
  }

  /** An earlier copy of a disk takes its place, and that is noticed. */
  async restore(local: Local, backup: Local): Promise<Local> {
    return this.#once(`restore ${local.number} ${backup.number}`, () => {
      const terms = this.#renamings.after('restore', [local.terms, backup.terms])
      return this.#reopen(backup, backup.disk, local.place, local.life + 1, terms, local.contents.actor)
    })
  }

  /** A copy of a disk is started at a place of its own, and that is noticed. */
  async clone(local: Local): Promise<Local> {
    return this.#once(`clone ${local.number}`, () => {
      const terms = this.#renamings.after('clone', [local.terms])
      return this.#reopen(local, local.disk, this.#settings.replicas, 0, terms, local.contents.actor)
    })
  }

  /** In durability `os`: the process is killed, or the power is cut and all that was not waited for is lost. */
  async fail(local: Local, fate: 'kill' | 'cut'): Promise<Local> {
    return this.#once(`${fate} ${local.number}`, () => {
      const disk = fate === 'cut' ? local.synced : local.disk
      const terms = this.#renamings.after(fate, [local.terms])
      return this.#reopen(
        local,
        disk,
        local.place,
        local.life + 1,
        terms,
        local.contents.actor,
        'unclean-stop'
      )
    })
  }

  /** @returns nothing when it was there already */
  async forge(local: Local, forgery: Forgery, about: number): Promise<Local | undefined> {
    return this.#once(`${forgery} ${local.number} ${about}`, async () => {
      const device = await this.#open(local, forgery)
      await device.replica.ingest(this.#forged(device, forgery, about))
      const after = await contentsOf(device.disk)
      checkNothingLost(local.contents, after)
      if (after.digest === local.contents.digest) return undefined
      const terms = this.#renamings.after(forgery, [local.terms], [about])
      return this.#arrive(device, local.place, local.life, terms, after)
    })
  }

  #forged(device: Device, forgery: Forgery, about: number): Batch {
    const [ahead, behind] = this.#forgers as readonly [Forger, Forger]
    const [forger, other] = forgery === 'ahead' ? [ahead, behind] : [behind, ahead]
    const author = (this.#start[about] as Local).contents.actor
    const context = new Map([author, other.actor].map((actor) => [actor as typeof other.actor, 1]))
    const hlc = timestampFromMs(NOW_MS + (forgery === 'ahead' ? 5 : -5) * MINUTE_MS)
    const entry = forger.entry(PATH, 1, { context, hlc, value: `forged about ${about}` })
    const { codec } = device.replica.view('public')
    const { header, cipher } = entry
    const { id, dot } = header
    const stored = { id, dot, hlc, context, header, cipher, proofPath: undefined, lsn: 0n }
    this.entries.wrote(stored, codec, [], true)
    return forger.batch([entry])
  }

  async #reopen(
    from: Local,
    disk: MemoryStore,
    place: number,
    life: number,
    terms: readonly number[],
    actor: string,
    continuity: Continuity = this.#settings.restoredAs ?? 'copied-or-restored'
  ): Promise<Local> {
    const name = `open ${place}.${life} ${from.contents.digest}`
    this.runs++
    const device = await Device.open({ disk: disk.copy(), name, continuity })
    const after = await contentsOf(device.disk)
    const isNew = after.actor !== from.contents.actor && after.actor !== actor
    promised(isNew || continuity === 'kept', 'P15: doubt makes a new actor', () => after.actor)
    return this.#arrive(device, place, life, terms, after)
  }

  async #open(local: Local, what: string, stopAfter?: number): Promise<Device> {
    this.runs++
    const { disk, synced } = local
    const name = nameOf(local, what)
    const device = await Device.open({ disk: disk.copy(), synced, name, stopAfter })
    // What opening draws is for nobody to see. What follows draws the same as in a process that goes on.
    device.runtime.rename(name)
    return device
  }

  /** Opens what a device has left that stopped in the middle. */
  #comeBack({ disk, synced }: Device, { place, life }: Local, { digest }: Contents): Promise<Device> {
    this.runs++
    const continuity = this.#settings.durability === 'os' ? 'unclean-stop' : 'kept'
    return Device.open({
      disk: disk.copy(),
      synced,
      name: `come back ${place}.${life} ${digest}`,
      continuity
    })
  }

  /** Tells of what was written here, which was written on what stood there. */
  #learn(device: Device, before: Contents, after: Contents): void {
    for (const entry of after.entries) {
      if (this.entries.has(entry.id)) continue
      promised(entry.dot.actor === after.actor, 'nothing comes from nowhere', () => entry.id)
      const path = Buffer.from(entry.header.path).toString('hex')
      this.entries.wrote(entry, device.replica.view('public').codec, before.live.get(path) ?? [])
    }
  }

  /** P13: in durability `os` too, what a peer has been given is on the disk. */
  async #checkSynced(from: Device, before: Contents, after: Contents): Promise<void> {
    if (this.#settings.durability === 'disk') return
    const onDisk = new Set(allReceived(await contentsOf(from.synced)))
    const had = new Set(allReceived(before))
    for (const id of allReceived(after)) {
      promised(had.has(id) || onDisk.has(id), 'P13: nothing is sent before it is on disk', () => id)
    }
  }

  /** The local state that a device has arrived in. One that is new is checked. */
  async #arrive(
    device: Device,
    place: number,
    life: number,
    terms: readonly number[],
    known?: Contents,
    before?: Local
  ): Promise<Local> {
    const contents = known ?? (await contentsOf(device.disk))
    if (contents.digest === before?.contents.digest && this.#settings.durability === 'disk') return before
    const synced = this.#settings.durability === 'disk' ? '' : (await contentsOf(device.synced)).digest
    const name = `${place}.${life} ${contents.digest} ${synced}`
    const local = this.#locals.get(name)
    if (local !== undefined) return local
    const arrived: Local = {
      number: this.#locals.size,
      place,
      life,
      disk: device.disk.copy(),
      synced: device.synced,
      contents: { ...contents, entries: [] },
      terms,
      device: device.replica.device
    }
    this.#locals.set(name, arrived)
    await this.checks.check(device, contents)
    if (this.goesOn) await this.#goOn(device, arrived)
    return arrived
  }

  async #goOn(device: Device, local: Local): Promise<void> {
    device.runtime.rename(nameOf(local, 'act'))
    const written = await device.act(
      'put',
      `said at ${local.place}.${local.life} on ${local.contents.digest}`
    )
    if (written !== undefined) this.#continued.set(local.number, (await contentsOf(device.disk)).digest)
  }

  async #once<T>(name: string, run: () => Promise<T>): Promise<T> {
    if (this.#memo.has(name)) return this.#memo.get(name) as T
    const result = await run()
    this.#memo.set(name, result)
    return result
  }
}

function nameOf({ place, life, contents }: Local, what: string): string {
  return `${place}.${life} ${contents.digest} ${what}`
}
