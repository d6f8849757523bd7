import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeMessage } from '../../src/sync/messages.ts'
import { type Device, devices, openDevice } from '../support/world.ts'
import { type Fate, sync, trySync } from './line.ts'
import { checkpointCount, liveIds } from './state.ts'

/** Two devices that have something to tell each other: several pages one way, a page and a conflict the other. */
async function pairWithNews(): Promise<[Device, Device]> {
  const [a, b] = (await devices(2)) as [Device, Device]
  for (let i = 0; i < 5; i++) {
    await a.memory.public.put(`large/${i}`, new Uint8Array(randomBytes(150_000)))
  }
  await a.memory.public.put('shared', 'a')
  await b.memory.public.put('shared', 'b')
  await b.memory.public.put('small', 1)
  return [a, b]
}

/** Cuts the line in place of frame `count`. */
function cutAfter(count: number): Fate {
  return ({ frame }, index) => (index === count ? 'cut' : frame)
}

describe('P20: a sync that is cut anywhere', () => {
  it('ends with a code at both ends, and the next one brings both sides to the same state', async () => {
    for (let count = 0; ; count++) {
      const [a, b] = await pairWithNews()
      const cut = await trySync(a, b, { fate: cutAfter(count) })
      await sync(a, b)
      expect(await liveIds(a)).toEqual(await liveIds(b))
      expect(await liveIds(a)).toHaveLength(8)
      if (cut.error === undefined) {
        expect(count).toBeGreaterThan(20)
        return
      }
      expect(cut.error).toMatchObject({ code: 'SYNC_DISCONNECTED' })
      expect(cut.listenerError).toMatchObject({ code: 'SYNC_DISCONNECTED' })
    }
  }, 60_000)

  it('never sends again what was on disk when it was cut', async () => {
    const [a, b] = await pairWithNews()
    let arrived = 0
    let sent = 0
    for (let count = 5; ; count++) {
      const before = (await liveIds(b)).length
      const outcome = await trySync(a, b, { direction: 'push', fate: cutAfter(count) })
      const pages = outcome.line.messages('dialer').filter((message) => message.type === 'page')
      sent += pages.reduce((sum, page) => sum + page.batch.entries.length, 0)
      arrived += (await liveIds(b)).length - before
      if (outcome.error === undefined) break
    }
    expect(arrived).toBe(6)
    // At most one page is under way when the line breaks, and it alone is sent twice.
    const lost = sent - arrived
    expect(lost).toBeLessThan(14)
    const again = await sync(a, b, { direction: 'push' })
    expect(again.sent).toBe(0)
  }, 60_000)

  it('goes on in another process, from what the store says', async () => {
    const [a, b] = await pairWithNews()
    await trySync(a, b, { direction: 'push', fate: cutAfter(14) })
    const half = await liveIds(b)
    expect(half.length).toBeGreaterThan(2)
    expect(half.length).toBeLessThan(8)
    const reopened = await openDevice(b.store, b.runtime)
    const rest = await sync(a, reopened)
    expect(rest.sent).toBeLessThan(6)
    expect(await liveIds(reopened)).toEqual(await liveIds(a))
  })

  it('keeps no part of a page without its checkpoint, nor a checkpoint without its page', async () => {
    const [a, b] = await pairWithNews()
    const rows = b.store.partition('public')
    const write = rows.write.bind(rows)
    let writes = 0
    rows.write = async (changes, options) => {
      writes++
      // The third write after the credentials fails, as a full disk would.
      if (writes === 3) throw new Error('no space left on device')
      return write(changes, options)
    }
    const failed = await trySync(a, b, { direction: 'push' })
    expect(failed.error).toMatchObject({ code: 'SYNC_REFUSED' })
    expect(failed.listenerError).toMatchObject({ message: 'no space left on device' })
    rows.write = write
    const reopened = await openDevice(b.store, b.runtime)
    const before = (await liveIds(reopened)).length
    const rest = await sync(a, reopened, { direction: 'push' })
    expect(before + rest.sent).toBe(8)
    expect(await liveIds(reopened)).toHaveLength(8)
  })

  it('reads a feed from its start once its checkpoint was withdrawn, though the sync that was under way goes on', async () => {
    const [a, b] = await pairWithNews()
    const rows = b.store.partition('public')
    const write = rows.write.bind(rows)
    rows.write = async (changes, options) => {
      const checkpoint = changes.find(({ key }) => String.fromCharCode(key[0] as number) === 'C')
      await write(changes, options)
      if (checkpoint === undefined) return
      rows.write = write
      await write([{ type: 'delete', key: checkpoint.key }])
    }
    await sync(a, b, { direction: 'push' })
    expect(await liveIds(a)).toHaveLength(6)
    expect(await checkpointCount(b)).toBe(0)
    expect((await sync(a, b, { direction: 'push' })).sent).toBe(6)
    expect(await checkpointCount(b)).toBe(1)
  })

  it('repeats no handshake message of the session before', async () => {
    const [a, b] = await pairWithNews()
    const [first, second] = [await sync(a, b), await sync(a, b)]
    const nonces = [first, second].flatMap(({ line }) =>
      line.sent
        .map(({ frame }) => decodeMessage(frame))
        .flatMap((message) => (message.type === 'hello' ? [Buffer.from(message.nonce).toString('hex')] : []))
    )
    expect(new Set(nonces).size).toBe(4)
  })
})
