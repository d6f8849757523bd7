import { describe, expect, it } from 'vitest'
import { fromHex } from '../../src/entry/bytes.ts'
import { type Device, devices } from '../support/world.ts'
import { type Line, sync, trySync } from './line.ts'
import { entriesOf, liveIds, token } from './state.ts'

const CANARY = 'canary-1f4e9d7a'

async function pair(): Promise<[Device, Device]> {
  return (await devices(2, '/')) as [Device, Device]
}

/** Writes in three scopes, two of which look alike. */
async function putEverywhere(device: Device, name: string): Promise<void> {
  for (const scope of ['acme/web', 'acme/website', 'other']) {
    for (let i = 0; i < 4; i++) await device.memory.public.put(`${scope}/${name}/${i}`, `${scope} ${i}`)
  }
}

/** Everything that went over the line, in one piece: as it was sent, and with what was deflated in it as it was. */
function traffic(line: Line): Buffer {
  const pages = line.messages().flatMap((message) => (message.type === 'page' ? [message.batch] : []))
  const inflated = pages.flatMap(({ records, commits, entries }) => [
    ...records.map(({ bytes }) => bytes),
    ...commits.map(({ commit }) => commit.bytes),
    ...entries.map(({ header }) => header.bytes)
  ])
  return Buffer.concat([...line.sent.map(({ frame }) => frame), ...inflated])
}

/** The ids of those entries of a device that went over the line, by header or by payload. */
async function entriesSent(device: Device, line: Line): Promise<string[]> {
  const bytes = traffic(line)
  const isSent = ({ header, cipher }: { header: { bytes: Uint8Array }; cipher: Uint8Array }): boolean =>
    bytes.includes(Buffer.from(cipher)) || bytes.includes(Buffer.from(header.bytes))
  return (await entriesOf(device)).filter(isSent).map(({ header }) => header.id)
}

