import { createHash, randomBytes } from 'node:crypto'
import { type DeviceId, type FrameChannel, MAX_FRAME_BYTES } from '@cis-memory/core'
import { channelSuite } from '@cis-memory/core/compliance'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it, test } from 'vitest'
import { MAX_STREAM_WINDOW_BYTES, READ_AHEAD_BYTES } from '../src/limits.ts'
import { peerOfDevice } from '../src/peer-id.ts'
import { newKey, startNetwork, startRawNode, type TestNetwork, within } from './support/nodes.ts'

const PROTOCOL = '/test/frames/1'

interface Pair {
  readonly a: TestNetwork
  readonly b: TestNetwork
  readonly near: FrameChannel
  readonly far: FrameChannel
}

/** Two ends of one channel between two nodes. The far end stays open. */
async function openPair(): Promise<Pair> {
  const a = await startNetwork()
  const b = await startNetwork()
  const far = new Promise<FrameChannel>((resolve) => {
    void b.handle(PROTOCOL, async (channel) => {
      resolve(channel)
      await new Promise(() => {})
    })
  })
  const near = await a.open(b.at, PROTOCOL)
  return { a, b, near, far: await far }
}

/** Several turns of the event loop, so that whatever the network has ready is handled first. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('StreamChannel', () => {
  channelSuite({
    test,
    create: async () => {
      const { a, b, near, far } = await openPair()
      return { near, far, nearDevice: a.device, farDevice: b.device }
    }
  })

  it('does not take the end of the connection for a clean end', async () => {
    const { b, near, far } = await openPair()
    await far.send(new Uint8Array([1]))
    expect(await near.receive()).toEqual(new Uint8Array([1]))
    const waiting = expect(near.receive()).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
    await b.stop()
    await waiting
  })

  it('slows the sender down to the pace of the reader, and loses nothing of 64 MiB', async () => {
    const { near, far } = await openPair()
    const frameBytes = 64 * 1024
    const total = 1024
    const sent = createHash('sha256')
    const received = createHash('sha256')
    let inFlight = 0
    let mostInFlight = 0
    const sending = (async () => {
      for (let i = 0; i < total; i++) {
        const frame = new Uint8Array(frameBytes).fill(i * 31)
        sent.update(frame)
        await near.send(frame)
        inFlight += frameBytes
        mostInFlight = Math.max(mostInFlight, inFlight)
      }
      await near.close()
    })()
    for (let i = 0; ; i++) {
      // A reader that stops for a while now and then: the window is full and the stream paused when it returns.
      if (i % 64 === 0) await turns(300)
      const frame = await far.receive()
      if (frame === undefined) break
      received.update(frame)
      inFlight -= frame.length
    }
    await sending
    expect(received.digest('hex')).toBe(sent.digest('hex'))
    // The operating system keeps a few MiB between two sockets on one machine.
    const socketBytes = 6 * 1024 * 1024
    expect(mostInFlight).toBeLessThan(
      READ_AHEAD_BYTES + 2 * MAX_STREAM_WINDOW_BYTES + MAX_FRAME_BYTES + socketBytes
    )
  })

  it('holds a sender back for as long as nobody reads', async () => {
    const { near, far } = await openPair()
    let sent = 0
    const frame = new Uint8Array(64 * 1024)
    const sending = (async () => {
      for (; sent < 1024; sent++) await near.send(frame)
    })()
    await turns(5_000)
    const held = sent
    await turns(2_000)
    expect(sent).toBe(held)
    expect(held).toBeLessThan(200)
    for (let i = 0; i < 1024; i++) await far.receive()
    await sending
  })

  it('closes without its peer ever closing, within bounds', async () => {
    const { a, near } = await openPair()
    await near.close()
    await within(2_000, a.stop(), 'stopping with a half-closed channel')
  })
})

describe('a peer that does not keep to the framing', () => {
  async function rawStream(): Promise<{ far: Promise<FrameChannel>; stream: RawStream; raw: DeviceId }> {
    const key = newKey()
    const network = await startNetwork({ allow: (device) => device === key.id })
    let onChannel: (channel: FrameChannel) => void = () => {}
    const far = new Promise<FrameChannel>((resolve) => {
      onChannel = resolve
    })
    await network.handle(PROTOCOL, async (channel) => {
      onChannel(channel)
      await new Promise(() => {})
    })
    const raw = await startRawNode(key)
    await raw.dial(toMultiaddr(network))
    const stream = await raw.dialProtocol(peerOfDevice(network.device), PROTOCOL)
    return { far, stream, raw: key.id }
  }

  it('P28: is cut off when it announces a frame over the limit, before its bytes are read', async () => {
    const { far, stream } = await rawStream()
    const header = Buffer.alloc(4)
    header.writeUInt32BE(MAX_FRAME_BYTES + 1)
    stream.send(header)
    const channel = await far
    await expect(channel.receive()).rejects.toMatchObject({ code: 'SYNC_FRAME_TOO_LARGE' })
    await expect(channel.send(new Uint8Array(1))).rejects.toMatchObject({ code: 'SYNC_FRAME_TOO_LARGE' })
  })

  it('is cut off when it sends random bytes', async () => {
    const { far, stream } = await rawStream()
    stream.send(Buffer.concat([Buffer.from([0xff]), randomBytes(4_096)]))
    await expect((await far).receive()).rejects.toMatchObject({ code: 'SYNC_FRAME_TOO_LARGE' })
  })

  it('gives an error, not a clean end, when it closes in the middle of a frame', async () => {
    const { far, stream } = await rawStream()
    stream.send(Buffer.from([0, 0, 0, 10, 1, 2, 3]))
    await stream.close()
    await expect((await far).receive()).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
  })

  it('does no harm by sending one byte at a time', async () => {
    const { far, stream } = await rawStream()
    for (const byte of [0, 0, 0, 3, 1, 2, 3, 0, 0, 0, 0]) {
      stream.send(Buffer.from([byte]))
      await turns(3)
    }
    const channel = await far
    expect(await channel.receive()).toEqual(new Uint8Array([1, 2, 3]))
    expect(await channel.receive()).toEqual(new Uint8Array())
  })
})

type RawNode = Awaited<ReturnType<typeof startRawNode>>
type RawStream = Awaited<ReturnType<RawNode['dialProtocol']>>

function toMultiaddr(network: TestNetwork) {
  return multiaddr(network.at)
}
