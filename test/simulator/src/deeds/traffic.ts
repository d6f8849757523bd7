import { decodeBatch, SyncSession, serveSession } from '@cis-memory/core/sync'
import { fromHex } from '../../../../packages/core/src/entry/bytes.ts'
import { broadcastOf, receiveBroadcast } from '../../../../packages/transport/src/broadcast.ts'
import type { Running, SimulatedDevice } from '../device.ts'
import { codeOf, isExpected, isExpectedOfSession, needsReopening } from '../expected.ts'
import type { SimulatedChannel } from '../network.ts'
import { SCOPES, tokenOf, valuePath } from '../places.ts'
import type { Deed } from '../script.ts'
import { promised, Violation } from '../violation.ts'
import { Wire } from '../wire.ts'
import type { World } from '../world.ts'

type Of<T extends Deed['type']> = Extract<Deed, { type: T }>

/** Bytes before the batch in a broadcast. */
const BROADCAST_NONCE_BYTES = 8
/** What those who repeat others remember of each kind. */
const MAX_RECORDED = 256

/** Whether both run, and one is not a copy of the other: those are one peer. */
export function canSync(dialer: SimulatedDevice, listener: SimulatedDevice): boolean {
  const areRunning = dialer.running !== undefined && listener.running !== undefined
  return areRunning && dialer.end.device !== listener.end.device
}

interface Session {
  readonly session: SyncSession
  readonly running: readonly [Running, Running]
}

/** What devices say to each other. */
export class Traffic {
  readonly #world: World
  readonly #wire: Wire
  readonly #kept = new Map<string, Session>()
  /** Broadcasts and frames of sessions as they were, for those who repeat them. */
  readonly recorded: Record<'broadcasts' | 'frames', Uint8Array[]> = { broadcasts: [], frames: [] }

  constructor(world: World) {
    this.#world = world
    this.#wire = new Wire(world)
  }

  async sync(deed: Of<'sync'>): Promise<void> {
    const dialer = this.#world.device(deed.device)
    const listener = this.#world.device(deed.peer)
    const ends = [dialer.running, listener.running] as const
    if (ends[0] === undefined || ends[1] === undefined || !canSync(dialer, listener)) return
    const scope = fromHex(deed.scope === 0 ? '' : tokenOf(ends[0].replica, SCOPES[deed.scope] as string))
    try {
      const session = await this.#session(deed, dialer, listener, [ends[0], ends[1]])
      const report = await session.sync({ direction: deed.direction, scope })
      this.#world.count('syncs')
      this.#world.count('entries received', report.received)
      this.#world.trace.line(`${dialer.place} synced with ${listener.place}: ${JSON.stringify(report)}`)
      if (!deed.isKept) await session.close()
    } catch (error) {
      this.#world.count(`sync: ${codeOf(error)}`)
      this.ended(dialer, listener, error)
    }
  }

  /** A session is over. Between two that mean well only the network and a disk may be to blame. */
  ended(here: SimulatedDevice, there: SimulatedDevice, error: unknown): void {
    if (error === undefined) return
    this.#world.trace.line(`${here.place} to ${there.place}: ${codeOf(error)}`)
    const isHonest = !here.options.isHostile && !there.options.isHostile
    const isFine = isHonest ? isExpectedOfSession(error) : codeOf(error) !== undefined
    if (!isFine)
      this.#world.fail(new Violation('no bug', 'a session of two honest members', { cause: error }))
    if (needsReopening(error)) this.#world.launch('recovery', () => this.#world.recover(here))
  }

