import { randomBytes } from 'node:crypto'
import { type DeviceId, MAX_GOSSIP_MESSAGE_BYTES } from '@cis-memory/core'
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import type { TopicValidator } from '../src/gossip.ts'
import { GOSSIP_CHECK_MS, GOSSIP_HANDOVER_MS, MAX_GOSSIP_VALIDATING } from '../src/limits.ts'
import type { NetworkOptions } from '../src/network-types.ts'
import {
  connect,
  listening,
  newKey,
  nextEvent,
  retimed,
  startNetwork,
  startRawNode,
  type TestNetwork
} from './support/nodes.ts'

const TOPIC = 'cis/test'
const ECHO = '/test/echo/1'

interface Listener {
  readonly network: TestNetwork
  readonly received: Array<{ text: string; from: DeviceId }>
  /** Resolves when a message with this text has arrived. */
  arrived(text: string): Promise<void>
}

/** A node that listens to the topic and writes down what its validator saw. */
async function startListener(
  validator: TopicValidator = () => 'accept',
  options: Partial<NetworkOptions> = {}
): Promise<Listener> {
  const network = await startNetwork(options)
  await network.handle(ECHO, async (channel) => {
    await channel.receive()
  })
  const received: Listener['received'] = []
  const waiting = new Map<string, () => void>()
  network.subscribe(TOPIC, (message, from) => {
    const text = Buffer.from(message.subarray(0, 64)).toString()
    received.push({ text, from })
    waiting.get(text)?.()
    return validator(message, from)
  })
  const arrived = (text: string): Promise<void> =>
    new Promise((resolve) => {
      if (received.some((message) => message.text === text)) resolve()
      else waiting.set(text, resolve)
    })
  return { network, received, arrived }
}

/** Connects the first to the second and waits until each knows that the other listens. */
async function join(a: Listener, b: Listener): Promise<void> {
  await connect(a.network, b.network)
  await Promise.all([
    listening(a.network, b.network.device, TOPIC),
    listening(b.network, a.network.device, TOPIC)
  ])
}

/**
 * Resolves when everything sent before has been handled at the far end: an answer comes over the same connection,
 * which keeps order.
 */
async function handled(from: Listener, by: Listener): Promise<void> {
  const channel = await from.network.open(by.network.device, ECHO)
  await channel.close()
  await channel.receive()
}

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))

