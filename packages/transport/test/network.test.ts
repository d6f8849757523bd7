import { once } from 'node:events'
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net'
import type { DeviceId } from '@cis-memory/core'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { MAX_PROTOCOL_STREAMS, MAX_STRANGERS } from '../src/limits.ts'
import { createNetwork } from '../src/network.ts'
import type { NetworkOptions } from '../src/network-types.ts'
import { deviceOfAddress, peerOfDevice } from '../src/peer-id.ts'
import {
  cleanUp,
  connect,
  LOOPBACK,
  newKey,
  nextEvent,
  startNetwork,
  startRawNode,
  type TestNetwork,
  within
} from './support/nodes.ts'

const ECHO = '/test/echo/1'
const JOIN = '/test/join/1'

async function echo(network: TestNetwork, protocol = ECHO, openToStrangers = false): Promise<void> {
  await network.handle(
    protocol,
    async (channel) => {
      for (let frame = await channel.receive(); frame !== undefined; frame = await channel.receive()) {
        await channel.send(frame)
      }
    },
    { openToStrangers }
  )
}

async function roundTrip(from: TestNetwork, to: DeviceId | string, protocol = ECHO, asStranger = false) {
  const channel = await from.open(to, protocol, { asStranger })
  await channel.send(new Uint8Array([1, 2, 3]))
  const answer = await channel.receive()
  await channel.close()
  return answer
}

/** Networks that allow exactly the devices in one shared list. */
function members(...first: DeviceId[]) {
  const list = new Set<DeviceId>(first)
  return { list, allow: (device: DeviceId) => list.has(device) }
}

describe('createNetwork', () => {
  it('is known on the network by its device key', async () => {
    const key = newKey()
    const network = await startNetwork({ deviceKey: key })
    expect(network.device).toBe(key.id)
    expect(deviceOfAddress(network.at)).toBe(key.id)
  })

  it.each([
    '',
    'nonsense',
    '/ip4/127.0.0.1/tcp/4001',
    '/ip4/127.0.0.1/tcp/4001/p2p/nonsense',
    '/p2p-circuit'
  ])('refuses %j as the address of a peer', async (address) => {
    const options: NetworkOptions = { deviceKey: newKey(), listen: [], allow: () => true }
    const isBad = { code: 'TRANSPORT_BAD_ADDRESS' }
    await expect(createNetwork({ ...options, peers: [address] })).rejects.toMatchObject(isBad)
    await expect(createNetwork({ ...options, bootstrap: [address] })).rejects.toMatchObject(isBad)
  })

  it('says that a listen address is in use', async () => {
    const first = await startNetwork()
    const [, , , , port] = first.at.split('/')
    const second = await createNetwork({
      deviceKey: newKey(),
      listen: [`/ip4/127.0.0.1/tcp/${port}`],
      allow: () => true
    })
    await expect(second.start()).rejects.toMatchObject({ code: 'TRANSPORT_ADDRESS_IN_USE' })
    await second.stop()
  })

  it('refuses what is not an address to listen on', async () => {
    const network = createNetwork({ deviceKey: newKey(), listen: ['localhost:1'], allow: () => true })
    await expect(network).rejects.toMatchObject({ code: 'TRANSPORT_BAD_ADDRESS' })
  })

  it('does nothing before it is started or after it is stopped', async () => {
    const peer = await startNetwork()
    const network = await createNetwork({ deviceKey: newKey(), listen: [], allow: () => true })
    const isIdle = { code: 'TRANSPORT_NOT_RUNNING' }
    const attempts = () => [
      expect(network.dial(peer.at)).rejects.toMatchObject(isIdle),
      expect(network.open(peer.at, ECHO)).rejects.toMatchObject(isIdle),
      expect(network.publish('topic', new Uint8Array(1))).rejects.toMatchObject(isIdle)
    ]
    await Promise.all(attempts())
    await network.start()
    await network.stop()
    await network.stop()
    await Promise.all(attempts())
    await expect(network.start()).rejects.toMatchObject(isIdle)
  })
})

