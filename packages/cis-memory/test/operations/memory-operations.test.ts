import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { type CisSession, initHome, keyFile, type Memory, openMemory, openSession } from '../../src/index.ts'
import { MAX_COUNTED_MEMORIES } from '../../src/limits.ts'
import { memoryCalls } from '../../src/operations/memory-operations.ts'
import { collect } from '../devices.ts'
import { temporaryDirectory } from '../temporary.ts'

async function newSession(): Promise<CisSession> {
  const home = join(await temporaryDirectory(), 'home')
  await initHome({ home, device: 'laptop', listen: [] })
  const session = await openSession({ home, scope: '/acme/web' })
  onTestFinished(() => session.close())
  return session
}

describe('a write that another one overtakes', () => {
  it.each([
    ['memory.set', { path: 'a', value: 3 }],
    ['memory.delete', { path: 'a' }]
  ] as const)('makes %s stale, rather than being replaced unseen', async (name, args) => {
    const directory = join(await temporaryDirectory(), 'memory')
    await using memory = await openMemory({ directory, key: keyFile(join(directory, 'key')), scope: '/' })
    await memory.public.put('a', 1)
    const { public: real } = memory
    const overtaken: Memory = Object.create(memory, {
      public: {
        value: {
          get: async (path: string) => {
            const read = await real.get(path)
            await memory.within('/').public.put(path, 2, { overwrite: true })
            return read
          },
          put: real.put.bind(real),
          delete: real.delete.bind(real)
        }
      }
    })
    const call = memoryCalls({ curator: undefined }, { memory: overtaken, domain: undefined })[name] as (
      ...given: unknown[]
    ) => Promise<unknown>
    await expect(call(args, new AbortController().signal)).rejects.toMatchObject({ code: 'CORE_STALE_BASE' })
    expect(await real.get('a')).toMatchObject({ value: 2 })
  })
})

it('cleans the history of no more than a session reaches', async () => {
  const asked: unknown[] = []
  const memory = { cleanHistory: async ({ domain }: { domain?: string }) => asked.push(domain) } as never
  const { signal } = new AbortController()
  const clean = memoryCalls({ curator: undefined }, { memory, domain: 'private' })['memory.cleanHistory']
  await clean({}, signal)
  await clean({ domain: 'private' }, signal)
  await memoryCalls({ curator: undefined }, { memory, domain: undefined })['memory.cleanHistory']({}, signal)
  expect(asked).toEqual(['private', 'private', undefined])
  expect(() => clean({ domain: 'public' }, signal)).toThrow(/private memory only/)
})

