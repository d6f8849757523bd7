import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  homeAt,
  type InviteEvent,
  initHome,
  joinHome,
  openSession,
  type RunningNode,
  runNode
} from '../../src/index.ts'
import { collect, contested, type Device, openDevice, sync, twoDevices } from '../devices.ts'
import { temporaryDirectory } from '../temporary.ts'

/** Replaces a device's session by a node that runs and a session that talks to it. */
async function keepRunning({ home, session }: Device): Promise<{ device: Device; node: RunningNode }> {
  await session.close()
  const node = await runNode({ home })
  onTestFinished(() => node.close())
  const device = await openDevice(home)
  expect(device.session.via).toBe('socket')
  return { device, node }
}

/** A port that nobody listens on for now. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A code that nobody has used. */
async function invite({ session }: Device): Promise<string> {
  const [event] = await collect(session.stream('invite', {}))
  if (event?.type !== 'code') throw new Error('there is no code')
  return event.code
}

describe('two devices of one space', () => {
  it('know each other by name after joining, and sync', async () => {
    const [laptop, desktop] = await twoDevices()
    await laptop.session.call('memory.set', { path: 'config/timeout', value: 30 })
    await laptop.session.call('memory.set', { path: 'secret', value: 'canary', domain: 'private' })
    const events = await sync(desktop)
    expect(events.find((event) => event.type === 'synced')).toMatchObject({
      peer: { name: 'laptop' },
      received: 1
    })
    expect(events.at(-1)).toEqual({ type: 'done', synced: 1, failed: 0, openConflicts: 0 })
    expect(await desktop.session.call('memory.get', { path: 'config/timeout' })).toMatchObject({
      value: 30,
      version: { deviceName: 'laptop', isLocal: false }
    })
    expect(await desktop.session.call('memory.get', { path: 'secret' })).toMatchObject({ state: 'absent' })
    expect(await collect(desktop.session.stream('peers.list', {}))).toMatchObject([
      { name: 'laptop', role: 'admin', isConnected: true, lastSyncedAt: expect.any(Number) }
    ])
    expect(await collect(laptop.session.stream('peers.list', {}))).toMatchObject([
      { name: 'desktop', role: 'member' }
    ])
  })

  it('exchange only what was asked for: one direction, one scope, single memories', async () => {
    const [laptop, desktop] = await twoDevices()
    for (const path of ['api/a', 'api/b', 'ui/c'])
      await laptop.session.call('memory.set', { path, value: path })
    await desktop.session.call('memory.set', { path: 'api/mine', value: 'mine' })
    const paths = async ({ session }: Device): Promise<string[]> =>
      (await collect(session.stream('memory.list', {})))
        .map(({ read }) => read.path.slice('/acme/web/'.length))
        .sort()
    await sync(desktop, { peer: 'laptop', scope: 'api', keys: ['a'], direction: 'pull' })
    expect(await paths(desktop)).toEqual(['api/a', 'api/mine'])
    await sync(desktop, { scope: 'api', direction: 'pull' })
    expect(await paths(desktop)).toEqual(['api/a', 'api/b', 'api/mine'])
    expect(await paths(laptop)).toEqual(['api/a', 'api/b', 'ui/c'])
    await sync(desktop, { direction: 'push' })
    expect(await paths(laptop)).toEqual(['api/a', 'api/b', 'api/mine', 'ui/c'])
    expect(await paths(desktop)).toEqual(['api/a', 'api/b', 'api/mine'])
  })

  it('find each other again after both were away', async () => {
    const [laptop, desktop] = await twoDevices([`/ip4/127.0.0.1/tcp/${await freePort()}`])
    await Promise.all([laptop, desktop].map(({ session }) => session.close()))
    const node = await runNode({ home: laptop.home })
    onTestFinished(() => node.close())
    const here = await openDevice(desktop.home)
    expect((await sync(here)).at(-1)).toMatchObject({ type: 'done', synced: 1 })
  })

  it('say which peer could not be reached, and fail when none could', async () => {
    const [laptop, desktop] = await twoDevices()
    await laptop.session.close()
    const events: string[] = []
    const syncing = (async () => {
      for await (const event of desktop.session.stream('memory.sync', {})) events.push(event.type)
    })()
    await expect(syncing).rejects.toMatchObject({ code: 'CIS_NO_PEER_REACHED' })
    expect(events).toEqual(['connecting', 'failed'])
  })

  it('are told of one memory by a broadcast, from a process that has just started', async () => {
    const [laptop, desktop] = await twoDevices()
    const { device } = await keepRunning(laptop)
    const address = (await device.session.call('node.info', {})).addresses[0]!
    expect(await desktop.session.call('peers.add', { address })).toEqual({ address, isMember: true })
    await desktop.session.call('memory.set', { path: 'news', value: 'hot' })
    expect(await desktop.session.call('memory.broadcast', { path: 'news' })).toEqual({ reached: 1 })
    await desktop.session.close()
    const news = () => device.session.call('memory.get', { path: 'news' })
    await expect.poll(news).toMatchObject({ value: 'hot' })
  })

  it('remember an address of a device that is no member yet', async () => {
    const [laptop] = await twoDevices()
    const address = '/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
    expect(await laptop.session.call('peers.add', { address })).toEqual({ address, isMember: false })
    expect(await collect(laptop.session.stream('peers.list', {}))).toMatchObject([
      { name: 'desktop', role: 'member' },
      { role: 'unknown', addresses: [address], isConnected: false }
    ])
    expect(await laptop.session.call('peers.remove', { peer: address })).toEqual({ addresses: [address] })
    expect(await collect(laptop.session.stream('peers.list', {}))).toHaveLength(1)
    await expect(
      laptop.session.call('peers.add', { address: '/ip4/192.0.2.7/tcp/4001' })
    ).rejects.toMatchObject({
      code: 'TRANSPORT_BAD_ADDRESS'
    })
  })

  it('forget an address when told to', async () => {
    const [, desktop] = await twoDevices()
    const { addresses } = await desktop.session.call('peers.remove', { peer: 'laptop' })
    expect(addresses.length).toBeGreaterThan(0)
    expect(await collect(desktop.session.stream('peers.list', {}))).toMatchObject([
      { name: 'laptop', addresses: [] }
    ])
    await expect(desktop.session.call('peers.remove', { peer: 'laptop' })).rejects.toMatchObject({
      code: 'CIS_PEER_NOT_FOUND'
    })
  })

  it('remember no address that is none, whatever the file says', async () => {
    const [laptop, desktop] = await twoDevices()
    const { device } = (await laptop.session.call('node.info', {})).device
    await desktop.session.close()
    const file = homeAt(desktop.home).peersFile
    const peers = (peer: unknown): string => JSON.stringify({ peers: { [device]: peer, x: 3 } })
    for (const text of [
      '{',
      '[]',
      '{"peers": 3}',
      peers(null),
      peers({ addresses: ['/x'] }),
      peers({ addresses: 1 })
    ]) {
      await writeFile(file, text)
      const here = await openDevice(desktop.home)
      expect(await collect(here.session.stream('peers.list', {}))).toMatchObject([{ addresses: [] }])
      await here.session.close()
    }
  })
})