describe('dialling', () => {
  it('connects both ways and tells both sides', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    const seen = nextEvent(b, 'peer:connect')
    expect(await a.dial(b.at)).toBe(b.device)
    expect(await seen).toBe(a.device)
    expect(a.connectedPeers()).toEqual([b.device])
    expect(b.connectedPeers()).toEqual([a.device])
  })

  it('reaches a device by name once its address is known', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await echo(a)
    await connect(a, b)
    expect(await roundTrip(b, a.device)).toEqual(new Uint8Array([1, 2, 3]))
    expect(await b.knownAddresses(a.device)).toContain(a.at)
  })

  it('says that a peer is unreachable when nobody listens there', async () => {
    const a = await startNetwork()
    const gone = await startNetwork()
    await gone.stop()
    await expect(a.dial(gone.at)).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
    await expect(a.dial(newKey().id)).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
  })

  it('says so when the address is its own', async () => {
    const a = await startNetwork()
    await expect(a.dial(a.at)).rejects.toMatchObject({ code: 'TRANSPORT_BAD_ADDRESS' })
  })

  it('says that another device answers at an address', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    const expected = newKey().id
    const address = multiaddr(b.at)
      .decapsulate('/p2p')
      .encapsulate(`/p2p/${peerOfDevice(expected)}`)
    await expect(a.dial(address.toString())).rejects.toMatchObject({ code: 'TRANSPORT_WRONG_DEVICE' })
  })

  it('gives up when the signal says so, with its reason', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    const reason = new Error('changed my mind')
    await expect(a.dial(b.at, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    const controller = new AbortController()
    const dialling = a.dial(b.at, { signal: controller.signal })
    controller.abort(reason)
    await expect(dialling).rejects.toBe(reason)
  })

  it('gets along when both dial each other at the same moment', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await echo(a)
    await echo(b)
    await Promise.all([a.dial(b.at), b.dial(a.at)])
    expect(await roundTrip(a, b.device)).toBeDefined()
    expect(await roundTrip(b, a.device)).toBeDefined()
    expect(a.connectedPeers()).toEqual([b.device])
  })

  it('lets a dozen nodes of one machine dial one of them at the same moment', async () => {
    const hub = await startNetwork()
    const others = await Promise.all(Array.from({ length: 12 }, () => startNetwork()))
    await Promise.all(others.map((other) => other.dial(hub.at)))
    for (const other of others) {
      if (!hub.connectedPeers().includes(other.device)) {
        await nextEvent(hub, 'peer:connect', (device) => device === other.device)
      }
    }
    expect(hub.connectedPeers().length).toBe(12)
  })
})

describe('open', () => {
  it('connects first if need be', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await echo(b)
    expect(await roundTrip(a, b.at)).toEqual(new Uint8Array([1, 2, 3]))
  })

  it('says that the peer does not speak the protocol', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await expect(a.open(b.at, '/test/unknown/1')).rejects.toMatchObject({ code: 'TRANSPORT_NO_PROTOCOL' })
  })

  it('keeps no streams of channels that both sides have closed', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await echo(b)
    for (let i = 0; i < 3 * MAX_PROTOCOL_STREAMS; i++) {
      const channel = await a.open(b.at, ECHO)
      await channel.close()
      expect(await channel.receive()).toBeUndefined()
    }
  })

  it('refuses more channels to a peer than one may have', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await echo(b)
    for (let i = 0; i < MAX_PROTOCOL_STREAMS; i++) await a.open(b.at, ECHO)
    await expect(a.open(b.at, ECHO)).rejects.toMatchObject({ code: 'TRANSPORT_TOO_MANY_STREAMS' })
  })

  it('drops the channel of a handler that fails, and goes on answering', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await echo(b)
    await b.handle('/test/failing/1', () => Promise.reject(new Error('a bug')))
    const channel = await a.open(b.at, '/test/failing/1')
    await expect(channel.receive()).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
    expect(await roundTrip(a, b.device)).toBeDefined()
  })
})

describe('the list of members', () => {
  it('does not dial a device that is not on it', async () => {
    const a = await startNetwork({ allow: () => false })
    const b = await startNetwork()
    await expect(a.dial(b.at)).rejects.toMatchObject({ code: 'TRANSPORT_NOT_ALLOWED' })
  })

  it('hangs up on a device that is not on it, which learns that it was refused', async () => {
    const a = await startNetwork()
    const b = await startNetwork({ allow: () => false })
    await expect(a.dial(b.at)).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' })
    await expect(a.open(b.at, ECHO)).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' })
    expect(a.connectedPeers()).toEqual([])
    expect(b.connectedPeers()).toEqual([])
  })

  it('hangs up on a member who is taken off it', async () => {
    const { list, allow } = members()
    const a = await startNetwork()
    const b = await startNetwork({ allow })
    list.add(a.device)
    await connect(a, b)
    const gone = nextEvent(b, 'peer:disconnect')
    list.delete(a.device)
    b.refresh()
    expect(await gone).toBe(a.device)
    expect(b.connectedPeers()).toEqual([])
  })
})

