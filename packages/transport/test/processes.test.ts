import { randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { GOSSIP_HANDOVER_MS } from '../src/limits.ts'
import { deviceOfAddress } from '../src/peer-id.ts'
import { listening, nextEvent, retimed, startNetwork, within } from './support/nodes.ts'
import { PROTOCOL, startPeer } from './support/processes.ts'

describe('a peer in another process', () => {
  it('that is killed while it sends breaks the channel: its end is not taken for a clean one', async () => {
    const peer = await startPeer('flood')
    const network = await startNetwork()
    const channel = await network.open(peer.at, PROTOCOL)
    for (let i = 0; i < 20; i++) expect((await channel.receive())?.length).toBe(64 * 1024)
    const lost = nextEvent(network, 'peer:disconnect')
    peer.child.kill('SIGKILL')
    const reading = (async () => {
      while ((await channel.receive()) !== undefined);
    })()
    await expect(reading).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
    expect(await lost).toBe(deviceOfAddress(peer.at))
  })

  it('that is killed while we send to it breaks the channel', async () => {
    const peer = await startPeer('sink')
    const network = await startNetwork()
    const channel = await network.open(peer.at, PROTOCOL)
    const sending = (async () => {
      for (;;) await channel.send(new Uint8Array(64 * 1024))
    })()
    const broken = expect(sending).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
    peer.child.kill('SIGKILL')
    await broken
  })

  it('is found again after it was killed and started anew', async () => {
    const seed = randomBytes(32).toString('hex')
    const first = await startPeer('echo', { seed })
    const network = await startNetwork({ peers: [first.at] })
    await nextEvent(network, 'peer:connect')
    const lost = nextEvent(network, 'peer:disconnect')
    first.child.kill('SIGKILL')
    await lost
    const back = nextEvent(network, 'peer:connect')
    const second = await startPeer('echo', {
      seed,
      listen: multiaddr(first.at).decapsulate('/p2p').toString()
    })
    expect(await back).toBe(deviceOfAddress(second.at))
    const channel = await network.open(second.at, PROTOCOL)
    await channel.send(new Uint8Array([9]))
    expect(await channel.receive()).toEqual(new Uint8Array([9]))
  })

  it('that is frozen does not keep us from stopping within two seconds', async () => {
    const peer = await startPeer('sink')
    const network = await startNetwork({ runtime: retimed({ [GOSSIP_HANDOVER_MS]: 20 }) })
    network.subscribe('topic', () => 'accept')
    const channel = await network.open(peer.at, PROTOCOL)
    await listening(network, deviceOfAddress(peer.at), 'topic')
    peer.child.kill('SIGSTOP')
    // More than the sockets hold: the stream and gossip both have something unsent.
    const sending = Promise.allSettled(
      Array.from({ length: 30 }, () => channel.send(new Uint8Array(1024 * 1024)))
    )
    const message = (): Uint8Array => new Uint8Array(randomBytes(250_000))
    const published = await Promise.all(Array.from({ length: 12 }, () => network.publish('topic', message())))
    expect(published.at(-1)).toMatchObject({ reached: [] })
    await within(2_000, network.stop(), 'stop')
    expect((await sending).at(-1)?.status).toBe('rejected')
  })

  it('exits by itself once its network has stopped', async () => {
    const network = await startNetwork()
    await network.handle(PROTOCOL, async (channel) => {
      for (let frame = await channel.receive(); frame !== undefined; frame = await channel.receive()) {
        await channel.send(frame)
      }
    })
    const peer = await startPeer('visit', { target: network.at })
    expect(await peer.said('answer')).toEqual([1, 2, 3])
    expect(await peer.said('stopped')).toBe(true)
    expect(await within(20_000, peer.exited, 'exit')).toBe(0)
  })

  it('runs where Promise.withResolvers does not exist, as on Node 20', async () => {
    const network = await startNetwork()
    await network.handle(PROTOCOL, async (channel) => {
      await channel.send((await channel.receive()) ?? new Uint8Array())
    })
    const peer = await startPeer('without-resolvers', { target: network.at })
    expect(await peer.said('answer')).toEqual([1, 2, 3])
    expect(await within(20_000, peer.exited, 'exit')).toBe(0)
  })
})
