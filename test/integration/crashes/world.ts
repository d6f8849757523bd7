import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { decodeInvitation, encodeInvitation } from '@cis-memory/core/sync'
import { homeAt } from 'cis-memory'
import { Random } from '../../simulator/src/random.ts'
import { App, AppError, type Doom } from '../support/app.ts'
import { atPort, portOf, RecordingProxy } from '../support/proxy.ts'
import { Sandbox } from '../support/sandbox.ts'
import { copyStore, inspect } from './inspect.ts'
import { Ledger, Records } from './ledger.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** A world begins in the past, so that some of its history is old enough to be cleaned later. */
const PAST_MS = -40 * DAY_MS
const ROUNDS_IN_THE_PAST = 6

/** Steps of what is written after which somebody dies at the latest. */
const MAX_STEPS = { working: 40, opening: 25, closing: 8, founding: 40, joining: 40, inviting: 8 }
const MAX_BYTES_BEFORE_DEATH = 20_000
const MOMENTS = ['before', 'during', 'after'] as const
const KINDS_OF_WORK = ['settle', 'curate', 'clean', 'transfer', 'type', 'ask'] as const

/** A device: the program that has its home open, and what that was told. */
interface Device {
  readonly name: string
  app: App
  readonly ledger: Ledger
  /** Whether its program is on the network. */
  isConnected: boolean
  /** Whether its history was cleaned. */
  isCleaned: boolean
  /** How often it may have begun to write under a new name: a death between the halves of a lease is a doubt. */
  maxEpochs: number
}

/** A space with a device that listens and one that dials, and the wire between them. */
export class World implements AsyncDisposable {
  readonly #random: Random
  readonly #sandbox: Sandbox
  readonly #wire: RecordingProxy
  readonly #records = new Records()
  readonly #deaths = new Map<string, number>()
  #clockOffsetMs = PAST_MS
  #wireAddress = ''
  #host!: Device
  #guest!: Device
  #newcomers = 0
  #runs = 0

  private constructor(random: Random, sandbox: Sandbox, wire: RecordingProxy) {
    this.#random = random
    this.#sandbox = sandbox
    this.#wire = wire
  }

  /** A space whose first device died while it was made, and whose second may have while it joined. */
  static async found(seed: string): Promise<World> {
    const world = new World(new Random(seed), await Sandbox.create(), await RecordingProxy.to(0))
    try {
      await world.#found()
      return world
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Somebody dies, comes back, and all is checked. Says what happened. */
  async round(index: number): Promise<string> {
    if (index === ROUNDS_IN_THE_PAST) await this.#endPast()
    const victim = this.#random.pick([this.#host, this.#guest])
    const kind = this.#random.weighted([
      [12, 'working'],
      [3, 'opening'],
      [2, 'closing'],
      [3, 'joining']
    ] as const)
    const isTogether = kind === 'joining' || this.#random.chance(0.4)
    if (kind === 'opening' || kind === 'closing') victim.maxEpochs++
    if (isTogether) await this.#connect(this.#host)
    if (kind === 'joining') {
      const newcomer = await this.#join()
      await this.#goOn(newcomer)
      await this.#finish(newcomer)
      return `${newcomer.name} joins`
    }
    let what = ''
    if (kind === 'closing') {
      await victim.app.ask('doom', this.#doom('closing'))
      await this.#dies(victim.app, victim.app.ask('close'), kind)
    } else {
      if (kind === 'opening') await this.#reopenDoomed(victim)
      what = isTogether ? await this.#workTogether(victim, kind) : await this.#workAlone(victim, kind)
    }
    const told = await this.#recover(victim)
    if (isTogether) await this.#goOn(this.#guest)
    return `${victim.name} dies ${kind}${what}${told}`
  }

  /** Ends both programs, and looks at what they leave. */
  async finish(): Promise<{ acknowledged: number; dots: number; deaths: ReadonlyMap<string, number> }> {
    let acknowledged = 0
    await this.#goOn(this.#guest)
    for (const device of [this.#guest, this.#host]) {
      await this.#finish(device)
      acknowledged += device.ledger.count
    }
    return { acknowledged, dots: this.#records.dots, deaths: this.#deaths }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox[Symbol.asyncDispose]()
    await this.#wire[Symbol.asyncDispose]()
  }

  async #found(): Promise<void> {
    const dying = this.#start('host', this.#doom('founding'))
    const isMade = await this.#dies(dying, dying.ask('init', { device: 'host' }), 'founding')
    this.#host = this.#device('host', this.#start('host'))
    await this.#again(this.#host.app.ask('init', { device: 'host' }), isMade)
    await this.#open(this.#host)
    this.#guest = await this.#join()
  }

  /** The years in which nothing was old enough to be cleaned are over. */
  async #endPast(): Promise<void> {
    this.#clockOffsetMs = 0
    for (const { app } of [this.#host, this.#guest]) await app.ask('clock', { offsetMs: 0 })
  }

  /** A device joins; it dies while it does, or the host does, and then it asks again with the same code. */
  async #join(): Promise<Device> {
    await this.#connect(this.#host)
    const name = `guest${++this.#newcomers}`
    const invitation = decodeInvitation(await this.#host.app.ask<string>('invite'))
    const code = encodeInvitation({ ...invitation, addresses: [this.#wireAddress] })
    const join = (app: App): Promise<unknown> => app.ask('join', { code, device: name })
    let isJoined = false
    if (this.#random.chance(0.5)) {
      const dying = this.#start(name, this.#doom('joining'))
      isJoined = await this.#dies(dying, join(dying), 'joining')
    } else {
      const joining = this.#start(name)
      await this.#host.app.ask('doom', this.#doom('inviting'))
      const joined = join(joining)
      const over = joined.catch(() => {})
      await this.#dies(this.#host.app, over, 'inviting')
      isJoined = await isDone(joined)
      await joining.crash()
      await this.#recover(this.#host)
      await this.#connect(this.#host)
    }
    const device = this.#device(name, this.#start(name))
    await this.#again(join(device.app), isJoined)
    await this.#open(device)
    return device
  }

  /** What was begun before a death can be asked for again, and is refused only when it had been done. */
  async #again(asked: Promise<unknown>, isDone: boolean): Promise<void> {
    const code = await asked.then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof AppError)) throw error
        return error.code
      }
    )
    if (isDone) assert.equal(code, 'CIS_HOME_EXISTS')
    else assert.ok(code === undefined || code === 'CIS_HOME_EXISTS', `asking again was refused: ${code}`)
  }

  /** Its home is to be opened by a program that may die of it. */
  async #reopenDoomed(device: Device): Promise<void> {
    await device.app.close()
    for (const acknowledged of device.app.wrote) device.ledger.add(acknowledged)
    this.#restart(device, this.#doom('opening'))
  }