describe('publish', () => {
  it('reaches the peers that listen, and says how many', async () => {
    const [a, b, c] = await Promise.all([startListener(), startListener(), startListener()])
    await join(a, b)
    await join(a, c)
    const { reached, isRepeat } = await a.network.publish(TOPIC, bytes('hello'))
    expect([reached.toSorted(), isRepeat]).toEqual([[b.network.device, c.network.device].toSorted(), false])
    await Promise.all([b.arrived('hello'), c.arrived('hello')])
    expect(b.received).toEqual([{ text: 'hello', from: a.network.device }])
  })

  it('reaches nobody when nobody listens, and says so', async () => {
    const a = await startListener()
    const b = await startNetwork()
    await connect(a.network, b)
    expect(await a.network.publish(TOPIC, bytes('hello'))).toEqual({ reached: [], isRepeat: false })
  })

  it('does not come back to its sender', async () => {
    const [a, b] = await Promise.all([startListener(), startListener()])
    await join(a, b)
    await a.network.publish(TOPIC, bytes('there'))
    await b.arrived('there')
    await b.network.publish(TOPIC, bytes('and back'))
    await a.arrived('and back')
    expect(a.received.map((message) => message.text)).toEqual(['and back'])
  })

  it('sends the same bytes once, and says so', async () => {
    const [a, b] = await Promise.all([startListener(), startListener()])
    await join(a, b)
    await a.network.publish(TOPIC, bytes('hello'))
    expect(await a.network.publish(TOPIC, bytes('hello'))).toEqual({ reached: [], isRepeat: true })
  })

  it('refuses a message over the limit before anything is sent, and gossip lives on', async () => {
    const [a, b] = await Promise.all([startListener(), startListener()])
    await join(a, b)
    await expect(
      a.network.publish(TOPIC, new Uint8Array(MAX_GOSSIP_MESSAGE_BYTES + 1))
    ).rejects.toMatchObject({
      code: 'TRANSPORT_MESSAGE_TOO_LARGE'
    })
    const largest = new Uint8Array(MAX_GOSSIP_MESSAGE_BYTES).fill(0x61)
    expect(await a.network.publish(TOPIC, largest)).toMatchObject({ reached: [b.network.device] })
    await b.arrived('a'.repeat(64))
  })

  it('reaches whoever it says it has, also when the network is stopped at once', async () => {
    const connected = new Set<DeviceId>()
    const b = await startListener(undefined, { isTrusted: (device) => connected.has(device) })
    b.network.addEventListener('peer:connect', ({ detail }) => {
      connected.add(detail)
      b.network.refresh()
    })
    b.network.addEventListener('peer:disconnect', ({ detail }) => connected.delete(detail))
    // However slow this machine is.
    const a = await startListener(undefined, { runtime: retimed({ [GOSSIP_HANDOVER_MS]: 60_000 }) })
    await join(a, b)
    // More than a stream's first window, and than a socket takes at once.
    const messages = Array.from({ length: 12 }, () =>
      randomBytes(MAX_GOSSIP_MESSAGE_BYTES / 2).toString('hex')
    )
    const published = await Promise.all(messages.map((text) => a.network.publish(TOPIC, bytes(text))))
    await a.network.stop()
    expect(published.map(({ reached }) => reached)).toEqual(messages.map(() => [b.network.device]))
    await Promise.all(messages.map((text) => b.arrived(text.slice(0, 64))))
  })

  it('reaches nobody any more after a peer has ceased to listen', async () => {
    const a = await startListener()
    const b = await startNetwork()
    const unsubscribe = b.subscribe(TOPIC, () => 'accept')
    await connect(a.network, b)
    await listening(a.network, b.device, TOPIC)
    const change = nextEvent(a.network, 'gossip:subscription', (detail) => !detail.isSubscribed)
    unsubscribe()
    expect(await change).toEqual({ device: b.device, topic: TOPIC, isSubscribed: false })
    expect(await a.network.publish(TOPIC, bytes('hello'))).toMatchObject({ reached: [] })
  })
})

describe('a validator', () => {
  /** a - b - c, where a and c do not know each other; b judges. */
  async function line(judge: TopicValidator) {
    const b = await startListener(judge)
    const allow = (device: DeviceId): boolean => device === b.network.device
    const a = await startListener(undefined, { allow })
    const c = await startListener(undefined, { allow })
    await join(a, b)
    await join(c, b)
    return { a, b, c }
  }

  it('sees a message before it is passed on, and who passed it on', async () => {
    const { a, b, c } = await line(() => Promise.resolve('accept'))
    await a.network.publish(TOPIC, bytes('hello'))
    await c.arrived('hello')
    expect(b.received).toEqual([{ text: 'hello', from: a.network.device }])
    expect(c.received).toEqual([{ text: 'hello', from: b.network.device }])
  })

  it.each([
    ['rejects', () => 'reject' as const],
    ['ignores', () => 'ignore' as const],
    [
      'fails on',
      () => {
        throw new Error('a bug')
      }
    ]
  ])('that %s a message keeps it from others', async (_name, judge) => {
    const { a, c } = await line((message) =>
      Buffer.from(message).toString() === 'good' ? 'accept' : judge()
    )
    await a.network.publish(TOPIC, bytes('bad'))
    await a.network.publish(TOPIC, bytes('good'))
    await c.arrived('good')
    expect(c.received.map((message) => message.text)).toEqual(['good'])
  })

  it('that keeps rejecting ends up not being asked any more', async () => {
    const judge = await startListener(() => 'reject')
    const bad = await startListener()
    await join(bad, judge)
    const rejected = nextEvent(judge.network, 'gossip:reject')
    vi.useFakeTimers({ toFake: ['Date'] })
    onTestFinished(() => void vi.useRealTimers())
    for (let i = 0; i < 10; i++) {
      await bad.network.publish(TOPIC, bytes(`forged ${i}`))
      await handled(bad, judge)
      // Scores are looked at afresh once a second.
      vi.setSystemTime(Date.now() + 1_001)
    }
    expect(await rejected).toEqual({ device: bad.network.device, topic: TOPIC })
    expect(judge.received.length).toBe(5)
  })

  it('that ignores costs the sender nothing', async () => {
    const judge = await startListener((message) => (message[0] === 0x69 ? 'ignore' : 'accept'))
    const sender = await startListener()
    await join(sender, judge)
    for (let i = 0; i < 50; i++) await sender.network.publish(TOPIC, bytes(`ignored ${i}`))
    await sender.network.publish(TOPIC, bytes('fine'))
    await judge.arrived('fine')
    expect(judge.received.length).toBe(51)
  })

  it('is asked about a bounded number of messages at a time', async () => {
    let answer = (): void => {}
    const answered = new Promise<'accept'>((resolve) => {
      answer = () => resolve('accept')
    })
    const slow = await startListener(() => answered)
    const sender = await startListener()
    await join(sender, slow)
    for (let i = 0; i < 3 * MAX_GOSSIP_VALIDATING; i++) await sender.network.publish(TOPIC, bytes(`m ${i}`))
    await handled(sender, slow)
    expect(slow.received.length).toBe(MAX_GOSSIP_VALIDATING)
    answer()
    await sender.network.publish(TOPIC, bytes('next'))
    await slow.arrived('next')
  })

  it('of one topic is the only one', async () => {
    const { network } = await startListener()
    expect(() => network.subscribe(TOPIC, () => 'accept')).toThrow(TypeError)
  })
})

