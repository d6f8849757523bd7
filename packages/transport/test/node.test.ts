import { setImmediate } from 'node:timers/promises'
import {
  adoptSpace,
  createMemory,
  createSpace,
  type DeviceId,
  deviceIdentity,
  type Memory,
  Replica
} from '@cis-memory/core'
import type { Welcome } from '@cis-memory/core/sync'
import { MemoryStore } from '@cis-memory/store'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createNetwork, joinWithCode, Node, type NodeOptions } from '../src/index.ts'
import { DOOR_OPEN_AFTER_MS } from '../src/limits.ts'
import { nodeRuntime } from '../src/node-runtime.ts'
import { newKey, within } from './support/nodes.ts'

const runtime = nodeRuntime()

interface Device {
  readonly replica: Replica
  readonly memory: Memory
  readonly node: Node
}

const opened: Device[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(({ node }) => node.stop()))
})

async function start(store: MemoryStore, options: Partial<NodeOptions> = {}): Promise<Device> {
  const replica = await Replica.open({ store, runtime })
  const node = await Node.start({ replica, listen: ['/ip4/127.0.0.1/tcp/0'], ...options })
  const device = { replica, memory: createMemory(replica, '/acme'), node }
  opened.push(device)
  return device
}

async function founder(options?: Partial<NodeOptions>): Promise<Device> {
  const store = new MemoryStore()
  await createSpace(store, runtime, { space: 'acme', device: 'founder' })
  return start(store, options)
}

async function join(code: string, name: string, options?: Partial<NodeOptions>): Promise<Device> {
  const store = new MemoryStore()
  const deviceKey = await deviceIdentity(store, runtime)
  const { addresses } = await joinWithCode({
    deviceKey,
    name,
    code,
    adopt: ({ genesis, secret, records }) => adoptSpace(store, { genesis, secret }, records)
  })
  return start(store, { peers: addresses, ...options })
}

/** A device that asks to join again and again. */
async function joiner(code: string) {
  const store = new MemoryStore()
  const deviceKey = await deviceIdentity(store, runtime)
  const ask = (
    adopt = ({ genesis, secret, records }: Welcome): Promise<void> =>
      adoptSpace(store, { genesis, secret }, records)
  ) => joinWithCode({ deviceKey, name: 'second', code, adopt })
  const lost = new Error('lost')
  const loseAnswer = () => expect(ask(() => Promise.reject(lost))).rejects.toBe(lost)
  return { store, device: deviceKey.id, ask, loseAnswer }
}

/** The same device at the same port, by a new node. */
async function restarted({ node, ...others }: Device): Promise<void> {
  const [, , , , port] = node.addresses()[0]?.split('/') ?? []
  await node.stop()
  const listen = [`/ip4/127.0.0.1/tcp/${port}`]
  opened.push({ ...others, node: await Node.start({ replica: others.replica, listen }) })
}

async function connected(a: Device, b: DeviceId): Promise<void> {
  if (a.node.connectedPeers().includes(b)) return
  await new Promise<void>((resolve) => {
    a.node.addEventListener('peer:connect', ({ detail }) => {
      if (detail === b) resolve()
    })
  })
}

async function received(memory: Memory, path: string): Promise<void> {
  await new Promise<void>((resolve) => {
    memory.addEventListener('entry:received', ({ detail }) => {
      if (detail.path === path) resolve()
    })
  })
}

