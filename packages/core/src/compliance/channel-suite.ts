import assert from 'node:assert/strict'
import type { DeviceId } from '../entry/ed25519.ts'
import { SyncError } from '../errors.ts'
import { MAX_FRAME_BYTES } from '../limits.ts'
import type { FrameChannel } from '../ports/channel.ts'

/** The two ends of one line. */
export interface ChannelPair {
  readonly near: FrameChannel
  readonly far: FrameChannel
  /** The devices that hold them. */
  readonly nearDevice: DeviceId
  readonly farDevice: DeviceId
}

/** How {@link channelSuite} reaches a test runner and the channels under test. */
export interface ChannelSuiteOptions {
  /** The host's test function; those of `node:test`, vitest and others fit. */
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /** A new line. The suite leaves its ends as they are; let go of what is under them after each test. */
  readonly create: () => Promise<ChannelPair>
}

const SIZES = [0, 1, 3, 4, 5, 1_000, 65_536, 1_000_000, MAX_FRAME_BYTES]
/** Far more than any line should hold for a reader that does not read. */
const FLOOD_FRAMES = 2_048
const FLOOD_FRAME_BYTES = 64 * 1024
/** By then a sender that nothing holds back is through: these go the other way on the same line. */
const ROUND_TRIPS = 50

/**
 * What every channel has to do, as tests: run it over your own implementation.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * channelSuite({
 *   test,
 *   create: async () => {
 *     const [near, far] = memoryChannelPair(a, b)
 *     return { near, far, nearDevice: a, farDevice: b }
 *   }
 * })
 * ```
 */
export function channelSuite({ test, create }: ChannelSuiteOptions): void {
  const withPair = (name: string, run: (pair: ChannelPair) => Promise<void>): void => {
    test(name, async () => run(await create()))
  }

  withPair('each end names the device at the other', async ({ near, far, nearDevice, farDevice }) => {
    assert.equal(near.peer, farDevice)
    assert.equal(far.peer, nearDevice)
  })

  withPair('frames of every size arrive whole and in order, in both directions', async ({ near, far }) => {
    for (const [from, to] of [
      [near, far],
      [far, near]
    ] as const) {
      const frames = SIZES.map((size) => Uint8Array.from({ length: size }, (_, i) => (i * 31 + size) % 251))
      const sending = sendAll(from, frames)
      const received = await readAll(to)
      await sending
      assert.deepEqual(
        received.map((frame) => frame.length),
        SIZES
      )
      assert.ok(received.every((frame, i) => Buffer.from(frame).equals(frames[i] ?? frame)))
    }
  })

  withPair('sends that nobody awaited keep their order, and all arrive before the end', async (pair) => {
    const { near, far } = pair
    const send = (i: number): Promise<void> => near.send(new Uint8Array(10_000).fill(i))
    const sending = Array.from({ length: 100 }, (_, i) => send(i))
    const first = await far.receive()
    sending.push(...Array.from({ length: 100 }, (_, i) => send(100 + i)))
    const closing = near.close()
    const received = [first, ...(await readAll(far))]
    await Promise.all([...sending, closing])
    assert.deepEqual(
      received.map((frame) => frame?.[0]),
      sending.map((_, i) => i)
    )
  })

  withPair('a close is read as a clean end, as often as one asks', async ({ near, far }) => {
    const sending = near.send(Uint8Array.of(1))
    assert.deepEqual(await far.receive(), Uint8Array.of(1))
    await sending
    await near.close()
    await near.close()
    assert.equal(await far.receive(), undefined)
    assert.equal(await far.receive(), undefined)
  })

  withPair('a side that has closed still reads what the other sends', async ({ near, far }) => {
    await near.close()
    assert.equal(await far.receive(), undefined)
    const sending = sendAll(far, [Uint8Array.of(7)])
    assert.deepEqual(await readAll(near), [Uint8Array.of(7)])
    await sending
  })

  withPair('nothing is sent after a close of one’s own', async ({ near, far }) => {
    const closing = near.close()
    await assert.rejects(near.send(new Uint8Array(1)), hasCode('SYNC_DISCONNECTED'))
    await closing
    await assert.rejects(near.send(new Uint8Array(1)), hasCode('SYNC_DISCONNECTED'))
    assert.equal(await far.receive(), undefined)
  })

  withPair('a dropped line is broken for both ends, and for whoever waits', async ({ near, far }) => {
    const isBroken = hasCode('SYNC_DISCONNECTED')
    const waiting = assert.rejects(far.receive(), isBroken)
    near.abort(new Error('enough'))
    await waiting
    for (const end of [near, far]) {
      await assert.rejects(end.receive(), isBroken)
      await assert.rejects(end.send(new Uint8Array(1)), isBroken)
      await end.close()
    }
  })

  withPair('a frame over the limit is refused, and the line goes on', async ({ near, far }) => {
    await assert.rejects(near.send(new Uint8Array(MAX_FRAME_BYTES + 1)), hasCode('SYNC_FRAME_TOO_LARGE'))
    await assertPasses(near, far)
  })

  withPair('a wait ends with the reason of its signal, and the line goes on', async ({ near, far }) => {
    const reason = new Error('no time')
    const isReason = (error: unknown): boolean => error === reason
    const controller = new AbortController()
    const waiting = assert.rejects(near.receive({ signal: controller.signal }), isReason)
    controller.abort(reason)
    await waiting
    const { signal } = controller
    await assert.rejects(near.receive({ signal }), isReason)
    await assert.rejects(far.send(Uint8Array.of(9), { signal }), isReason)
    await assertPasses(far, near)
  })

  withPair('a sender waits while nobody reads, and can be told to stop', async ({ near, far }) => {
    const reason = new Error('too slow')
    const controller = new AbortController()
    let sent = 0
    const sending = (async () => {
      const frame = new Uint8Array(FLOOD_FRAME_BYTES)
      for (; sent < FLOOD_FRAMES; sent++) await near.send(frame, controller)
    })()
    const stopped = assert.rejects(sending, (error) => error === reason)
    for (let i = 0; i < ROUND_TRIPS; i++) await assertPasses(far, near)
    assert.ok(sent < FLOOD_FRAMES, `${sent} frames were taken although nobody read`)
    controller.abort(reason)
    await stopped
    const closing = near.close()
    assert.equal((await readAll(far)).length, sent)
    await closing
  })
}

async function sendAll(channel: FrameChannel, frames: readonly Uint8Array[]): Promise<void> {
  for (const frame of frames) await channel.send(frame)
  await channel.close()
}

async function readAll(channel: FrameChannel): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for (let frame = await channel.receive(); frame !== undefined; frame = await channel.receive()) {
    frames.push(frame)
  }
  return frames
}

async function assertPasses(from: FrameChannel, to: FrameChannel): Promise<void> {
  const sending = from.send(Uint8Array.of(1, 2, 3))
  assert.deepEqual(await to.receive(), Uint8Array.of(1, 2, 3))
  await sending
}

function hasCode(code: SyncError['code']): (error: unknown) => boolean {
  return (error) => error instanceof SyncError && error.code === code
}