  /** Somebody works until it dies of it. */
  async #workAlone(victim: Device, kind: 'working' | 'opening'): Promise<string> {
    const kinds = this.#kindsFor(victim)
    if (kind === 'working') await victim.app.ask('doom', this.#doom('working'))
    const work = async (): Promise<void> => {
      if (kind === 'opening') await this.#open(victim)
      await this.#work(victim, kinds)
    }
    assert.equal(await isDone(work()), false, 'somebody ended its work before it was told to')
    this.#count(kind)
    return ` alone (${kinds.join(', ')})`
  }

  /** Both work and sync until one dies, of it or of what has passed between them. */
  async #workTogether(victim: Device, kind: 'working' | 'opening'): Promise<string> {
    const survivor = victim === this.#host ? this.#guest : this.#host
    const kinds = new Map([victim, survivor].map((device) => [device, this.#kindsFor(device)]))
    kinds.get(this.#guest)?.push('sync')
    const passed = this.#random.below(MAX_BYTES_BEFORE_DEATH)
    const isOverWire = kind === 'working' && this.#random.chance(0.4)
    if (isOverWire) void this.#wire.after(passed).then(() => victim.app.crash())
    else if (kind === 'working') await victim.app.ask('doom', this.#doom('working'))
    await this.#connect(survivor)
    // Told to work before anybody dies, so that it is told to stop after that.
    const surviving = this.#work(survivor, kinds.get(survivor) ?? [])
    const dying = async (): Promise<void> => {
      if (kind === 'opening') await this.#open(victim)
      await this.#connect(victim)
      await this.#work(victim, kinds.get(victim) ?? [])
    }
    const died = isDone(dying()).then((isOver) => !isOver)
    const before = this.#wire.passed
    const isFirst = await Promise.race([died, surviving.then(() => false)]).catch((cause: unknown) => {
      const how = isOverWire ? `once ${passed} bytes have passed` : `at a step of ${kind}`
      const works = [...kinds].map(([{ name }, each]) => `${name}: ${each.join(', ')}`).join('; ')
      const told = `${victim.name} was to die ${how}; ${this.#wire.passed - before} bytes have (${works})`
      throw new Error(`${(cause as Error).message}; ${told}`, { cause })
    })
    assert.ok(isFirst, 'somebody ended its work before it was told to')
    await survivor.app.ask('stop')
    await surviving
    this.#count(kind)
    return ` beside ${survivor.name} (${kinds.get(victim)?.join(', ')})`
  }

  #kindsFor(device: Device): string[] {
    const isPast = this.#clockOffsetMs === PAST_MS
    const drawn = KINDS_OF_WORK.filter(() => this.#random.chance(0.4))
    const kinds = drawn.filter((kind) => !isPast || kind !== 'clean')
    if (kinds.includes('clean')) device.isCleaned = true
    return ['write', ...kinds]
  }

  /** Resolves once it was told to stop. */
  async #work({ app, name }: Device, kinds: readonly string[]): Promise<void> {
    const asked = { kinds, run: `${name}/${++this.#runs}`, peer: this.#wireAddress }
    await app.ask('work', asked)
  }

  /** Opens the home of somebody who has died, and looks whether all is there. */
  async #recover(device: Device): Promise<string> {
    await assertKilled(device.app)
    const { ledger, isCleaned, app } = device
    for (const acknowledged of app.wrote) ledger.add(acknowledged)
    const home = homeAt(app.home)
    const copy = await copyStore(home)
    this.#restart(device)
    const [inspection] = await Promise.all([inspect(copy, home), this.#open(device)])
    const complaints = [
      ...inspection.complaints,
      ...this.#records.add(inspection.entries.values()),
      ...ledger.missingFrom(inspection, isCleaned),
      ...(await device.app.ask<string[]>('missing', { paths: [...ledger.imported] })),
      ...(await device.app.ask<string[]>('untyped', { path: 'typed', words: ledger.words }))
    ]
    assert.deepEqual(complaints, [], `${device.name} after its death`)
    assert.ok(inspection.epochs <= device.maxEpochs, `${device.name} goes on under another name`)
    const verdict = await device.app.ask<{ state: string; noted?: string }>('verify', { noted: ledger.head })
    const noted = ledger.head === undefined ? undefined : 'found'
    assert.deepEqual([verdict.state, verdict.noted], ['intact', noted], `the audit log of ${device.name}`)
    return `; of ${app.wrote.length} acknowledged since it began, none is lost`
  }

  /** One sync, after which a device and the host have the same, and nothing is left to send. */
  async #goOn(device: Device): Promise<void> {
    await this.#connect(this.#host)
    await this.#connect(device)
    await device.app.ask('sync', { peer: this.#wireAddress })
    const again = await device.app.ask<{ received: number; sent: number }>('sync', {
      peer: this.#wireAddress
    })
    assert.deepEqual([again.received, again.sent], [0, 0], `a second sync of ${device.name}`)
    const state = async ({ app }: Device): Promise<unknown> => [
      (await app.ask<LiveEntry[]>('entries')).map(({ path, entryId }) => `${path} ${entryId}`).sort(),
      (await app.ask<string[]>('conflicts')).sort()
    ]
    assert.deepEqual(await state(device), await state(this.#host), `${device.name} and the host`)
  }

  /** Ends a program, and looks at what it leaves. */
  async #finish(device: Device): Promise<void> {
    await device.app.close()
    for (const acknowledged of device.app.wrote) device.ledger.add(acknowledged)
    const home = homeAt(device.app.home)
    const inspection = await inspect(await copyStore(home), home)
    const complaints = [
      ...inspection.complaints,
      ...this.#records.add(inspection.entries.values()),
      ...device.ledger.missingFrom(inspection, device.isCleaned)
    ]
    assert.deepEqual(complaints, [], `${device.name} at the end`)
  }

  /** The host is behind the wire, and known by the wire alone. */
  async #open({ app }: Device): Promise<void> {
    await rm(homeAt(app.home).peersFile, { force: true })
    await app.ask('open')
  }

  /** Goes on the network. */
  async #connect(device: Device): Promise<void> {
    if (device.isConnected) return
    const { app } = device
    const [address] = await app.ask<string[]>('listen', { dialOnly: device !== this.#host })
    device.isConnected = true
    if (address === undefined) return
    this.#wire.targetPort = portOf(address)
    this.#wireAddress = atPort(address, this.#wire.port)
  }

  /** Ends a doomed program that has not died of what it was asked; answers whether it had done it. */
  async #dies(app: App, asked: Promise<unknown>, kind: string): Promise<boolean> {
    const isOver = await isDone(asked)
    await app.crash()
    await assertKilled(app)
    this.#count(kind)
    return isOver
  }

  #restart(device: Device, doomed?: Doom): void {
    device.app = this.#start(device.name, doomed)
    device.isConnected = false
  }

  #start(name: string, doomed?: Doom): App {
    const options = { clockOffsetMs: this.#clockOffsetMs, ...(doomed !== undefined && { doomed }) }
    return App.start(this.#sandbox, name, options)
  }

  #device(name: string, app: App): Device {
    return {
      name,
      app,
      ledger: new Ledger(this.#records),
      isConnected: false,
      isCleaned: false,
      maxEpochs: 2
    }
  }

  #doom(kind: keyof typeof MAX_STEPS): Doom {
    return { steps: this.#random.below(MAX_STEPS[kind]), when: this.#random.pick(MOMENTS) }
  }

  #count(kind: string): void {
    this.#deaths.set(kind, (this.#deaths.get(kind) ?? 0) + 1)
  }
}

interface LiveEntry {
  readonly path: string
  readonly entryId: string
}

async function assertKilled({ child }: App): Promise<void> {
  const { exitCode, stderr } = await child.ended
  assert.equal(exitCode, null, `a program ended by itself: ${stderr}`)
}

/** Whether a program did what it was asked. It did not when it died before, or the one it talked to did. */
async function isDone(asked: Promise<unknown>): Promise<boolean> {
  try {
    await asked
    return true
  } catch (error) {
    if (error instanceof AppError && !/^(?:SYNC|TRANSPORT)_/.test(error.code ?? '')) throw error
    return false
  }
}
