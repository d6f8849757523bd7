import { describe, expect, it } from 'vitest'
import { runSession, SyncSession, serveSession } from '../../src/sync/driver.ts'
import { memoryChannelPair } from '../../src/sync/index.ts'
import { type Device, devices } from '../support/world.ts'
import { dialledBy, reaching } from './impostor.ts'
import { Line } from './line.ts'
import { liveIds } from './state.ts'

async function pair(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

function dialerOf(line: Line, device: Device): Parameters<typeof SyncSession.open>[0] {
  return { channel: line.dialer, replica: device.replica, runtime: device.runtime }
}

function listenerOf(line: Line, device: Device): Parameters<typeof serveSession>[0] {
  return { channel: line.listener, replica: device.replica, runtime: device.runtime }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
}

describe('a session that hears nothing', () => {
  it('ends with a timeout during the handshake, at either end', async () => {
    for (const confront of [dialledBy, reaching]) {
      const [honest, mallory] = await pair()
      const { impostor, ended } = confront(mallory.replica, honest)
      await settle()
      honest.runtime.fireTimers()
      expect(await ended).toMatchObject({ code: 'SYNC_TIMEOUT' })
      expect((await impostor.rest()).at(-1)).toMatchObject({ code: 'SYNC_TIMEOUT' })
    }
  })

  it('ends with a timeout during a sync, but not while nothing is asked of it', async () => {
    const [honest, mallory] = await pair()
    const idle = dialledBy(mallory.replica, honest)
    await idle.impostor.greet('dialer')
    await settle()
    expect(honest.runtime.timers.size).toBe(0)
    await idle.impostor.send({
      type: 'begin',
      end: { lsn: 99n, mark: new Uint8Array(8) },
      instance: undefined,
      feed: undefined,
      request: { direction: 'push', scope: new Uint8Array(0), paths: undefined }
    })
    await idle.impostor.expect('since')
    honest.runtime.fireTimers()
    expect(await idle.ended).toMatchObject({ code: 'SYNC_TIMEOUT' })
  })

  it('is patient with itself: a slow disk of our own is no silence of the peer', async () => {
    const [a, b] = await pair()
    await a.memory.public.put('x', 1)
    const { ingest } = b.replica
    let release = (): void => {}
    const slow = new Promise<void>((resolve) => {
      release = resolve
    })
    b.replica.ingest = async (...given) => {
      if (given[0].entries.length > 0) await slow
      return ingest.apply(b.replica, given)
    }
    const line = new Line(a, b)
    const serving = serveSession(listenerOf(line, b))
    const syncing = runSession(dialerOf(line, a))
    await settle()
    b.runtime.fireTimers()
    b.runtime.fireTimers()
    release()
    expect(await syncing).toMatchObject({ sent: 1 })
    expect(await serving).toBeUndefined()
    expect(await liveIds(b)).toHaveLength(1)
  })
})

describe('ending a session', () => {
  it('is clean between syncs, for both ends and as often as one likes', async () => {
    const [a, b] = await pair()
    const line = new Line(a, b)
    const serving = serveSession(listenerOf(line, b))
    const session = await SyncSession.open(dialerOf(line, a))
    await session.sync()
    await session.close()
    await session.close()
    expect(await session.ended).toBeUndefined()
    expect(await serving).toBeUndefined()
    await expect(session.sync()).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
  })

  it('happens by itself at the end of an `await using` block', async () => {
    const [a, b] = await pair()
    const line = new Line(a, b)
    const serving = serveSession(listenerOf(line, b))
    {
      await using session = await SyncSession.open(dialerOf(line, a))
      await session.sync()
    }
    expect(await serving).toBeUndefined()
  })

  it('by a signal rejects with its reason, and breaks the line for the peer', async () => {
    const reason = new Error('the owner changed their mind')
    for (const moment of ['before', 'opening', 'syncing'] as const) {
      const [a, b] = await pair()
      const abort = new AbortController()
      let frames = 0
      const line = new Line(a, b, ({ frame }) => {
        frames++
        if ((moment === 'opening' && frames === 3) || (moment === 'syncing' && frames === 11))
          abort.abort(reason)
        return frame
      })
      if (moment === 'before') abort.abort(reason)
      const serving = serveSession(listenerOf(line, b))
      const syncing = runSession({ ...dialerOf(line, a), signal: abort.signal })
      await expect(syncing).rejects.toBe(reason)
      expect(await serving).toMatchObject({ code: 'SYNC_DISCONNECTED' })
    }
  })

  it('by a signal of one sync ends it, and those that wait behind it', async () => {
    const [a, b] = await pair()
    const line = new Line(a, b)
    const serving = serveSession(listenerOf(line, b))
    const session = await SyncSession.open(dialerOf(line, a))
    const abort = new AbortController()
    const first = session.sync({ signal: abort.signal })
    const second = session.sync()
    const reason = new Error('enough')
    queueMicrotask(() => abort.abort(reason))
    await expect(first).rejects.toBe(reason)
    await expect(second).rejects.toBe(reason)
    expect(await session.ended).toBe(reason)
    expect(await serving).toMatchObject({ code: 'SYNC_DISCONNECTED' })
  })

  it('does not wait for ever for a peer that reads no more', async () => {
    const [a, b] = await pair()
    const [atA, atB] = memoryChannelPair(a.replica.device, b.replica.device)
    const opening = SyncSession.open({ channel: atA, replica: a.replica, runtime: a.runtime })
    opening.catch(() => {})
    await atB.send(new Uint8Array(3))
    // Nobody takes the hello, so the last word cannot leave either. The goodbye has a timer.
    await settle()
    a.runtime.fireTimers()
    await expect(opening).rejects.toMatchObject({ code: 'SYNC_MALFORMED' })
    await expect(atB.receive()).rejects.toMatchObject({ code: 'SYNC_DISCONNECTED' })
  })

  it('because of a failure of our own tells the peer no more than that', async () => {
    const [a, b] = await pair()
    const line = new Line(a, b)
    b.replica.progressOf = async () => {
      throw new Error('the disk under /home/ada is gone')
    }
    const serving = serveSession(listenerOf(line, b))
    const error = await runSession(dialerOf(line, a)).catch((cause: unknown) => cause)
    expect(error).toMatchObject({ code: 'SYNC_REFUSED' })
    expect(String(error)).not.toContain('ada')
    expect(Buffer.concat(line.sent.map(({ frame }) => frame)).includes('ada')).toBe(false)
    expect(await serving).toMatchObject({ message: 'the disk under /home/ada is gone' })
  })

  it('waits for what its replica still does', async () => {
    const [a, b] = await pair()
    await b.memory.public.put('x', 1)
    const line = new Line(a, b)
    const serving = serveSession(listenerOf(line, b))
    const session = await SyncSession.open(dialerOf(line, a))
    const { ingest } = a.replica
    let isWriting = false
    a.replica.ingest = async (...given) => {
      isWriting = true
      await settle()
      const report = await ingest.apply(a.replica, given)
      isWriting = false
      return report
    }
    const syncing = session.sync().catch(() => {})
    while (!isWriting) await settle()
    await session.close()
    expect(isWriting).toBe(false)
    await syncing
    await serving
    expect(await liveIds(a)).toHaveLength(1)
  })
})