describe('operations on memory', () => {
  let session: CisSession
  beforeEach(async () => {
    session = await newSession()
  })

  it('set writes on what is there as it starts, and says what it replaced', async () => {
    const first = await session.call('memory.set', { path: 'config/timeout', value: 30, tags: ['config'] })
    expect(first.replaced).toBeUndefined()
    const second = await session.call('memory.set', { path: 'config/timeout', value: 60, agent: 'tuner' })
    expect(second.replaced).toMatchObject({ value: 30, tags: ['config'], entryId: first.written.entryId })
    expect(second.written.replaced).toEqual([first.written.entryId])
    expect(await session.call('memory.get', { path: 'config/timeout' })).toMatchObject({
      value: 60,
      version: { agent: 'tuner', deviceName: 'laptop', isLocal: true }
    })
  })

  it('set keeps text, JSON and bytes as they are, with everything said about them', async () => {
    const labels = {
      contentType: 'text/plain',
      category: 'notes',
      tags: ['a', 'b'],
      expiresAt: 32503680000000
    }
    await session.call('memory.set', { path: 'text', value: 'hello', ...labels })
    await session.call('memory.set', { path: 'bytes', value: Uint8Array.of(0, 255) })
    expect(await session.call('memory.get', { path: 'text' })).toMatchObject({
      value: 'hello',
      version: labels
    })
    expect(await session.call('memory.get', { path: 'bytes' })).toMatchObject({
      value: Uint8Array.of(0, 255),
      version: { contentType: 'application/octet-stream' }
    })
  })

  it('delete says what it deleted, and that there was nothing', async () => {
    await session.call('memory.set', { path: 'a', value: 1 })
    expect(await session.call('memory.delete', { path: 'a' })).toMatchObject({
      written: {},
      deleted: { value: 1 }
    })
    expect(await session.call('memory.delete', { path: 'a' })).toEqual({
      written: undefined,
      deleted: undefined
    })
    expect(await session.call('memory.get', { path: 'a' })).toMatchObject({ state: 'absent' })
  })

  it('list and search reach both domains unless one is asked for', async () => {
    await session.call('memory.set', { path: 'notes/b', value: 'green apples' })
    await session.call('memory.set', { path: 'notes/a', value: 'green pears', domain: 'private' })
    await session.call('memory.set', { path: 'other', value: 'green' })
    const listed = async (args: object): Promise<string[]> =>
      (await collect(session.stream('memory.list', args))).map(({ domain, read }) => `${domain} ${read.path}`)
    expect(await listed({ prefix: 'notes/' })).toEqual([
      'public /acme/web/notes/b',
      'private /acme/web/notes/a'
    ])
    expect(await listed({ prefix: 'notes', domain: 'private' })).toEqual(['private /acme/web/notes/a'])
    const found = await collect(session.stream('memory.search', { query: 'green', prefix: 'notes' }))
    expect(found.map(({ item }) => item.domain).sort()).toEqual(['private', 'public'])
    expect(await collect(session.stream('memory.search', { query: 'green', limit: 1 }))).toHaveLength(1)
  })

  it('history tells every version, latest first', async () => {
    for (const value of [1, 2, 3]) await session.call('memory.set', { path: 'a', value })
    const items = await collect(session.stream('memory.history', { path: 'a' }))
    expect(items.map(({ version, isLive }) => [version.value, isLive])).toEqual([
      [3, true],
      [2, false],
      [1, false]
    ])
  })

  it('undo brings back what the last write replaced', async () => {
    for (const value of [1, 2]) await session.call('memory.set', { path: 'a', value })
    await session.call('conflicts.undo', { conflict: 'a' })
    expect(await session.call('memory.get', { path: 'a' })).toMatchObject({ value: 1 })
  })

  it('curate copies into the private domain, with a link to where it came from', async () => {
    const { written } = await session.call('memory.set', { path: 'a', value: 1 })
    await session.call('memory.curate', { path: 'a', as: 'mine/a' })
    expect(await session.call('memory.get', { path: 'mine/a', domain: 'private' })).toMatchObject({
      value: 1,
      version: { sources: [{ path: '/acme/web/a', entryId: written.entryId }] }
    })
    expect(await session.call('memory.get', { path: 'mine/a' })).toMatchObject({ state: 'absent' })
  })

  it('stale lists what was made of memories that have changed since', async () => {
    const { written } = await session.call('memory.set', { path: 'a', value: 1 })
    await session.call('memory.curate', { path: 'a', as: 'mine/a' })
    expect(await collect(session.stream('memory.stale', {}))).toEqual([])
    await session.call('memory.set', { path: 'a', value: 2 })
    expect(await collect(session.stream('memory.stale', {}))).toMatchObject([
      { path: '/acme/web/mine/a', sourcePath: '/acme/web/a', sourceIds: [written.entryId], reason: 'changed' }
    ])
  })

  it('status counts what is in scope, without a network', async () => {
    await session.call('memory.set', { path: 'a', value: 1 })
    await session.call('memory.set', { path: 'b', value: 1 })
    await session.call('memory.set', { path: 'c', value: 1, domain: 'private' })
    await session.call('memory.delete', { path: 'b' })
    expect(await session.call('status', {})).toMatchObject({
      scope: '/acme/web',
      device: { name: 'laptop' },
      space: { name: 'default' },
      pid: process.pid,
      memories: { public: 1, private: 1 },
      openConflicts: 0,
      pending: 0,
      isListening: false,
      peers: { known: 0, connected: 0 }
    })
  })

  it('status opens no more memories than it counts', async () => {
    const values = Array.from({ length: MAX_COUNTED_MEMORIES + 1 }, (_, i) => i)
    await Promise.all(values.map((value) => session.call('memory.set', { path: `n/${value}`, value })))
    expect((await session.call('status', {})).memories).toEqual({
      public: MAX_COUNTED_MEMORIES,
      private: 0,
      limit: MAX_COUNTED_MEMORIES
    })
  })

  it('guard.check runs an agent on what it found, which writes back under its own name', async () => {
    await session.call('memory.set', { path: 'a', value: 'remember me' })
    const result = await session.call('guard.check', { agent: 'reciter', writeTo: 'answers/last' })
    expect(result).toMatchObject({ state: 'delivered', scope: '/acme/web', memories: 1 })
    expect(result).toHaveProperty('output', expect.stringContaining('remember me'))
    const [latest] = await collect(session.stream('memory.history', { path: 'answers/last' }))
    expect(latest?.version).toMatchObject({ agent: 'reciter', contentType: 'text/plain' })
    expect(
      await session.call('guard.check', { agent: 'reciter', scope: 'answers', keys: ['none'] })
    ).toMatchObject({
      scope: '/acme/web/answers',
      memories: 0,
      written: undefined
    })
  })

  it('sync without peers says how to get some', async () => {
    await expect(collect(session.stream('memory.sync', {}))).rejects.toMatchObject({
      code: 'CIS_NO_PEER_REACHED',
      message: expect.stringContaining('invite another first')
    })
    await expect(collect(session.stream('memory.sync', { peer: 'nobody' }))).rejects.toMatchObject({
      code: 'CIS_PEER_NOT_FOUND'
    })
    await expect(collect(session.stream('memory.sync', { peer: '/ip4/1.2.3.4' }))).rejects.toMatchObject({
      code: 'TRANSPORT_BAD_ADDRESS'
    })
  })

  it('node.shutdown ends nothing but a node', async () => {
    await expect(session.call('node.shutdown', {})).rejects.toMatchObject({ code: 'CIS_NODE_OFF' })
  })
})