describe('P22: a sync within a scope', () => {
  it('sends nothing from outside it, at either end, and misses nothing inside', async () => {
    const [a, b] = await pair()
    await putEverywhere(a, 'a')
    await putEverywhere(b, 'b')
    const scope = token(a, '/acme/web')
    const outcome = await sync(a, b, { scope })
    expect(outcome).toMatchObject({ sent: 4, received: 4 })
    expect(await liveIds(a, scope)).toHaveLength(8)
    expect(await liveIds(a, scope)).toEqual(await liveIds(b, scope))
    for (const device of [a, b]) {
      expect(await liveIds(device)).toHaveLength(16)
      const inside = new Set((await liveIds(device, scope)).map((row) => row.split(' ')[1]))
      expect((await entriesSent(device, outcome.line)).every((id) => inside.has(id))).toBe(true)
    }
  })

  it('keeps its own checkpoint, so that a wider one later still brings the rest', async () => {
    const [a, b] = await pair()
    await putEverywhere(a, 'a')
    await sync(a, b, { scope: token(a, '/acme/web') })
    await sync(a, b, { scope: token(a, '/other') })
    expect(await liveIds(b)).toHaveLength(8)
    await sync(a, b)
    expect(await liveIds(b)).toEqual(await liveIds(a))
  })

  it('goes on from where a wider one has read to', async () => {
    const [a, b] = await pair()
    await putEverywhere(a, 'a')
    await sync(a, b)
    const scope = token(a, '/acme/web')
    expect(await sync(b, a, { scope })).toMatchObject({ sent: 0, received: 0 })
    await a.memory.public.put('acme/web/late', 1)
    await a.memory.public.put('other/late', 1)
    expect(await sync(b, a, { scope })).toMatchObject({ sent: 0, received: 1 })
    await sync(b, a)
    expect(await liveIds(b)).toEqual(await liveIds(a))
  })

  it('gives no more than what its owner shares, whatever is asked for', async () => {
    const [a, b] = await pair()
    await putEverywhere(b, 'b')
    const shared = (): Uint8Array[] => [token(b, '/acme/web')]
    const asked = [undefined, token(a, '/acme'), token(a, '/acme/web/b')]
    for (const scope of asked) {
      const outcome = await sync(a, b, { shared, direction: 'pull', ...(scope !== undefined && { scope }) })
      const sent = await entriesSent(b, outcome.line)
      const inside = new Set((await liveIds(b, token(b, '/acme/web'))).map((row) => row.split(' ')[1]))
      expect(sent.every((id) => inside.has(id))).toBe(true)
    }
    const outside = { shared, direction: 'pull', scope: token(a, '/other') } as const
    expect((await trySync(a, b, outside)).error).toMatchObject({ code: 'SYNC_NOT_SHARED' })
    const paths = ['/acme/web/b/0', '/acme/website/b/0', '/other/b/0'].map((path) => token(a, path))
    expect(await sync(a, b, { shared, direction: 'pull', paths })).toMatchObject({ received: 1 })
    expect(await liveIds(a)).toHaveLength(4)
  })

  it('starts again when its owner shares more than before, rather than miss what lies behind', async () => {
    const [a, b] = await pair()
    await putEverywhere(b, 'b')
    const narrow = (): Uint8Array[] => [token(b, '/acme/web')]
    const wide = (): Uint8Array[] => [token(b, '/acme/web'), token(b, '/other')]
    expect(await sync(a, b, { shared: narrow })).toMatchObject({ received: 4 })
    await sync(a, b, { shared: wide })
    expect(await liveIds(a)).toHaveLength(8)
    await sync(a, b)
    expect(await liveIds(a)).toEqual(await liveIds(b))
  })

  it('starts again in the middle of a sync when what is shared changes under it', async () => {
    const [a, b] = await pair()
    for (let i = 0; i < 3; i++)
      await b.memory.public.put(
        `other/${i}`,
        new Uint8Array(300_000).map((_, at) => at * i)
      )
    for (let i = 0; i < 6; i++)
      await b.memory.public.put(`acme/${i}`, Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))))
    let shared = [token(b, '/acme')]
    let pages = 0
    await sync(a, b, {
      shared: () => shared,
      fate: ({ by, frame }) => {
        if (by === 'listener' && frame.length > 10_000 && ++pages === 1)
          shared = [token(b, '/acme'), token(b, '/other')]
        return frame
      }
    })
    expect(await liveIds(a)).toEqual(await liveIds(b))
  })
})

describe('P24: private memory', () => {
  it('is in no frame of any sync, in no form', async () => {
    const [a, b] = await pair()
    for (const device of [a, b]) {
      await device.memory.private.put(`${CANARY}/key`, `${CANARY} value`)
      await device.memory.public.put('acme/web/x', device.replica.device)
    }
    const paths = [token(a, `/${CANARY}/key`), token(a, '/acme/web/x')]
    const outcomes = [await sync(a, b), await sync(b, a), await sync(a, b, { paths })]
    const bytes = Buffer.concat(outcomes.map(({ line }) => traffic(line)))
    const needles = [Buffer.from(CANARY)]
    for (const { store } of [a, b]) {
      for await (const row of store
        .partition('private')
        .range({ gte: new Uint8Array(0), lt: Uint8Array.of(255) })) {
        needles.push(Buffer.from(row.key), Buffer.from(row.value))
      }
    }
    expect(needles.length).toBeGreaterThan(4)
    for (const needle of needles) if (needle.length >= 8) expect(bytes.includes(needle)).toBe(false)
  })

  it('nor are public paths and values, and no secret of the space', async () => {
    const [a, b] = await pair()
    await a.memory.public.put(`acme/${CANARY}`, `${CANARY} value`, { tags: [CANARY] })
    const bytes = traffic((await sync(a, b)).line)
    const { secret } = a.replica.exportSpace()
    for (const needle of [Buffer.from(CANARY), Buffer.from(secret), Buffer.from(a.replica.handshakeKey)]) {
      expect(bytes.includes(needle)).toBe(false)
    }
    expect(bytes.includes(Buffer.from(fromHex(a.replica.device)))).toBe(true)
  })
})
