import type { FrameChannel, Replica } from '../../src/index.ts'
import { SyncSession, serveSession } from '../../src/sync/driver.ts'
import { type Hello, handshakeMac, type SessionRole } from '../../src/sync/handshake-mac.ts'
import { feedId } from '../../src/sync/identity.ts'
import { memoryChannelPair } from '../../src/sync/index.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/sync/messages.ts'
import type { Device } from '../support/world.ts'

const WHOLE = [new Uint8Array(0)]

/** How an impostor differs from an honest device in the handshake. */
export interface Disguise {
  readonly handshakeKey?: Uint8Array
  readonly versions?: readonly number[]
  readonly instance?: Uint8Array
  /** What is sent in place of an honest message of this type. */
  readonly instead?: (message: Message) => Message | readonly Message[] | undefined
}

/** The end of a line that says whatever a test wants, with the identity of a device. */
export class Impostor {
  readonly #channel: FrameChannel
  readonly #replica: Replica
  readonly #disguise: Disguise

  constructor(channel: FrameChannel, replica: Replica, disguise: Disguise = {}) {
    this.#channel = channel
    this.#replica = replica
    this.#disguise = disguise
  }

  async send(...messages: readonly Message[]): Promise<void> {
    for (const message of messages) await this.sendFrame(encodeMessage(message))
  }

  async sendFrame(frame: Uint8Array): Promise<void> {
    await this.#channel.send(frame)
  }

  /** Drops the line. */
  hangUp(): void {
    this.#channel.abort(new Error('the impostor is gone'))
  }

  /** The next message, or `undefined` after the other end has closed. */
  async receive(): Promise<Message | undefined> {
    const frame = await this.#channel.receive()
    return frame === undefined ? undefined : decodeMessage(frame)
  }

  /** The next message, which has to be of this type. */
  async expect<T extends Message['type']>(type: T): Promise<Extract<Message, { type: T }>> {
    const message = await this.receive()
    if (message?.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(message?.type)}`)
    return message as Extract<Message, { type: T }>
  }

  /** Everything the other end still says until it closes. */
  async rest(): Promise<Message[]> {
    const messages: Message[] = []
    try {
      for (let next = await this.receive(); next !== undefined; next = await this.receive())
        messages.push(next)
    } catch {
      // It broke the line.
    }
    return messages
  }

  /** The whole handshake, as far as the disguise lets it come. */
  async greet(role: SessionRole): Promise<void> {
    const { handshakeKey: key = this.#replica.handshakeKey } = this.#disguise
    const ours: Hello = {
      versions: this.#disguise.versions ?? [1],
      capabilities: [],
      instance: this.#disguise.instance ?? this.#replica.instance,
      nonce: this.#replica.random(16)
    }
    if (role === 'dialer') await this.#say({ type: 'hello', ...ours })
    const theirs = await this.expect('hello')
    const self = { device: this.#replica.device, hello: ours }
    const peer = { device: this.#channel.peer, hello: theirs }
    const ends = role === 'dialer' ? { dialer: self, listener: peer } : { dialer: peer, listener: self }
    const proof: Message = { type: 'proof', mac: handshakeMac(key, role, ends) }
    if (role === 'listener') {
      await this.#say({ type: 'hello', ...ours })
      await this.#say(proof)
    }
    await this.expect('proof')
    if (role === 'dialer') await this.#say(proof)
    if (role === 'dialer') await this.#authenticate()
    const { actor } = await this.expect('auth')
    if (role === 'listener') await this.#authenticate()
    const head = await this.#replica.headOf(actor)
    if (role === 'dialer') await this.expect('echo')
    await this.#say({ type: 'echo', hasPlace: false, head })
    if (role === 'listener') await this.expect('echo')
  }

  async #authenticate(): Promise<void> {
    const { actor, instance } = this.#replica
    const records = await this.#replica.credentials()
    await this.#say({ type: 'auth', actor, records, feed: feedId(instance, WHOLE), known: undefined })
  }

  async #say(message: Message): Promise<void> {
    const { instead } = this.#disguise
    const said = instead === undefined ? message : instead(message)
    if (said !== undefined) await this.send(...(Array.isArray(said) ? said : [said as Message]))
  }
}

export interface Confrontation {
  readonly impostor: Impostor
  /** What the honest end's session ended with. */
  readonly ended: Promise<unknown>
}

/** An honest listener that an impostor has dialled. */
export function dialledBy(mallory: Replica, honest: Device, disguise: Disguise = {}): Confrontation {
  const [atMallory, atHonest] = memoryChannelPair(mallory.device, honest.replica.device)
  const { replica, runtime } = honest
  const ended = serveSession({ channel: atHonest, replica, runtime })
  return { impostor: new Impostor(atMallory, mallory, disguise), ended }
}

/** An honest dialer that has reached an impostor and begins a sync as soon as it can. */
export function reaching(mallory: Replica, honest: Device, disguise: Disguise = {}): Confrontation {
  const [atHonest, atMallory] = memoryChannelPair(honest.replica.device, mallory.device)
  const { replica, runtime } = honest
  const sync = async (): Promise<unknown> => {
    try {
      const session = await SyncSession.open({ channel: atHonest, replica, runtime })
      await session.sync()
      return undefined
    } catch (error) {
      return error
    }
  }
  return { impostor: new Impostor(atMallory, mallory, disguise), ended: sync() }
}