describe('a dial', () => {
  it('does not fail with one that had begun before', async () => {
    const [a, b] = [await startNetwork(), await startNetwork()]
    const [, , , , port] = b.at.split('/')
    const heard: Socket[] = []
    // Whoever comes first is not answered.
    const between = createServer((near) => {
      if (heard.push(near) === 1) return
      const far = createConnection(Number(port), '127.0.0.1')
      near.pipe(far).pipe(near)
      for (const socket of [near, far]) socket.on('error', () => {})
    })
    between.listen(0, '127.0.0.1')
    await once(between, 'listening')
    cleanUp(async () => void between.close())
    const at = b.at.replace(/\/tcp\/\d+/, `/tcp/${(between.address() as AddressInfo).port}`)
    const first = once(between, 'connection')
    const before = a.dial(at).catch((error) => error)
    await first
    const dialling = a.dial(at)
    heard[0]?.destroy()
    expect(await before).toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
    expect(await dialling).toBe(b.device)
  })
})

describe('a stranger', () => {
  async function setUp({ admits = true } = {}) {
    const { list, allow } = members()
    const state = { admits }
    const host = await startNetwork({ allow, admitStrangers: () => state.admits })
    await echo(host, JOIN, true)
    await echo(host)
    const guestList = members()
    const guest = await startNetwork({ allow: guestList.allow })
    await echo(guest, JOIN, true)
    await echo(guest)
    return { host, guest, list, guestList: guestList.list, state }
  }

  it('is not let in while no invitation is open', async () => {
    const { host, guest } = await setUp({ admits: false })
    const joining = guest.open(host.at, JOIN, { asStranger: true })
    await expect(joining).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' })
  })

  it('can speak the join protocol', async () => {
    const { host, guest } = await setUp()
    expect(await roundTrip(guest, host.at, JOIN, true)).toEqual(new Uint8Array([1, 2, 3]))
  })

  it('can speak nothing else, in either direction', async () => {
    const { host, guest } = await setUp()
    await guest.open(host.at, JOIN, { asStranger: true })
    await expect(roundTrip(guest, host.device, ECHO, true)).rejects.toThrow()
    await expect(roundTrip(host, guest.device, ECHO, true)).rejects.toThrow()
    await expect(host.open(guest.device, ECHO)).rejects.toMatchObject({ code: 'TRANSPORT_NOT_ALLOWED' })
    await expect(guest.open(host.device, ECHO)).rejects.toMatchObject({ code: 'TRANSPORT_NOT_ALLOWED' })
    expect(host.connectedPeers()).toEqual([])
    expect(guest.connectedPeers()).toEqual([])
  })

  it('gets neither addresses nor gossip, whatever software it runs', async () => {
    const { host } = await setUp()
    host.subscribe('topic', () => 'accept')
    const raw = await startRawNode(newKey(), { runOnConnectionOpen: false })
    raw.services.pubsub.subscribe('topic')
    const connection = await raw.dial(multiaddr(host.at))
    await expect(raw.services.identify.identify(connection)).rejects.toThrow()
    const gossip = await connection.newStream('/meshsub/1.2.0')
    if (gossip.status === 'open') await new Promise((resolve) => gossip.addEventListener('close', resolve))
    expect(await host.publish('topic', new Uint8Array([1]))).toMatchObject({ reached: [] })
    expect(raw.services.pubsub.getSubscribers('topic')).toEqual([])
    expect(host.subscribers('topic')).toEqual([])
  })

  it('may open few streams, and there may be few strangers', async () => {
    const { host } = await setUp()
    const nodes = await Promise.all(Array.from({ length: MAX_STRANGERS + 3 }, () => startRawNode()))
    const connections = await Promise.all(
      nodes.map(async (node) => {
        const connection = await node.dial(multiaddr(host.at))
        try {
          const stream = await connection.newStream(JOIN)
          return stream.status === 'open'
        } catch {
          return false
        }
      })
    )
    expect(connections.filter((isIn) => isIn).length).toBe(MAX_STRANGERS)
  })

  it('is dropped when the invitation is closed', async () => {
    const { host, guest, state } = await setUp()
    const channel = await guest.open(host.at, JOIN, { asStranger: true })
    state.admits = false
    await channel.close()
    expect(await channel.receive()).toBeUndefined()
    host.refresh()
    const again = () => guest.open(host.at, JOIN, { asStranger: true }).catch((error) => error.code)
    await expect.poll(again).toBe('TRANSPORT_REFUSED')
  })

  it('connects anew as a member once both sides have put each other on their lists', async () => {
    const { host, guest, list, guestList, state } = await setUp()
    expect(await roundTrip(guest, host.at, JOIN, true)).toBeDefined()
    const connected = nextEvent(host, 'peer:connect')
    list.add(guest.device)
    state.admits = false
    host.refresh()
    guestList.add(host.device)
    guest.refresh()
    expect(await connected).toBe(guest.device)
    expect(await roundTrip(guest, host.device)).toEqual(new Uint8Array([1, 2, 3]))
    expect(await roundTrip(host, guest.device)).toEqual(new Uint8Array([1, 2, 3]))
  })
})

