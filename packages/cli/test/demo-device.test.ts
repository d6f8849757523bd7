import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { DemoDevice } from '../src/demo/device.ts'
import type { Host } from '../src/host.ts'

/** A device whose node only says that it listens. */
function device(): DemoDevice {
  const script = `console.log('{"addresses":[]}'); setInterval(() => {}, 1000)`
  const program = { typed: 'cis', executable: process.execPath, leadingArguments: ['-e', script, '--'] }
  const { signal } = new AbortController()
  const made = new DemoDevice({ program, env: {}, signal } as unknown as Host, tmpdir(), 'tablet')
  onTestFinished(() => made.stop())
  return made
}

describe('a device of the demo', () => {
  it('is lost when its node ends by itself, whoever could open its store by then', async () => {
    const tablet = device()
    await tablet.startNode()
    const lost = once(tablet.lost, 'abort')
    process.kill(tablet.pid ?? 0, 'SIGKILL')
    await lost
    expect(tablet.lost.reason).toMatchObject({
      code: 'CLI_DEMO_FAILED',
      message: 'the node of tablet ended in the middle of it (SIGKILL)'
    })
  })

  it('is not lost when the demo ends its node', async () => {
    const tablet = device()
    await tablet.startNode()
    await tablet.stop()
    expect(tablet.lost.aborted).toBe(false)
  })
})
