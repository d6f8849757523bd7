import { createHash } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { timestampFromMs } from '@cis-memory/clock'
import { MAX_FRAME_BYTES, type Replica } from '@cis-memory/core'
import { encodeBatch, type SyncReplica, SyncSession } from '@cis-memory/core/sync'
import { seal } from '@cis-memory/store'
import { concat, fromHex } from '../../../../packages/core/src/entry/bytes.ts'
import { encodeCbor } from '../../../../packages/core/src/entry/cbor.ts'
import { type Commit, decodeCommit } from '../../../../packages/core/src/entry/commit.ts'
import { sha256 } from '../../../../packages/core/src/entry/hash.ts'
import { payloadContext, sealHeader } from '../../../../packages/core/src/entry/header.ts'
import { deriveSpaceKeys } from '../../../../packages/core/src/entry/space-keys.ts'
import { MAX_PAYLOAD_BYTES } from '../../../../packages/core/src/limits.ts'
import { storedEntry } from '../../../../packages/core/src/replica/stored-entry.ts'
import type { Batch } from '../../../../packages/core/src/sync/batch.ts'
import { encodeMessage, type Message } from '../../../../packages/core/src/sync/messages.ts'
import {
  fromLittleEndian,
  IDENTITY,
  type Point,
  signStrangely,
  smallOrderPoints
} from '../../../../packages/core/test/entry/edwards.ts'
import { type ForgedEntry, Forger } from '../../../../packages/core/test/support/forge.ts'
import { Impostor } from '../../../../packages/core/test/sync/impostor.ts'
import type { Running, SimulatedDevice } from '../device.ts'
import { codeOf } from '../expected.ts'
import { ALL_PATHS, attackedPath, CANARY, valuePath } from '../places.ts'
import type { Deed } from '../script.ts'
import type { World } from '../world.ts'
import type { Traffic } from './traffic.ts'

type Attack = Extract<Deed, { type: 'attack' }>

const DAY_MS = 86_400_000
const SIGNED_COMMIT_LABEL = Buffer.from('cis/commit/1\0')
const NO_BYTES = new Uint8Array(0)
const FLOOD_COMMITS = 2
const FLOOD_ENTRIES = 64
let smallOrder: readonly Point[] | undefined

/** A member who has the space's keys and no manners. */
export class Adversary {
  readonly #world: World
  readonly #traffic: Traffic
  readonly #device: SimulatedDevice
  readonly #running: Running

  constructor(world: World, traffic: Traffic, device: SimulatedDevice, running: Running) {
    this.#world = world
    this.#traffic = traffic
    this.#device = device
    this.#running = running
  }

  async attack(deed: Attack, victim: SimulatedDevice): Promise<void> {
    const path = attackedPath(deed.path)
    switch (deed.kind) {
      case 'inflate':
        return this.#send(victim, this.#forged(deed, { path, context: await this.#everything(0) }))
      case 'claim-the-unwritten':
        return this.#send(victim, this.#forged(deed, { path, context: await this.#everything(50) }))
      case 'deflate':
        return this.#send(victim, this.#forged(deed, { path }))
      case 'date-ahead': {
        const hlc = timestampFromMs(this.#running.runtime.now() + (1 + (deed.pick % 25)) * DAY_MS)
        return this.#send(victim, this.#forged(deed, { path, hlc }))
      }
      case 'misplace':
        return this.#send(victim, this.#forged(deed, { path, sealedPath: ALL_PATHS[0] as string }))
      case 'equivocate':
        return this.#equivocate(deed, victim, path)
      case 'break-signature':
      case 'twist-signature':
        return this.#sign(deed, victim, path)
      case 'impersonate':
        return this.#impersonate(deed, victim, path)
      case 'seal-garbage':
      case 'bomb-payload':
        return this.#sealOddly(deed, victim, path)
      case 'flood':
        return this.#flood(deed, victim, path)
      case 'misattest':
        return this.#misattest(deed, victim)
      case 'replay': {
        const { broadcasts } = this.#traffic.recorded
        const message = broadcasts[deed.pick % Math.max(1, broadcasts.length)]
        if (message !== undefined) this.#traffic.whisper(this.#device, victim, message)
        return
      }
      case 'omit':
      case 'lie-about-tip':
        return this.#lie(deed, victim)
      default:
        return this.#misbehave(deed, victim)
    }
  }

  /** A head of every actor known here, or somewhat beyond it. */
  async #everything(beyond: number): Promise<Map<Replica['actor'], number>> {
    const { replica } = this.#running
    const context = new Map<Replica['actor'], number>()
    for (const record of replica.membership.records()) {
      const head = record.kind === 'epoch' ? await replica.headOf(record.actor) : undefined
      if (head !== undefined) context.set(head.actor, head.last + beyond)
    }
    return context
  }