describe('an invitation', () => {
  it('tells whoever waits who has joined', async () => {
    const [laptop] = await twoDevices()
    const events = laptop.session.stream('invite', { wait: true, expiresInMs: 60_000 })
    const { code } = (await events.next()).value as InviteEvent & { type: 'code' }
    const home = join(await temporaryDirectory(), 'tablet')
    const joined = await joinHome({ home, code, device: 'tablet', listen: [] })
    expect(await collect(events)).toEqual([
      { type: 'joined', peer: { device: joined.device.id, name: 'tablet' } }
    ])
    expect(joined.space.name).toBe('team')
  })

  it('admits one device; the home of another is as if it had not tried', async () => {
    const [laptop] = await twoDevices()
    const [first, second] = [await invite(laptop), await invite(laptop)]
    const directory = await temporaryDirectory()
    await joinHome({ home: join(directory, 'first'), code: first, listen: [] })
    const home = join(directory, 'second')
    await expect(joinHome({ home, code: first, listen: [] })).rejects.toMatchObject({
      code: 'CORE_INVITATION_USED'
    })
    expect((await joinHome({ home, code: second, listen: [] })).space.name).toBe('team')
  })

  it('is not made by a device that nobody could reach', async () => {
    const home = join(await temporaryDirectory(), 'home')
    await initHome({ home, listen: [] })
    const { session } = await openDevice(home)
    await expect(collect(session.stream('invite', {}))).rejects.toMatchObject({ code: 'CIS_NODE_OFF' })
  })

  it('is refused when it is none, and when the home is in use', async () => {
    const home = join(await temporaryDirectory(), 'home')
    await expect(joinHome({ home, code: 'cis1-nonsense' })).rejects.toMatchObject({
      code: 'CORE_INVITATION_INVALID'
    })
    const [laptop] = await twoDevices()
    await expect(joinHome({ home: laptop.home, code: 'cis1' })).rejects.toMatchObject({
      code: 'CIS_HOME_EXISTS'
    })
  })
})