describe('a member that is not trusted yet', () => {
  it('hears and says nothing until it is', async () => {
    const trusted = new Set<DeviceId>()
    const isTrusted = (device: DeviceId): boolean => trusted.has(device)
    const a = await startListener(undefined, { isTrusted })
    const b = await startListener()
    await connect(b.network, a.network)
    // By then gossip between two who trust each other would have begun.
    for (let i = 0; i < 10; i++) await handled(b, a)
    expect(await a.network.publish(TOPIC, bytes('too early'))).toMatchObject({ reached: [] })
    expect(a.network.subscribers(TOPIC)).toEqual([])
    expect(b.network.subscribers(TOPIC)).toEqual([])
    const subscribed = listening(a.network, b.network.device, TOPIC)
    const subscribedBack = listening(b.network, a.network.device, TOPIC)
    trusted.add(b.network.device)
    a.network.refresh()
    await Promise.all([subscribed, subscribedBack])
    await a.network.publish(TOPIC, bytes('now'))
    await b.network.publish(TOPIC, bytes('me too'))
    await Promise.all([b.arrived('now'), a.arrived('me too')])
    expect(b.received.map((message) => message.text)).toEqual(['now'])
  })

  it('is not listened to any more once it is no member', async () => {
    const members = new Set<DeviceId>()
    const a = await startListener(undefined, { allow: (device) => members.has(device) })
    const b = await startListener()
    members.add(b.network.device)
    await join(b, a)
    members.delete(b.network.device)
    await b.network.publish(TOPIC, bytes('unheard'))
    await expect(handled(b, a)).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
    members.add(b.network.device)
    await b.network.publish(TOPIC, bytes('heard'))
    await a.arrived('heard')
    expect(a.received.map((message) => message.text)).toEqual(['heard'])
  })
})