  #forger({ pick }: Attack): Forger {
    return new Forger(this.#running.replica, this.#device.options.key, pick % 256)
  }

  #forged(
    deed: Attack,
    { path, ...options }: Parameters<Forger['entry']>[2] & { readonly path: string }
  ): Batch {
    const forger = this.#forger(deed)
    const context = new Map(options.context)
    context.delete(forger.actor)
    return forger.batch([this.#known(forger.entry(path, 1, { value: this.#value(), ...options, context }))])
  }

  /** Two entries under one number, each for somebody else. */
  async #equivocate(deed: Attack, victim: SimulatedDevice, path: string): Promise<void> {
    const forger = this.#forger(deed)
    const other = this.#world.device(deed.victim + 1)
    for (const to of [victim, other]) {
      await this.#send(to, forger.batch([this.#known(forger.entry(path, 1, { value: this.#value() }))]))
    }
  }

  /** A commit whose signature does not hold, or holds only for those who multiply by the cofactor. */
  async #sign(deed: Attack, victim: SimulatedDevice, path: string): Promise<void> {
    const forger = this.#forger(deed)
    const batch = forger.batch([forger.entry(path, 1, { value: this.#value() })])
    const twist = (bytes: Uint8Array): Uint8Array => {
      smallOrder ??= smallOrderPoints()
      const seed = createHash('sha512').update(forger.key.exportSeed()).digest()
      const scalar = (fromLittleEndian(seed.subarray(0, 32)) & ((1n << 254n) - 8n)) | (1n << 254n)
      const torsion = { key: IDENTITY, r: smallOrder[1 + (deed.pick % 7)] as Point }
      const message = concat(SIGNED_COMMIT_LABEL, bytes)
      return signStrangely(scalar, BigInt(deed.pick + 1), message, torsion).signature
    }
    const commits = batch.commits.map(({ commit, leaves }) => {
      const broken = commit.signature.map((byte, i) => (i === deed.pick % 64 ? byte ^ 1 : byte))
      const signature = deed.kind === 'twist-signature' ? twist(commit.bytes) : broken
      return { commit: decodeCommit(commit.bytes, signature), leaves }
    })
    const entries = batch.entries.map((entry) => ({ ...entry, commit: commits[0]?.commit ?? entry.commit }))
    await this.#send(victim, { ...batch, commits, entries })
  }

  /** What somebody else is said to have written. */
  async #impersonate(_deed: Attack, victim: SimulatedDevice, path: string): Promise<void> {
    const target = victim.running?.replica
    if (target === undefined) return
    const head = await target.headOf(target.actor)
    const forger = new AnotherActor(this.#running.replica, target.actor, this.#device.options.key)
    const entry = forger.entry(path, (head?.last ?? 0) + 1, { value: this.#value() })
    await this.#send(victim, { ...forger.batch([entry]), records: [] })
  }

  /**
   * What others wrote, with signatures of their commits that do not hold: to those who can check them, and to those who
   * do not know their actors yet.
   */
  async #misattest({ pick, path }: Attack, victim: SimulatedDevice): Promise<void> {
    const { replica } = this.#running
    const token = replica.view('public').codec.tokens.of(valuePath(path))
    const batch = await replica.readPaths([token], [NO_BYTES])
    const spoil = (commit: Commit): Commit => {
      const signature = commit.signature.map((byte, i) => (i === pick % 64 ? byte ^ 1 : byte))
      return decodeCommit(commit.bytes, signature)
    }
    const commits = batch.commits.map(({ commit, leaves }) => ({ commit: spoil(commit), leaves }))
    const entries = batch.entries.map((entry) => ({ ...entry, commit: spoil(entry.commit) }))
    const records = pick % 2 === 0 ? batch.records : []
    if (entries.length > 0) await this.#send(victim, { records, commits, entries })
  }

  /** A payload that nobody can open, or that fills the memory of whoever does. */
  async #sealOddly(deed: Attack, victim: SimulatedDevice, path: string): Promise<void> {
    const forger = this.#forger(deed)
    const { header: honest } = forger.entry(path, 1, { value: this.#value() })
    const { secret } = this.#running.replica.exportSpace()
    const { contentKey } = deriveSpaceKeys(secret, fromHex(honest.space))
    const random = this.#running.runtime.random(96)
    const cipher =
      deed.kind === 'seal-garbage'
        ? random
        : seal(contentKey, bomb(), payloadContext(honest), random.subarray(0, 24))
    const header = sealHeader(honest, sha256(cipher), cipher.length)
    await this.#send(victim, forger.batch([this.#known({ header, cipher })]))
  }

  /** Many entries that can never be judged. */
  async #flood(deed: Attack, victim: SimulatedDevice, path: string): Promise<void> {
    const forger = this.#forger(deed)
    const context = await this.#everything(1_000_000)
    context.delete(forger.actor)
    for (let commit = 0; commit < FLOOD_COMMITS; commit++) {
      const entries = Array.from({ length: FLOOD_ENTRIES }, (_, i) =>
        this.#known(forger.entry(path, 1 + commit * FLOOD_ENTRIES + i, { value: this.#value(), context }))
      )
      await this.#send(victim, forger.batch(entries))
    }
  }

  /** A session that is honest in form, of a replica that is not. */
  async #lie(deed: Attack, victim: SimulatedDevice): Promise<void> {
    const { replica, runtime } = this.#running
    const lies: Partial<SyncReplica> =
      deed.kind === 'omit'
        ? {
            readFeed: async (query) => {
              const page = await replica.readFeed(query)
              const entries = page.batch.entries.filter((_, i) => (i + deed.pick) % 2 === 0)
              return { ...page, batch: { ...page.batch, entries } }
            }
          }
        : {
            end: { ...replica.end, lsn: deed.pick % 2 === 0 ? 0n : replica.end.lsn + BigInt(deed.pick) },
            hasPlace: async () => deed.pick % 3 === 0
          }
    const [mine, theirs] = this.#traffic.connect(this.#device, victim, { allowed: [''] })
    this.#traffic.serve(victim, this.#device, theirs, [''])
    try {
      const session = await SyncSession.open({ channel: mine, replica: overlaid(replica, lies), runtime })
      await session.sync()
      await session.close()
    } catch (error) {
      this.#world.count(`attack: ${codeOf(error)}`)
    } finally {
      this.#device.letsGo(mine)
    }
  }

  /** A session that goes wrong in form. */
  async #misbehave(deed: Attack, victim: SimulatedDevice): Promise<void> {
    const [mine, theirs] = this.#traffic.connect(this.#device, victim, { allowed: [''] })
    this.#traffic.serve(victim, this.#device, theirs, [''])
    const impostor = new Impostor(mine, this.#running.replica)
    try {
      if (deed.kind === 'say-nothing' && deed.pick % 2 === 0) return
      await impostor.greet('dialer')
      if (deed.kind === 'say-nothing') return
      const request = { direction: 'push', scope: NO_BYTES, paths: undefined } as const
      const begin: Message = {
        type: 'begin',
        end: { lsn: 1_000n, mark: new Uint8Array(8) },
        instance: undefined,
        feed: undefined,
        request
      }
      await impostor.send(begin)
      if (deed.kind === 'oversize') await mine.sendOversized()
      if (deed.kind === 'bomb-frame') await impostor.sendFrame(bombFrame())
      const { frames } = this.#traffic.recorded
      const frame = frames[deed.pick % Math.max(1, frames.length)]
      if (deed.kind === 'replay-frame' && frame !== undefined) await impostor.sendFrame(frame)
      if (deed.kind === 'malform') await impostor.sendFrame(this.#malformed(begin, deed.pick))
      await impostor.rest()
    } catch (error) {
      this.#world.count(`attack: ${codeOf(error)}`)
    } finally {
      // Somebody who says nothing keeps the line open, too.
      if (deed.kind !== 'say-nothing') this.#device.letsGo(mine)
    }
  }

  #malformed(message: Message, pick: number): Uint8Array {
    const frame = encodeMessage(message)
    if (pick % 3 === 0) return frame.subarray(0, pick % frame.length)
    if (pick % 3 === 1)
      return frame.map((byte, i) => (i === pick % frame.length ? byte ^ (1 + (pick % 255)) : byte))
    return this.#running.runtime.random(pick)
  }

  async #send(victim: SimulatedDevice, batch: Batch): Promise<void> {
    const message = concat(this.#running.runtime.random(8), encodeBatch(batch))
    this.#traffic.whisper(this.#device, victim, message, false)
  }

  /** Lets the ledger know of an entry that may be applied. What is not in it may not be on any disk. */
  #known(forged: ForgedEntry): ForgedEntry {
    const stored = storedEntry(forged.header, forged.cipher, undefined, 0n)
    if (this.#world.ledger.find(stored.id) === undefined) {
      this.#world.ledger.wrote(stored, this.#world.codec, { place: this.#device.place, isHostile: true }, [])
    }
    return forged
  }

  #value(): string {
    return `${CANARY} forged ${this.#world.nextNumber()}`
  }
}

/** Signs with its own key what another is to have written. */
class AnotherActor extends Forger {
  readonly #actor: Replica['actor']

  constructor(replica: Replica, actor: Replica['actor'], key: Forger['key']) {
    super(replica, key)
    this.#actor = actor
  }

  override get actor(): Replica['actor'] {
    return this.#actor
  }
}

function overlaid(replica: Replica, lies: Partial<SyncReplica>): SyncReplica {
  return new Proxy(replica, {
    get(target, name) {
      if (name in lies) return Reflect.get(lies, name)
      const member: unknown = Reflect.get(target, name, target)
      return typeof member === 'function' ? member.bind(target) : member
    }
  })
}

let bombs: { readonly payload: Uint8Array; readonly frame: Uint8Array } | undefined

/** A payload in its sealed form that inflates to far more than one may have. */
function bomb(): Uint8Array {
  return makeBombs().payload
}

/** A page whose envelope does. */
function bombFrame(): Uint8Array {
  return makeBombs().frame
}

function makeBombs(): NonNullable<typeof bombs> {
  if (bombs !== undefined) return bombs
  const body = deflateRawSync(new Uint8Array(8 * Math.max(MAX_PAYLOAD_BYTES, MAX_FRAME_BYTES)))
  const payload = new Uint8Array(Math.ceil((5 + body.length) / 32) * 32)
  payload[0] = 1
  new DataView(payload.buffer).setUint32(1, body.length)
  payload.set(body, 5)
  const page = new Map<number, unknown>([
    [0, 8],
    [1, [1, new Uint8Array(body), NO_BYTES]],
    [2, 1n],
    [3, false]
  ])
  bombs = { payload, frame: encodeCbor(page) }
  return bombs
}
