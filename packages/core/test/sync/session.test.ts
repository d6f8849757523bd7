import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { NO_BYTES } from '../../src/entry/bytes.ts'
import { SyncSession, serveSession } from '../../src/sync/driver.ts'
import type { Message } from '../../src/sync/messages.ts'
import { type Device, devices } from '../support/world.ts'
import { Line, sync, trySync } from './line.ts'
import { checkpointCount, entriesOf, liveIds, token } from './state.ts'

/** The prefix that carries each frame over a stream: what a frame costs beside its bytes. */
const FRAME_PREFIX_BYTES = 4

async function pair(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

/** A value that takes as much room on the line as it does here. */
function incompressible(length: number): Uint8Array {
  return new Uint8Array(randomBytes(length))
}

async function putMany(device: Device, prefix: string, count: number): Promise<void> {
  const puts = Array.from({ length: count }, (_, i) => device.memory.public.put(`${prefix}/${i}`, i))
  await Promise.all(puts)
}

/** An open session, whose listener waits for more, and the line it runs over. */
async function open(
  dialer: Device,
  listener: Device
): Promise<{ line: Line; session: SyncSession; close: () => Promise<void> }> {
  const line = new Line(dialer, listener)
  const { replica, runtime } = listener
  const serving = serveSession({ channel: line.listener, replica, runtime })
  const session = await SyncSession.open({
    channel: line.dialer,
    replica: dialer.replica,
    runtime: dialer.runtime
  })
  const close = async (): Promise<void> => {
    await session.close()
    expect(await serving).toBeUndefined()
  }
  return { line, session, close }
}

describe('a sync session', () => {
  it('P3: brings both sides to the same state', async () => {
    const [a, b] = await pair()
    await putMany(a, 'a', 5)
    await putMany(b, 'b', 3)
    const outcome = await sync(a, b)
    expect(outcome).toMatchObject({ sent: 5, received: 3, conflicts: 0 })
    expect(outcome.listenerReports).toMatchObject([{ sent: 3, received: 5, conflicts: 0 }])
    expect(await liveIds(a)).toEqual(await liveIds(b))
    expect(await liveIds(a)).toHaveLength(8)
  })

  it('P3: brings three replicas to the same state, though two of them never meet', async () => {
    const [a, b, c] = (await devices(3)) as [Device, Device, Device]
    for (const device of [a, b, c]) {
      await device.memory.public.put('shared', device.replica.device)
      await device.memory.public.put(`own/${device.replica.device}`, 1)
    }
    await sync(a, b)
    await sync(b, c)
    await sync(a, b)
    expect(await liveIds(a)).toHaveLength(6)
    expect(await liveIds(b)).toEqual(await liveIds(a))
    expect(await liveIds(c)).toEqual(await liveIds(a))
    const [onA, onC] = await Promise.all([a, c].map(({ memory }) => memory.public.get('shared')))
    expect(onA).toMatchObject({ state: 'conflict' })
    expect(onC).toMatchObject({
      state: 'conflict',
      conflict: { id: (onA as { conflict: { id: string } }).conflict.id }
    })
  })

  it('P3: converges when everybody writes and syncs with everybody at the same time', async () => {
    const all = await devices(4)
    const pairs = all.flatMap((a) => all.filter((b) => b !== a).map((b) => [a, b] as const))
    const writing = all.map(async ({ memory, replica }) => {
      for (let i = 0; i < 10; i++) {
        await memory.public.put(`own/${replica.device}/${i}`, i)
        await memory.public.put(`shared/${i % 3}`, replica.device, { overwrite: true }).catch(() => {})
      }
    })
    const syncing = pairs.map(async ([a, b]) => {
      for (let i = 0; i < 4; i++) await sync(a, b)
    })
    await Promise.all([...writing, ...syncing])
    // Chains of three lead from everybody to everybody.
    for (let round = 0; round < 3; round++) {
      for (const [index, device] of all.entries()) await sync(device, all[(index + 1) % all.length] as Device)
    }
    const [first, ...others] = await Promise.all(all.map((device) => liveIds(device)))
    expect(first?.length).toBeGreaterThan(40)
    for (const other of others) expect(other).toEqual(first)
  })

  it('counts what went each way and what became contested, at both ends', async () => {
    const [a, b] = await pair()
    await a.memory.public.put('x', 'a')
    await a.memory.public.put('y', 'a')
    await b.memory.public.put('x', 'b')
    const first = await sync(a, b)
    expect(first).toMatchObject({ sent: 2, received: 1, conflicts: 1 })
    expect(first.listenerReports).toMatchObject([{ sent: 1, received: 2, conflicts: 1 }])
    expect(first.bytes).toBe(first.line.bytes())
    expect(first.listenerReports[0]?.bytes).toBe(first.line.bytes())
    const second = await sync(a, b)
    expect(second).toMatchObject({ sent: 0, received: 0, conflicts: 0 })
  })

  it('does not send back what came from the peer', async () => {
    const [a, b] = await pair()
    await putMany(a, 'a', 20)
    await sync(a, b, { direction: 'push' })
    const back = await sync(a, b)
    expect(back).toMatchObject({ sent: 0, received: 0 })
  })

  it('goes only the way it was asked to', async () => {
    const [a, b] = await pair()
    await putMany(a, 'a', 2)
    await putMany(b, 'b', 3)
    const pulled = await sync(a, b, { direction: 'pull' })
    expect(pulled).toMatchObject({ sent: 0, received: 3 })
    expect(await liveIds(b)).toHaveLength(3)
    const pushed = await sync(a, b, { direction: 'push' })
    expect(pushed).toMatchObject({ sent: 2, received: 0 })
    expect(await liveIds(b)).toEqual(await liveIds(a))
  })

  it('moves single memories when asked for them by path, and nothing else', async () => {
    const [a, b] = await pair()
    await putMany(a, 'a', 4)
    await putMany(b, 'b', 4)
    await a.memory.public.put('both', 'a')
    await b.memory.public.put('both', 'b')
    const paths = ['a/1', 'b/2', 'b/3', 'both', 'nowhere'].map((path) => token(a, `/acme/web/${path}`))
    const outcome = await sync(a, b, { paths })
    expect(outcome).toMatchObject({ sent: 2, received: 3, conflicts: 1 })
    const read = async (device: Device, path: string): Promise<string> =>
      (await device.memory.public.get(path)).state
    expect(await read(a, 'b/2')).toBe('value')
    expect(await read(a, 'b/1')).toBe('absent')
    expect(await read(b, 'a/1')).toBe('value')
    expect(await read(b, 'a/2')).toBe('absent')
    expect(await read(b, 'both')).toBe('conflict')
    // What was left out comes with the next sync.
    expect(await Promise.all([a, b].map(checkpointCount))).toEqual([0, 0])
    await sync(a, b)
    expect(await liveIds(a)).toEqual(await liveIds(b))
    expect(await liveIds(a)).toHaveLength(10)
  })

  it('sends one large memory after the other when their versions do not fit one frame', async () => {
    const [a, b] = await pair()
    for (let i = 0; i < 3; i++) await a.memory.public.put(`large/${i}`, incompressible(900_000))
    await b.memory.public.put('large/0', 'small')
    const paths = [0, 1, 2].map((i) => token(a, `/acme/web/large/${i}`))
    expect(await sync(a, b, { paths })).toMatchObject({ sent: 3, received: 1, rounds: 3 })
    expect(await liveIds(a)).toEqual(await liveIds(b))
  })

  it('refuses to be asked for no memory, or for more than a request may name', async () => {
    const [a, b] = await pair()
    const { session, close } = await open(a, b)
    const path = token(a, '/acme/web/x')
    for (const paths of [[], Array.from({ length: 257 }, () => path)]) {
      await expect(session.sync({ paths })).rejects.toBeInstanceOf(RangeError)
    }
    await close()
  })
})

describe('an open session', () => {
  it('P23: finds out in one round trip and 64 bytes each way that nothing is new, whatever the size', async () => {
    for (const count of [3, 400]) {
      const [a, b] = await pair()
      const { line, session, close } = await open(a, b)
      await putMany(a, 'a', count)
      await putMany(b, 'b', count)
      await session.sync()
      await session.sync()
      for (const direction of ['both', 'pull', 'push'] as const) {
        await session.sync({ direction })
        line.sent.length = 0
        expect(await session.sync({ direction })).toMatchObject({ sent: 0, received: 0, rounds: 1 })
        for (const by of ['dialer', 'listener'] as const) {
          const frames = line.sent.filter((sent) => sent.by === by)
          const bytes = line.bytes(by) + FRAME_PREFIX_BYTES * frames.length
          expect(bytes).toBeLessThanOrEqual(64)
        }
        const words = line.messages('dialer').map(({ type }) => type)
        expect(words).toEqual(direction === 'push' ? ['begin', 'done'] : ['begin', 'since', 'done'])
      }
      await close()
    }
  })

  it('P23: writes nothing when nothing is new', async () => {
    const [a, b] = await pair()
    await putMany(a, 'a', 10)
    const { session, close } = await open(a, b)
    await session.sync()
    await session.sync()
    const tips = [a.replica.end.lsn, b.replica.end.lsn]
    let writes = 0
    for (const { store } of [a, b]) {
      const rows = store.partition('public')
      const write = rows.write.bind(rows)
      rows.write = (changes, options) => {
        writes++
        return write(changes, options)
      }
    }
    await session.sync()
    expect(writes).toBe(0)
    expect([a.replica.end.lsn, b.replica.end.lsn]).toEqual(tips)
    await close()
  })

  it('moves 100 new entries of many in one round trip and at most 1.1 times their own bytes', async () => {
    const [a, b] = await pair()
    const { line, session, close } = await open(a, b)
    await putMany(a, 'old', 500)
    await session.sync({ direction: 'pull' })
    await session.sync({ direction: 'push' })
    const known = new Set(await liveIds(a))
    for (let i = 0; i < 100; i++) await a.memory.public.put(`new/${i}`, `what was decided on day ${i}`)
    line.sent.length = 0
    const report = await session.sync({ direction: 'push' })
    expect(report).toMatchObject({ sent: 100, rounds: 1 })
    const own = (await entriesOf(a))
      .filter(({ header }) => !known.has(header.id))
      .reduce((sum, { header, cipher }) => sum + header.bytes.length + cipher.length, 0)
    expect(line.bytes() / own).toBeLessThanOrEqual(1.1)
    await close()
  })

  it('runs syncs that are asked for at once one after the other', async () => {
    const [a, b] = await pair()
    const { session, close } = await open(a, b)
    await putMany(a, 'a', 3)
    const reports = await Promise.all([session.sync(), session.sync(), session.sync()])
    expect(reports.map(({ sent }) => sent)).toEqual([3, 0, 0])
    await close()
  })

  it('asks for the next page before the one that came is on disk, and for no more than that', async () => {
    const [a, b] = await pair()
    for (let i = 0; i < 6; i++) await a.memory.public.put(`${i}`, incompressible(200_000))
    const events: string[] = []
    const ingest = b.replica.ingest.bind(b.replica)
    b.replica.ingest = async (...given) => {
      events.push('begin')
      const report = await ingest(...given)
      events.push('end')
      return report
    }
    const outcome = await sync(a, b, {
      fate: ({ by, frame }) => {
        if (by === 'listener' && messageType(frame) === 'since') events.push('ask')
        return frame
      }
    })
    expect(outcome).toMatchObject({ sent: 6 })
    // The first ingest is that of the credentials. Six pages, and before each but the last the one behind it.
    const pages = events.slice(events.indexOf('end') + 1).join(' ')
    expect(pages).toBe(`ask ${'ask begin end '.repeat(5)}begin end`)
  })

  it('tells how far it is', async () => {
    const [a, b] = await pair()
    for (let i = 0; i < 4; i++) await a.memory.public.put(`${i}`, incompressible(200_000))
    const heard: number[] = []
    await sync(a, b, { onProgress: ({ sent }) => heard.push(sent) })
    expect(heard).toEqual([1, 2, 3, 4])
  })
})

describe('a session whose peer answers nobody', () => {
  it('still takes what is pushed, and says when a pull was in vain', async () => {
    const [a, b] = await pair()
    await putMany(a, 'a', 2)
    await putMany(b, 'b', 2)
    const nothing = { shared: () => [] }
    expect(await sync(a, b, nothing)).toMatchObject({ sent: 2, received: 0 })
    const pulled = await trySync(a, b, { ...nothing, direction: 'pull' })
    expect(pulled.error).toMatchObject({ code: 'SYNC_NOT_SHARED' })
    expect(pulled.listenerError).toBeUndefined()
    const paths = [token(a, '/acme/web/b/1')]
    expect((await trySync(a, b, { ...nothing, direction: 'pull', paths })).error).toMatchObject({
      code: 'SYNC_NOT_SHARED'
    })
    expect(await liveIds(a)).toHaveLength(2)
    expect(await liveIds(a, NO_BYTES)).not.toEqual(await liveIds(b))
  })
})

function messageType(frame: Uint8Array): Message['type'] | undefined {
  return frame[2] === 7 ? 'since' : undefined
}