describe('a member with other software', () => {
  /** Looks after gossip streams all the time, so that a test need not wait for it. */
  const runtime = retimed({ [GOSSIP_CHECK_MS]: 50 })

  /** Where our messages arrive at its end. */
  function gossipStream(connection: Connection): Stream | undefined {
    return connection.streams.find(
      ({ direction, protocol }) => direction === 'inbound' && protocol.startsWith('/meshsub/')
    )
  }

  async function setUp() {
    const key = newKey()
    const listener = await startListener(undefined, { runtime })
    const raw = await startRawNode(key)
    raw.services.pubsub.subscribe(TOPIC)
    const heard: string[] = []
    raw.services.pubsub.addEventListener('message', (event) =>
      heard.push(Buffer.from(event.detail.data).toString())
    )
    const connection = await raw.dial(multiaddr(listener.network.at))
    await listening(listener.network, key.id, TOPIC)
    const sendsTo = (topic: string, data: Uint8Array) => raw.services.pubsub.publish(topic, data)
    await expect.poll(() => raw.services.pubsub.getSubscribers(TOPIC).length).toBe(1)
    return { listener, raw, heard, connection, sendsTo }
  }

  it('is heard again after it gave up on our stream', async () => {
    const { listener, heard, connection } = await setUp()
    await gossipStream(connection)!.close()
    await expect
      .poll(async () => {
        await listener.network.publish(TOPIC, bytes('again'.concat(randomBytes(4).toString('hex'))))
        return heard.length
      })
      .toBeGreaterThan(0)
  })

  it('is heard again after it reset our stream', async () => {
    const { listener, heard, connection } = await setUp()
    gossipStream(connection)!.abort(new Error('reset'))
    await expect
      .poll(async () => {
        await listener.network.publish(TOPIC, bytes('again'.concat(randomBytes(4).toString('hex'))))
        return heard.length
      })
      .toBeGreaterThan(0)
  })

  it('is not counted as reached while it does not read our stream', async () => {
    const key = newKey()
    const listener = await startListener(undefined, { runtime: retimed({ [GOSSIP_CHECK_MS]: 3_600_000 }) })
    const raw = await startRawNode(key)
    raw.services.pubsub.subscribe(TOPIC)
    const connection = await raw.dial(multiaddr(listener.network.at))
    await listening(listener.network, key.id, TOPIC)
    const publish = () => listener.network.publish(TOPIC, new Uint8Array(randomBytes(8)))
    await expect.poll(publish).toMatchObject({ reached: [key.id] })
    await gossipStream(connection)!.close()
    await expect.poll(publish).toMatchObject({ reached: [] })
  })

  it('is not counted as reached while our stream to it is full', async () => {
    const key = newKey()
    const listener = await startListener(undefined, { runtime: retimed({ [GOSSIP_HANDOVER_MS]: 20 }) })
    const raw = await startRawNode(key)
    raw.services.pubsub.subscribe(TOPIC)
    const connection = await raw.dial(multiaddr(listener.network.at))
    await listening(listener.network, key.id, TOPIC)
    const publish = (length: number) => listener.network.publish(TOPIC, new Uint8Array(randomBytes(length)))
    await expect.poll(() => publish(8)).toMatchObject({ reached: [key.id] })
    gossipStream(connection)!.pause()
    const published = await Promise.all([1, 2, 3].map(() => publish(MAX_GOSSIP_MESSAGE_BYTES)))
    expect(published.at(-1)).toMatchObject({ reached: [] })
    gossipStream(connection)!.resume()
    await expect.poll(() => publish(8)).toMatchObject({ reached: [key.id] })
  })

  it('does not get an oversize message through, and gossip with it lives on', async () => {
    const { listener, sendsTo } = await setUp()
    await sendsTo(TOPIC, new Uint8Array(MAX_GOSSIP_MESSAGE_BYTES + 1))
    await sendsTo(TOPIC, bytes('fine'))
    await listener.arrived('fine')
    expect(listener.received.map((message) => message.text)).toEqual(['fine'])
  })

  it('cannot make us pass on topics that are not ours', async () => {
    const { listener, raw, sendsTo } = await setUp()
    const other = await startRawNode()
    other.services.pubsub.subscribe('elsewhere')
    const heard: string[] = []
    other.services.pubsub.addEventListener('message', () => heard.push('elsewhere'))
    await other.dial(multiaddr(listener.network.at))
    raw.services.pubsub.subscribe('elsewhere')
    await sendsTo('elsewhere', bytes('psst'))
    await sendsTo(TOPIC, bytes('fine'))
    await listener.arrived('fine')
    expect(heard).toEqual([])
  })
})