describe('a node', () => {
  it('lets a device in with a code, and syncs what each has written', async () => {
    const a = await founder()
    await a.memory.public.put('from/a', 'hello')
    const { code, joined } = await a.node.invite()
    const b = await join(code, 'second')
    expect(await joined()).toBe(b.node.device)
    await b.memory.public.put('from/b', 'hi')
    const report = await b.node.syncWithNode(a.node.device)
    expect(report).toMatchObject({ sent: 1, received: 1, conflicts: 0 })
    expect(await b.memory.public.get('from/a')).toMatchObject({
      value: 'hello',
      version: { deviceName: 'founder' }
    })
    expect(await a.memory.public.get('from/b')).toMatchObject({
      value: 'hi',
      version: { deviceName: 'second' }
    })
  })

  it('refuses a code that another device has used, and says why', async () => {
    const a = await founder()
    const { code } = await a.node.invite()
    await join(code, 'second')
    await expect(join(code, 'third')).rejects.toMatchObject({ code: 'CORE_INVITATION_USED' })
  })

  it('admits a device again that has lost the answer', async () => {
    const a = await founder()
    const { code } = await a.node.invite()
    const { store, device, ask, loseAnswer } = await joiner(code)
    for (let i = 0; i < 3; i++) await loseAnswer()
    expect(a.replica.isMember(device)).toBe(true)
    await ask()
    const b = await start(store)
    expect(await b.node.syncWithNode(a.node.addresses()[0] ?? '')).toMatchObject({ device: a.node.device })
  })

  it('admits it after a restart too, which nobody else may knock after', async () => {
    const a = await founder()
    const { code } = await a.node.invite()
    const { ask, loseAnswer } = await joiner(code)
    await loseAnswer()
    await restarted(a)
    const refused = await join(code, 'third').catch((error) => error)
    expect([refused.code, refused.cause?.code]).toEqual(['CORE_INVITATION_INVALID', 'TRANSPORT_REFUSED'])
    await ask()
  })

  it('tells a device that the line broke, and lets it in with the same code', async () => {
    const a = await founder()
    const { code } = await a.node.invite()
    const { ask } = await joiner(code)
    const cut = joinWithCode({
      deviceKey: newKey(),
      name: 'second',
      code,
      prepare: () => restarted(a),
      adopt: async () => {}
    })
    await expect(cut).rejects.toMatchObject({
      code: 'TRANSPORT_UNREACHABLE',
      cause: { code: 'SYNC_DISCONNECTED' }
    })
    await ask()
  })

  it('makes a device ready only once its inviter has shown that it knows the code', async () => {
    const a = await founder()
    const steps: string[] = []
    const ask = (code: string) =>
      joinWithCode({
        deviceKey: newKey(),
        name: 'second',
        code,
        prepare: async () => void steps.push('prepare'),
        adopt: async () => void steps.push('adopt')
      })
    const { code } = await a.node.invite()
    await ask(code)
    expect(steps.splice(0)).toEqual(['prepare', 'adopt'])
    await expect(ask(code)).rejects.toMatchObject({ code: 'CORE_INVITATION_USED' })
    expect(steps).toEqual([])
  })

  it('refuses a code that has expired, and says why', async () => {
    const a = await founder()
    await a.node.invite()
    const { code, joined } = await a.node.invite({ expiresInMs: 1 })
    await expect(joined()).rejects.toMatchObject({ code: 'CORE_INVITATION_EXPIRED' })
    await expect(join(code, 'second')).rejects.toMatchObject({ code: 'CORE_INVITATION_EXPIRED' })
  })

  it('says so too of a code that had expired before it was written', async () => {
    const a = await founder()
    const { invitations, runtime } = a.replica
    const add = invitations.addInvitation.bind(invitations)
    vi.spyOn(invitations, 'addInvitation').mockImplementation(async (invitation) => {
      await add(invitation)
      while (runtime.now() <= invitation.expiresAt) await setImmediate()
    })
    const { code } = await a.node.invite({ expiresInMs: 1 })
    const refused = await join(code, 'second').catch((error) => error)
    expect([refused.code, refused.cause], 'the inviter has said so').toEqual([
      'CORE_INVITATION_EXPIRED',
      undefined
    ])
  })

  it('lets nobody knock after a restart when all invitations have expired', async () => {
    const a = await founder()
    const { code, joined } = await a.node.invite({ expiresInMs: 1 })
    await expect(joined()).rejects.toMatchObject({ code: 'CORE_INVITATION_EXPIRED' })
    await restarted(a)
    const refused = await join(code, 'second').catch((error) => error)
    expect([refused.code, refused.cause?.code]).toEqual(['CORE_INVITATION_EXPIRED', 'TRANSPORT_REFUSED'])
  })

  it('lets nobody knock with a code that was used more than an hour before', async () => {
    const a = await founder()
    const { code } = await a.node.invite({ expiresInMs: 3 * DOOR_OPEN_AFTER_MS })
    const joined = new Promise((resolve) => a.node.addEventListener('peer:joined', resolve))
    await join(code, 'first')
    await joined
    const now = runtime.now()
    vi.spyOn(a.replica.runtime, 'now').mockImplementation(() => now + DOOR_OPEN_AFTER_MS + 60_000)
    const refused = await join(code, 'second').catch((error) => error)
    expect([refused.code, refused.cause?.code]).toEqual(['CORE_INVITATION_INVALID', 'TRANSPORT_REFUSED'])
  })

  it('makes no invitation that nobody could use', async () => {
    const a = await founder({ listen: [] })
    await expect(a.node.invite()).rejects.toMatchObject({ code: 'TRANSPORT_CANNOT_LISTEN' })
  })

  it('makes codes that can be read, however many addresses it has', async () => {
    const a = await founder({ listen: Array(20).fill('/ip4/127.0.0.1/tcp/0') })
    expect(a.node.addresses().length).toBe(20)
    const b = await join((await a.node.invite()).code, 'second')
    expect(b.replica.space).toBe(a.replica.space)
  })

  it('leaves other syncs alone when a caller gives one up', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    for (let i = 0; i < 50; i++) await a.memory.public.put(`many/${i}`, i)
    const controller = new AbortController()
    const reason = new Error('changed my mind')
    await b.node.syncWithNode(a.node.device, { keys: ['/acme/many/0'] })
    const first = b.node.syncWithNode(a.node.device, {
      signal: controller.signal,
      onProgress: () => controller.abort(reason)
    })
    const second = b.node.syncWithNode(a.node.device)
    const third = b.node.syncWithNode(a.node.device)
    await expect(first).rejects.toBe(reason)
    await Promise.all([second, third])
    expect(await b.memory.public.get('many/49')).toMatchObject({ value: 49 })
  })

  it('syncs more memories by name than fit one request', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    const keys = Array.from({ length: 300 }, (_, i) => `/acme/many/${i}`)
    await a.memory.public.put('many/0', 0)
    await a.memory.public.put('many/299', 299)
    await a.memory.public.put('other', 1)
    const report = await b.node.syncWithNode(a.node.device, { keys })
    expect(report.received).toBe(2)
    expect(await b.memory.public.get('many/299')).toMatchObject({ value: 299 })
  })

  it('syncs again by itself when asked after its peer was away', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await b.node.syncWithNode(a.node.device)
    const [, , , , port] = a.node.addresses()[0]?.split('/') ?? []
    await a.node.stop()
    await expect(b.node.syncWithNode(a.node.device)).rejects.toMatchObject({
      code: expect.stringMatching(/TRANSPORT_UNREACHABLE|SYNC_DISCONNECTED/)
    })
    const node = await Node.start({ replica: a.replica, listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    opened.push({ ...a, node })
    await a.memory.public.put('later', true)
    await b.node.syncWithNode(a.node.device)
    expect(await b.memory.public.get('later')).toMatchObject({ value: true })
  })

  it('hands broadcasts to connected members, conflicts included', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await connected(a, b.node.device)
    await a.memory.public.put('news', 'one')
    const heard = received(b.memory, '/acme/news')
    expect(await a.node.broadcastUpdate('/acme/news')).toEqual({ reached: 1 })
    await heard
    await a.memory.public.put('news', 'from a')
    await b.memory.public.get('news')
    await b.memory.public.put('news', 'from b')
    const found = new Promise((resolve) => a.memory.addEventListener('conflict:found', resolve))
    await b.node.broadcastUpdate('/acme/news')
    await found
    expect(await a.memory.public.get('news')).toMatchObject({ state: 'conflict' })
  })

  it('hands broadcasts to a member that has only just connected, too', async () => {
    const a = await founder()
    await a.memory.public.put('news', 'one')
    const b = await join((await a.node.invite()).code, 'second')
    await connected(a, b.node.device)
    expect(await a.node.broadcastUpdate('/acme/news')).toEqual({ reached: 1 })
    const c = await join((await a.node.invite()).code, 'third')
    await connected(a, c.node.device)
    expect(await a.node.broadcastUpdate('/acme/news')).toEqual({ reached: 2 })
  })

  it('loses no broadcast by stopping right after it', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await connected(b, a.node.device)
    await b.memory.public.put('news', 'hot')
    const heard = received(a.memory, '/acme/news')
    expect(await b.node.broadcastUpdate('/acme/news')).toEqual({ reached: 1 })
    await b.node.stop()
    await heard
    expect(await a.memory.public.get('news')).toMatchObject({ value: 'hot' })
  })

  it('fills the gap when a broadcast shows that others were missed', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await connected(a, b.node.device)
    for (let i = 0; i < 5; i++) await a.memory.public.put(`missed/${i}`, i)
    await a.memory.public.put('last', true)
    const heard = received(b.memory, '/acme/missed/4')
    await a.node.broadcastUpdate('/acme/last')
    await heard
    expect(await b.memory.public.get('missed/0')).toMatchObject({ value: 0 })
  })

  it('asks the author of what it misses, when whoever passed the news on misses it too', async () => {
    const a = await founder({ share: [] })
    const b = await join((await a.node.invite()).code, 'second')
    const c = await join((await a.node.invite()).code, 'third', { peers: b.node.addresses() })
    for (const { node } of [b, c]) await a.node.syncWithNode(node.addresses()[0] ?? '', { direction: 'push' })
    await a.node.stop()
    // Now the author reaches one of them and answers nobody.
    const quiet = await Node.start({ replica: a.replica, share: [], peers: b.node.addresses() })
    opened.push({ ...a, node: quiet })
    await Promise.all([connected(c, b.node.device), connected({ ...a, node: quiet }, b.node.device)])
    await a.memory.public.put('missed', 1)
    await a.memory.public.put('news', 2)
    const news = received(c.memory, '/acme/news')
    const asked = new Promise((resolve) => c.node.addEventListener('sync:done', resolve))
    await quiet.broadcastUpdate('/acme/news')
    await news
    await asked
    expect(await c.memory.public.get('missed')).toMatchObject({ state: 'absent' })
    await quiet.stop()
    const node = await Node.start({ replica: a.replica, listen: ['/ip4/127.0.0.1/tcp/0'] })
    opened.push({ ...a, node })
    const missed = received(c.memory, '/acme/missed')
    c.node.keepConnected(node.addresses())
    await missed
  })

  it('announces what is too large to broadcast, and the others fetch it', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await connected(a, b.node.device)
    const large = systemBytes(300_000)
    await a.memory.public.put('large', large)
    const heard = received(b.memory, '/acme/large')
    await a.node.broadcastUpdate('/acme/large')
    await heard
    expect(await b.memory.public.get('large')).toMatchObject({ value: large })
  })

  it('gives nobody what it does not share', async () => {
    const a = await founder({ share: ['/acme/open'] })
    const b = await join((await a.node.invite()).code, 'second')
    await a.memory.public.put('open/x', 1)
    await a.memory.public.put('closed/x', 2)
    await b.node.syncWithNode(a.node.device)
    expect(await b.memory.public.get('open/x')).toMatchObject({ state: 'value' })
    expect(await b.memory.public.get('closed/x')).toMatchObject({ state: 'absent' })
  })

  it('sends what its owner pushes, even when it answers nobody', async () => {
    const a = await founder({ share: [] })
    const b = await join((await a.node.invite()).code, 'second')
    await a.memory.public.put('x', 1)
    await a.memory.public.put('y', 2)
    const asked = b.node.syncWithNode(a.node.device, { direction: 'pull' })
    await expect(asked).rejects.toMatchObject({ code: 'SYNC_NOT_SHARED' })
    expect(await a.node.syncWithNode(b.node.device, { direction: 'push' })).toMatchObject({ sent: 2 })
    expect(await b.memory.public.get('y')).toMatchObject({ value: 2 })
  })

  it('syncs single memories by name', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await a.memory.public.put('x', 1)
    await a.memory.public.put('y', 2)
    await b.node.syncWithNode(a.node.device, { keys: ['/acme/x'] })
    expect(await b.memory.public.get('x')).toMatchObject({ value: 1 })
    expect(await b.memory.public.get('y')).toMatchObject({ state: 'absent' })
  })

  it('tells nothing to a device of the list that does not prove that it has the secret', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await b.node.stop()
    const heard: Uint8Array[] = []
    await using impostor = await createNetwork({ deviceKey: b.replica.key, listen: [], allow: () => true })
    await impostor.start()
    impostor.subscribe(a.replica.topic, (message) => {
      heard.push(message)
      return 'accept'
    })
    await impostor.dial(a.node.addresses()[0] ?? '')
    // Each of these is a round trip: by the last, gossip between two who trust each other would have begun.
    for (let i = 0; i < 20; i++) {
      await expect(impostor.open(a.node.device, '/none/1')).rejects.toMatchObject({
        code: 'TRANSPORT_NO_PROTOCOL'
      })
    }
    await a.memory.public.put('secret', 1)
    expect(await a.node.broadcastUpdate('/acme/secret')).toEqual({ reached: 0 })
    expect(await impostor.publish(a.replica.topic, new Uint8Array(64))).toMatchObject({ reached: [] })
    expect(a.node.connectedPeers()).toEqual([])
    expect(heard).toEqual([])
  })

  it('stops within two seconds with sessions open', async () => {
    const a = await founder()
    const b = await join((await a.node.invite()).code, 'second')
    await connected(a, b.node.device)
    await within(2_000, a.node.stop(), 'stop')
  })
})

function systemBytes(length: number): Uint8Array {
  return runtime.random(length)
}