describe('staying connected', () => {
  it('connects to explicit peers by itself', async () => {
    const b = await startNetwork()
    const connected = nextEvent(b, 'peer:connect')
    const a = await startNetwork({ peers: [b.at] })
    expect(await connected).toBe(a.device)
  })

  it('finds its way back to a peer that restarts on the same port', async () => {
    const key = newKey()
    const first = await startNetwork({ deviceKey: key })
    const a = await startNetwork()
    await connect(a, first)
    const lost = nextEvent(a, 'peer:disconnect')
    await first.stop()
    expect(await lost).toBe(key.id)
    const back = nextEvent(a, 'peer:connect')
    await startNetwork({ deviceKey: key, listen: [multiaddr(first.at).decapsulate('/p2p').toString()] })
    expect(await back).toBe(key.id)
  })

  it('does not redial a peer it was told to hang up on', async () => {
    const a = await startNetwork()
    const b = await startNetwork({ listen: [] })
    await connect(b, a)
    const lost = nextEvent(a, 'peer:disconnect')
    await b.disconnect(a.device)
    expect(await lost).toBe(b.device)
    expect(b.connectedPeers()).toEqual([])
  })

  it('learns of peers from bootstrap addresses', async () => {
    const b = await startNetwork()
    const connected = nextEvent(b, 'peer:connect')
    const a = await startNetwork({ bootstrap: [b.at] })
    expect(await connected).toBe(a.device)
  })

  it('dials none that are not members, whoever names their address', async () => {
    const stranger = await startRawNode()
    const dialled: string[] = []
    stranger.addEventListener('connection:open', () => dialled.push('by somebody'))
    const member = await startNetwork()
    const connected = nextEvent(member, 'peer:connect')
    const a = await startNetwork({
      allow: (device) => device === member.device,
      bootstrap: [stranger.at.toString(), member.at]
    })
    expect(await connected).toBe(a.device)
    expect(dialled).toEqual([])
  })

  it('finds members in the local network, and only those of its own space', async () => {
    const mdns = { serviceTag: `cis-test-${process.pid}-${Math.random().toString(36).slice(2, 8)}.local` }
    const a = await startNetwork({ mdns })
    const connected = nextEvent(a, 'peer:connect')
    const b = await startNetwork({ mdns })
    expect(await connected).toBe(b.device)
  })
})

describe('stop', () => {
  it('takes less than two seconds with channels open and data under way', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await b.handle(ECHO, () => new Promise(() => {}))
    const channel = await a.open(b.at, ECHO)
    const frame = new Uint8Array(1024 * 1024)
    const sending = Promise.allSettled(Array.from({ length: 20 }, () => channel.send(frame)))
    await within(2_000, a.stop(), 'stop')
    const results = await sending
    expect(results.at(-1)?.status).toBe('rejected')
    await within(2_000, b.stop(), 'stop')
  })

  it('rejects what is waiting', async () => {
    const a = await startNetwork()
    const b = await startNetwork()
    await b.handle(ECHO, () => new Promise(() => {}))
    const channel = await a.open(b.at, ECHO)
    const waiting = expect(channel.receive()).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
    await a.stop()
    await waiting
  })

  it('is what leaving a scope does', async () => {
    let network: TestNetwork
    {
      await using created = await createNetwork({
        deviceKey: newKey(),
        listen: [LOOPBACK],
        allow: () => true
      })
      await created.start()
      network = Object.assign(created, { at: created.addresses()[0]! })
    }
    const other = await startNetwork()
    cleanUp(() => network.stop())
    await expect(other.dial(network.at)).rejects.toMatchObject({ code: 'TRANSPORT_UNREACHABLE' })
  })
})