  async broadcast({ device: index, path }: Of<'broadcast'>): Promise<void> {
    const device = this.#world.device(index)
    const replica = device.running?.replica
    if (replica === undefined) return
    const token = fromHex(tokenOf(replica, valuePath(path)))
    let messages: Uint8Array[]
    try {
      messages = await broadcastOf(replica, token)
    } catch (error) {
      if (!isExpected(error)) throw error
      return
    }
    for (const message of messages) {
      this.#wire.broadcast(device, message, decodeBatch(message.subarray(BROADCAST_NONCE_BYTES)))
      keep(this.recorded.broadcasts, message)
      for (const other of this.#world.devices) if (other !== device) this.whisper(device, other, message)
    }
  }

  /** Sends one broadcast to one device. */
  whisper(from: SimulatedDevice, to: SimulatedDevice, message: Uint8Array, isHonest: boolean = true): void {
    this.#world.network.broadcast(from.place, to.place, () => {
      const { running } = to
      if (running === undefined) return
      this.#world.launch('a broadcast', async () => {
        try {
          const { verdict } = await receiveBroadcast(running.replica, message)
          this.#world.count(`broadcast: ${verdict}`)
          promised(
            !isHonest || verdict !== 'reject',
            'an honest broadcast is authentic',
            () => `${from.place}`
          )
          this.#world.trace.line(`${to.place} heard ${from.place}: ${verdict}`)
        } catch (error) {
          if (needsReopening(error)) await this.#world.recover(to)
          else throw error
        }
      })
    })
  }

  /** A line of which the ends are held by what runs on their devices. */
  connect(
    dialer: SimulatedDevice,
    listener: SimulatedDevice,
    options: { readonly allowed: readonly string[]; readonly cut?: Of<'sync'>['cut'] }
  ): [SimulatedChannel, SimulatedChannel] {
    const [a, b] = this.#world.network.connect(
      dialer.end,
      listener.end,
      (from, _to, frame) => {
        try {
          keep(this.recorded.frames, frame)
          this.#wire.frame(this.#world.device(from.place), frame, options.allowed)
        } catch (error) {
          this.#world.fail(error)
        }
      },
      options.cut
    )
    dialer.holds(a)
    listener.holds(b)
    return [a, b]
  }

  /** Has a device answer a session. */
  serve(
    device: SimulatedDevice,
    peer: SimulatedDevice,
    channel: SimulatedChannel,
    shared: readonly string[]
  ): void {
    const { running } = device
    if (running === undefined) return
    const { replica, runtime } = running
    const scopes = shared.map(fromHex)
    const serving = serveSession({ channel, replica, runtime, shared: () => scopes })
    void serving.then((error) => {
      device.letsGo(channel)
      this.ended(device, peer, error)
    })
  }

  async #session(
    deed: Of<'sync'>,
    dialer: SimulatedDevice,
    listener: SimulatedDevice,
    running: readonly [Running, Running]
  ): Promise<SyncSession> {
    const name = `${dialer.place}/${listener.place}/${deed.share}`
    const kept = this.#kept.get(name)
    if (kept?.running.every((each, i) => each === running[i])) return kept.session
    const { replica, runtime } = running[0]
    const share = deed.share === 0 ? '' : tokenOf(replica, SCOPES[deed.share] as string)
    // A session that is kept may be asked for another scope next time.
    const isScoped = deed.scope !== 0 && !deed.isKept
    const allowed = isScoped ? [share, tokenOf(replica, SCOPES[deed.scope] as string)] : [share]
    const [a, b] = this.connect(dialer, listener, {
      allowed,
      ...(deed.cut === undefined ? {} : { cut: deed.cut })
    })
    this.serve(listener, dialer, b, [share])
    const scopes = [fromHex(share)]
    const session = await SyncSession.open({ channel: a, replica, runtime, shared: () => scopes })
    if (deed.isKept) this.#kept.set(name, { session, running })
    void session.ended.then(() => {
      dialer.letsGo(a)
      if (this.#kept.get(name)?.session === session) this.#kept.delete(name)
    })
    return session
  }
}

function keep(recorded: Uint8Array[], bytes: Uint8Array): void {
  if (recorded.push(bytes) > MAX_RECORDED) recorded.shift()
}
