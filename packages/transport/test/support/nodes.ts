import '../../src/runtime-shim.ts'
import { randomBytes } from 'node:crypto'
import { gossipsub, StrictNoSign } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { type DeviceId, DeviceKey, type Runtime } from '@cis-memory/core'
import { type IdentifyInit, identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { afterEach, expect } from 'vitest'
import { createNetwork } from '../../src/network.ts'
import type { Network, NetworkEvents, NetworkOptions } from '../../src/network-types.ts'
import { nodeRuntime } from '../../src/node-runtime.ts'
import { privateKeyOf } from '../../src/peer-id.ts'

export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'
const EVENT_TIMEOUT_MS = 15_000

const cleanups: Array<() => Promise<void>> = []

afterEach(async () => {
  await Promise.all(cleanups.splice(0).map((clean) => clean()))
})

/** Runs after the test, whatever becomes of it. */
export function cleanUp(clean: () => Promise<void>): void {
  cleanups.push(clean)
}

export function newKey(): DeviceKey {
  return new DeviceKey(new Uint8Array(randomBytes(32)))
}

/** The real world, but timers of these lengths have others. */
export function retimed(lengths: Readonly<Record<number, number>>): Runtime {
  const runtime = nodeRuntime()
  return { ...runtime, timer: (ms, callback) => runtime.timer(lengths[ms] ?? ms, callback) }
}

export interface TestNetwork extends Network {
  /** Its one address. */
  readonly at: string
}

/** A running network on a free port of this machine, stopped after the test. Allows everybody unless told. */
export async function startNetwork(options: Partial<NetworkOptions> = {}): Promise<TestNetwork> {
  const network = await createNetwork({
    deviceKey: newKey(),
    listen: [LOOPBACK],
    allow: () => true,
    ...options
  })
  cleanUp(() => network.stop())
  await network.start()
  return Object.assign(network, { at: network.addresses()[0] ?? '' })
}

/** What a stream holds whose reader pauses, unless it has been found to be worth more. */
const FIRST_WINDOW_BYTES = 256 * 1024

/**
 * libp2p without our rules: what a hostile or broken peer may run. Speaks identify, ping and gossip. Its windows do not
 * grow: how far they do depends on how busy this machine is.
 */
export async function startRawNode(key: DeviceKey = newKey(), introduction: IdentifyInit = {}) {
  const node = await createLibp2p({
    privateKey: await privateKeyOf(key),
    addresses: { listen: [LOOPBACK] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: FIRST_WINDOW_BYTES } })],
    services: {
      identify: identify(introduction),
      ping: ping(),
      pubsub: gossipsub({ globalSignaturePolicy: StrictNoSign, allowPublishToZeroTopicPeers: true })
    }
  })
  cleanUp(async () => node.stop())
  return Object.assign(node, { device: key.id, at: node.getMultiaddrs()[0]! })
}

/** The next event for which `matches` holds. Fails after a while instead of hanging. */
export function nextEvent<K extends keyof NetworkEvents>(
  network: Network,
  name: K,
  matches: (detail: NetworkEvents[K]['detail']) => boolean = () => true
): Promise<NetworkEvents[K]['detail']> {
  return new Promise((resolve, reject) => {
    const timeout = setTimeout(() => {
      network.removeEventListener(name, listener)
      reject(new Error(`no ${name} in time`))
    }, EVENT_TIMEOUT_MS)
    const listener = (event: Event): void => {
      const { detail } = event as NetworkEvents[K]
      if (!matches(detail)) return
      clearTimeout(timeout)
      network.removeEventListener(name, listener)
      resolve(detail)
    }
    network.addEventListener(name, listener)
  })
}

/** Resolves once both know that the other is connected. */
export async function connect(a: TestNetwork, b: TestNetwork): Promise<void> {
  const known = b.connectedPeers().includes(a.device)
    ? undefined
    : nextEvent(b, 'peer:connect', (device) => device === a.device)
  await a.dial(b.at)
  await known
}

/** Resolves once `network` would hand a message on `topic` to `device`. */
export async function listening(network: Network, device: DeviceId, topic: string): Promise<void> {
  await expect.poll(() => network.subscribers(topic)).toContain(device)
}

const TICK_MS = 20

/**
 * A value, or a failure when it does not come within a bound. Counts the time that this process was given, so that a
 * machine with other things to do does not fail it.
 */
export async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  let left = ms / TICK_MS
  const late = new Promise<never>((_resolve, reject) => {
    timer = setInterval(() => {
      if (--left <= 0) reject(new Error(`${what} took more than ${ms} ms`))
    }, TICK_MS)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearInterval(timer)
  }
}