describe('a conflict', () => {
  it('is shown with both versions and what they come from', async () => {
    const { laptop, desktop, id } = await contested()
    for (const { session } of [laptop, desktop]) {
      const { conflict, ancestor } = await session.call('conflicts.show', { conflict: 'config/timeout' })
      expect(conflict.id).toBe(id)
      expect(conflict.versions.map(({ value, agent }) => [value, agent])).toEqual([
        [60, 'tuner'],
        [90, undefined]
      ])
      expect(ancestor).toMatchObject({ value: 30, deviceName: 'laptop' })
      expect((await session.call('conflicts.show', { conflict: id })).conflict).toEqual(conflict)
    }
  })

  it('comes from the latest version that both sides had seen', async () => {
    const [laptop, desktop] = await twoDevices()
    const set = (device: Device, value: number): Promise<unknown> =>
      device.session.call('memory.set', { path: 'a', value })
    for (const value of [1, 2]) await set(laptop, value)
    await sync(desktop)
    for (const value of [3, 4, 5]) await set(laptop, value)
    await set(desktop, 6)
    await sync(desktop)
    const { ancestor } = await laptop.session.call('conflicts.show', { conflict: 'a' })
    expect(ancestor).toMatchObject({ value: 2 })
  })

  it('is named by the path where an id is not known here: told apart from one that never was', async () => {
    const { laptop, id } = await contested()
    const resolve = (path?: string): Promise<unknown> =>
      laptop.session.call('conflicts.resolve', { id: 'a'.repeat(12), path, choice: { keep: 'local' } })
    await expect(resolve()).rejects.toMatchObject({ code: 'CORE_CONFLICT_NOT_FOUND' })
    await expect(resolve('config/timeout')).rejects.toMatchObject({
      code: 'CORE_STALE_CONFLICT',
      currentId: id
    })
  })

  it('keeps set, delete, curate and import from replacing anything, and agents from being given anything', async () => {
    const { laptop, id } = await contested()
    const { session } = laptop
    const contestedError = { code: 'CORE_CONTESTED', conflictId: id }
    await expect(session.call('memory.set', { path: 'config/timeout', value: 1 })).rejects.toMatchObject(
      contestedError
    )
    await expect(session.call('memory.delete', { path: 'config/timeout' })).rejects.toMatchObject(
      contestedError
    )
    await expect(session.call('memory.curate', { path: 'config/timeout' })).rejects.toMatchObject(
      contestedError
    )
    const items = [{ path: 'config/timeout', value: 'x' }]
    expect(await session.call('memory.import', { items })).toEqual([
      { path: 'config/timeout', domain: 'public', outcome: 'refused', code: 'CORE_CONTESTED' }
    ])
    const refused = await session.call('guard.check', { agent: 'reciter' })
    expect(refused).toMatchObject({ state: 'refused', scope: '/acme/web', notifications: [{ id }] })
    for (const version of refused.state === 'refused' ? refused.notifications[0]!.versions : []) {
      expect(version).not.toHaveProperty('value')
    }
    expect(await session.call('guard.check', { agent: 'reciter', scope: 'other' })).toMatchObject({
      state: 'delivered'
    })
  })

  it('is settled for everybody by one resolution, and can be brought back', async () => {
    const { laptop, desktop, id } = await contested()
    const result = await desktop.session.call('conflicts.resolve', {
      id,
      choice: { keep: 'remote' },
      agent: 'owner'
    })
    expect(result).toMatchObject({ conflictId: id, path: '/acme/web/config/timeout' })
    await sync(desktop)
    expect(await laptop.session.call('memory.get', { path: 'config/timeout' })).toMatchObject({ value: 60 })
    expect(await laptop.session.call('guard.check', { agent: 'reciter' })).toMatchObject({
      state: 'delivered'
    })
    await laptop.session.call('conflicts.undo', { conflict: 'config/timeout' })
    const { conflict, ancestor } = await laptop.session.call('conflicts.show', { conflict: 'config/timeout' })
    expect(conflict).toMatchObject({ kind: 'reopened', versions: [{ value: 60 }, { value: 90 }] })
    expect(ancestor).toMatchObject({ value: 30 })
  })

  it('is not settled by who saw another: the resolution is stale, and says what is there now', async () => {
    const { laptop, desktop, id } = await contested()
    await laptop.session.call('conflicts.resolve', { id, choice: { value: 75 } })
    for (const path of [undefined, 'config/timeout']) {
      const late = laptop.session.call('conflicts.resolve', { id, path, choice: { keep: 'local' } })
      await expect(late).rejects.toMatchObject({ code: 'CORE_STALE_CONFLICT', currentId: undefined })
    }
    await desktop.session.call('conflicts.resolve', { id, choice: { keep: 'local' } })
    await sync(desktop)
    const [now] = await collect(laptop.session.stream('conflicts.list', {}))
    expect(now!.id).not.toBe(id)
    const over = await openSession({ home: laptop.home, scope: '/acme/web' })
    onTestFinished(() => over.close())
    for (const session of [laptop.session, over]) {
      const late = session.call('conflicts.resolve', { id, path: 'config/timeout', choice: { keep: 'both' } })
      await expect(late).rejects.toMatchObject({ code: 'CORE_STALE_CONFLICT', currentId: now!.id })
    }
  })

  it('counts down what remains', async () => {
    const { laptop, desktop } = await contested()
    for (const { session } of [laptop, desktop])
      await session.call('memory.set', { path: 'b', value: session.via })
    await laptop.session.call('memory.set', { path: 'b', value: 'else' })
    expect((await sync(desktop)).at(-1)).toMatchObject({ openConflicts: 2 })
    const counts: number[] = []
    for (const { id } of await collect(desktop.session.stream('conflicts.list', {}))) {
      await desktop.session.call('conflicts.resolve', { id, choice: { keep: 'local' } })
      counts.push(await desktop.session.call('conflicts.count', {}))
    }
    expect(counts).toEqual([1, 0])
  })
})

