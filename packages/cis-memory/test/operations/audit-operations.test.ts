import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type CisSession,
  ConflictGuard,
  homeAt,
  initHome,
  keyFile,
  openMemory,
  openSession,
  runNode
} from '../../src/index.ts'
import { collect, openDevice, twoDevices } from '../devices.ts'
import { temporaryDirectory } from '../temporary.ts'

async function newHome(): Promise<string> {
  const home = join(await temporaryDirectory(), 'home')
  await initHome({ home, device: 'laptop', listen: [] })
  return home
}

async function open(home: string, options: object = {}): Promise<CisSession> {
  const session = await openSession({ home, scope: '/acme/web', ...options })
  onTestFinished(() => session.close())
  return session
}

describe('the audit log', () => {
  it('can be listed and picked from', async () => {
    const session = await open(await newHome())
    await session.call('memory.set', { path: 'a', value: 1 })
    await session.call('guard.check', { agent: 'one' })
    await session.call('guard.check', { agent: 'two', writeTo: 'answer' })
    const seqs = async (args: object): Promise<number[]> =>
      (await collect(session.stream('audit.list', args))).map(({ seq }) => seq)
    expect(await seqs({})).toEqual([8, 7, 6, 5, 4, 3, 2, 1])
    expect(await seqs({ agent: 'one', kind: 'delivery' })).toEqual([1])
    expect(await seqs({ path: 'answer' })).toEqual([7, 6])
    expect(await seqs({ since: Date.now() + 60_000 })).toEqual([])
    const [first] = await collect(session.stream('audit.list', { kind: 'delivery', agent: 'one' }))
    expect(first).toMatchObject({ scope: '/acme/web', memories: [{ path: '/acme/web/a', domain: 'public' }] })
  })

  it('is verified against what was noted', async () => {
    const session = await open(await newHome())
    await session.call('guard.check', { agent: 'one' })
    const verdict = await session.call('audit.verify', {})
    if (verdict.state !== 'intact' || verdict.head === undefined) throw new Error('expected a head')
    await session.call('guard.check', { agent: 'one' })
    expect(await session.call('audit.verify', { noted: verdict.head })).toMatchObject({
      state: 'intact',
      noted: 'found'
    })
    const noted = { seq: 1, digest: '0'.repeat(64) }
    expect(await session.call('audit.verify', { noted })).toMatchObject({
      state: 'broken',
      problem: 'rewritten'
    })
    const nonsense = { noted: { seq: 1, digest: 'no digest' } }
    await expect(session.call('audit.verify', nonsense)).rejects.toMatchObject({ code: 'CIS_BAD_ARGUMENT' })
  })

  it('shows a session of one domain nothing of the other', async () => {
    const home = await newHome()
    const both = await open(home)
    await both.call('memory.set', { path: 'a', value: 1, domain: 'private' })
    await both.call('guard.check', { agent: 'one' })
    await both.close()
    const session = await open(home, { domain: 'public' })
    expect(JSON.stringify(await collect(session.stream('audit.list', {})))).not.toContain('/acme/web/a')
    await expect(
      collect(session.stream('memory.why', { path: 'a', domain: 'private' }))
    ).rejects.toMatchObject({
      code: 'CIS_OUTSIDE_SESSION'
    })
  })

  it('is asked through the socket of the program in which agents run', async () => {
    const directory = await newHome()
    const { keyFile: key } = homeAt(directory)
    await using memory = await openMemory({ directory, key: keyFile(key), scope: '/acme/web' })
    await memory.public.put('a', 1)
    await using guard = new ConflictGuard(memory)
    await using context = await guard.checkAndCreateContext({ agent: 'one' })
    await context.put('a', 2)
    const session = await open(directory)
    expect(session.via).toBe('socket')
    expect(await collect(session.stream('audit.list', {}))).toEqual(await collect(memory.audit.list()))
    expect(await session.call('audit.verify', {})).toEqual(await memory.audit.verify())
    expect(await collect(session.stream('memory.why', { path: 'a' }))).toMatchObject([
      { act: 'write', isLive: true, recordedAs: 3, given: [] },
      { act: 'write', isLive: false, recordedAs: undefined, given: [{ agent: 'one', times: 1 }] }
    ])
  })
})

describe('fresh memory', () => {
  it('is what a device has that is alone in its space', async () => {
    const session = await open(await newHome())
    await session.call('memory.set', { path: 'a', value: 1 })
    expect(await session.call('guard.check', { agent: 'one', fresh: true })).toMatchObject({
      state: 'delivered',
      memories: 1
    })
  })

  it('is pulled from whoever is connected, and a conflict that comes with it blocks', async () => {
    const [laptop, desktop] = await twoDevices()
    await desktop.session.call('memory.set', { path: 'a', value: 'news' })
    await desktop.session.close()
    const node = await runNode({ home: desktop.home })
    onTestFinished(() => node.close())
    expect(await laptop.session.call('guard.check', { agent: 'one' })).toMatchObject({ memories: 0 })
    const fresh = await laptop.session.call('guard.check', { agent: 'one', fresh: true })
    expect(fresh).toMatchObject({ state: 'delivered', memories: 1 })
    const there = await openDevice(desktop.home)
    await there.session.call('memory.set', { path: 'b', value: 'theirs' })
    await laptop.session.call('memory.set', { path: 'b', value: 'ours' })
    expect(await laptop.session.call('guard.check', { agent: 'one', fresh: true })).toMatchObject({
      state: 'refused',
      notifications: [{ path: '/acme/web/b' }]
    })
  })

  it('is not what a device has that reaches nobody: nothing is delivered', async () => {
    const [laptop, desktop] = await twoDevices()
    await desktop.session.close()
    await laptop.session.call('memory.set', { path: 'a', value: 1 })
    await expect(laptop.session.call('guard.check', { agent: 'one', fresh: true })).rejects.toMatchObject({
      code: 'GUARD_NOT_FRESH'
    })
    const [record] = await collect(laptop.session.stream('audit.list', {}))
    expect(record).toMatchObject({ kind: 'refusal', code: 'GUARD_NOT_FRESH' })
  })
})
