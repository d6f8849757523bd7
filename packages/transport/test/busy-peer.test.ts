import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { PING_INTERVAL_MS, PING_TIMEOUT_MS } from '../src/limits.ts'
import { deviceOfAddress } from '../src/peer-id.ts'
import { startNetwork } from './support/nodes.ts'
import { PROTOCOL, startPeer } from './support/processes.ts'

/** What ingesting one page took a process that had a fifth of a processor. */
const BUSY_MS = 6_000

afterEach(() => {
  vi.useRealTimers()
})

it('a peer that is too busy to answer for some seconds stays connected, and what it is sent arrives', async () => {
  const peer = await startPeer('echo')
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  const network = await startNetwork()
  const channel = await network.open(peer.at, PROTOCOL)
  peer.child.kill('SIGSTOP')
  vi.advanceTimersByTime(PING_INTERVAL_MS)
  await pause(BUSY_MS)
  await channel.send(new Uint8Array([7]))
  peer.child.kill('SIGCONT')
  expect(await channel.receive()).toEqual(new Uint8Array([7]))
  expect(network.connectedPeers()).toEqual([deviceOfAddress(peer.at)])
}, 30_000)

it('a peer is probed no second time before the first probe is over, which would count as a failure', () => {
  expect(PING_TIMEOUT_MS).toBeLessThan(PING_INTERVAL_MS)
})