describe('runNode', () => {
  it('serves sessions until one of them shuts it down', async () => {
    const [laptop] = await twoDevices()
    const { device, node } = await keepRunning(laptop)
    expect(await device.session.call('node.info', {})).toMatchObject({
      isListening: true,
      pid: process.pid,
      addresses: node.addresses
    })
    expect(await device.session.call('node.shutdown', {})).toEqual({ pid: process.pid })
    await node.ended
    expect(await device.session.call('node.info', {})).toMatchObject({ isListening: false })
    expect(device.session.via).toBe('store')
  })

  it('ends when its signal aborts', async () => {
    const [laptop] = await twoDevices()
    await laptop.session.close()
    const controller = new AbortController()
    const node = await runNode({ home: laptop.home, signal: controller.signal })
    controller.abort()
    await node.ended
    await (await runNode({ home: laptop.home })).close()
  })

  it('waits for a command that has the store', async () => {
    const [laptop] = await twoDevices()
    const starting = runNode({ home: laptop.home })
    await setTimeout(100)
    await laptop.session.close()
    await (await starting).close()
  })

  it('is refused while another process keeps the store, and leaves nothing behind when it cannot listen', async () => {
    const [laptop, desktop] = await twoDevices()
    await expect(runNode({ home: laptop.home })).rejects.toMatchObject({ code: 'STORE_LOCKED' })
    const { node } = await keepRunning(laptop)
    await desktop.session.close()
    const taken = /\/ip4\/127\.0\.0\.1\/tcp\/\d+/.exec(node.addresses[0]!)?.[0]
    await writeFile(homeAt(desktop.home).configFile, `[node]\nlisten = ["${taken}"]\n`)
    await expect(runNode({ home: desktop.home })).rejects.toMatchObject({ code: 'TRANSPORT_ADDRESS_IN_USE' })
    expect((await openDevice(desktop.home)).session.via).toBe('store')
  })
})
