import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ConflictGuard,
  type CreateNodeOptions,
  createNode,
  homeAt,
  joinHome,
  keyFile,
  type Memory,
  type MemoryNode,
  openMemory,
  openSession
} from '../src/index.ts'
import { collect } from './devices.ts'
import { temporaryDirectory } from './temporary.ts'

const listen = ['/ip4/127.0.0.1/tcp/0']

async function open(directory: string, scope: string): Promise<Memory> {
  const memory = await openMemory({
    directory,
    key: keyFile(homeAt(directory).keyFile),
    scope,
    deviceName: 'app'
  })
  onTestFinished(() => memory.close())
  return memory
}

async function start(memory: Memory, options: Partial<CreateNodeOptions> = {}): Promise<MemoryNode> {
  const node = await createNode({ memory, listen, ...options })
  onTestFinished(() => node.close())
  return node
}

/** A program with a node, and the memory of another that has joined its space. */
async function twoPrograms(
  scope: string
): Promise<{ app: Memory; node: MemoryNode; other: Memory; home: string }> {
  const root = await temporaryDirectory()
  const app = await open(join(root, 'app'), scope)
  const node = await start(app)
  const { code } = await node.invite()
  const home = join(root, 'other')
  await joinHome({ home, code, device: 'other', listen: [] })
  return { app, node, other: await open(home, scope), home }
}

describe('createNode', () => {
  it('names memories from the scope of its memory, and stays in it', async () => {
    const { app, node, other } = await twoPrograms('/acme/web')
    await app.public.put('api/a', 1)
    await app.public.put('ui/b', 2)
    const there = await start(other)
    const peer = node.addresses()[0]!
    await app.public.put('api/c', 3)
    await app.within('/acme/web').public.put('other', 4)
    const paths = async (): Promise<string[]> =>
      (await collect(other.public.list())).map(({ read }) => read.path)
    expect(await there.syncWithNode(peer, { scope: 'api', keys: ['a'] })).toMatchObject({
      received: 1,
      sent: 0
    })
    expect(await paths()).toEqual(['/acme/web/api/a'])
    await there.syncWithNode(peer, { scope: 'api' })
    expect((await paths()).sort()).toEqual(['/acme/web/api/a', '/acme/web/api/c'])
    await there.syncWithNode(peer)
    expect(await paths()).toHaveLength(4)
    await expect(there.syncWithNode(peer, { scope: '/acme' })).rejects.toMatchObject({
      code: 'CORE_BAD_PATH'
    })
    await expect(there.syncWithNode(peer, { keys: ['/other'] })).rejects.toMatchObject({
      code: 'CORE_BAD_PATH'
    })
    await expect(there.broadcastUpdate('/other')).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    await expect(there.broadcastUpdate('none')).rejects.toMatchObject({ code: 'CORE_NOT_FOUND' })
    expect(await there.broadcastUpdate('ui/b')).toEqual({ reached: 1 })
  })

  it('lets sessions of other processes sync through the program, and says when it has none', async () => {
    const { app, node, other, home } = await twoPrograms('/')
    await app.public.put('a', 1)
    const session = await openSession({ home, scope: '/' })
    onTestFinished(() => session.close())
    expect(session.via).toBe('socket')
    await expect(collect(session.stream('memory.sync', {}))).rejects.toMatchObject({ code: 'CIS_NODE_OFF' })
    const there = await start(other, { peers: node.addresses() })
    expect((await collect(session.stream('memory.sync', {}))).at(-1)).toMatchObject({
      type: 'done',
      synced: 1
    })
    await there.close()
    await expect(collect(session.stream('memory.sync', {}))).rejects.toMatchObject({ code: 'CIS_NODE_OFF' })
  })

  it('belongs to what openMemory returned, and to no narrower handle', async () => {
    const memory = await open(join(await temporaryDirectory(), 'app'), '/acme')
    await expect(createNode({ memory: memory.within('web') })).rejects.toThrow(TypeError)
  })

  it('is the only one of its memory until it is closed', async () => {
    const memory = await open(join(await temporaryDirectory(), 'app'), '/')
    const first = await start(memory)
    await expect(createNode({ memory })).rejects.toThrow(TypeError)
    await first.close()
    await (await createNode({ memory })).close()
  })

  it('is over with its memory', async () => {
    const { app, node } = await twoPrograms('/')
    await app.close()
    await expect(node.syncWithNode('/ip4/127.0.0.1/tcp/1/p2p/x')).rejects.toThrow()
    await node.close()
  })

  it('pulls for a guard that is asked for fresh memory, in the scope of its memory', async () => {
    const { app, node, other } = await twoPrograms('/acme/web')
    const there = await start(other, { peers: [node.addresses()[0]!] })
    await app.public.put('api/a', 'news')
    const guard = new ConflictGuard(other, { refresh: (scope, options) => there.pull(scope, options) })
    const context = await guard.checkAndCreateContext({ agent: 'one', scope: 'api', fresh: true })
    expect(context.get('a')?.value).toBe('news')
    await expect(there.pull('/elsewhere')).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    const reason = new Error('enough')
    await expect(there.pull('api', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
    await node.close()
    // Whether it knows yet that nobody is there, or finds out now.
    const code = expect.stringMatching(/^(CIS_NO_PEER_REACHED|TRANSPORT_UNREACHABLE)$/) as string
    await expect(there.pull()).rejects.toMatchObject({ code })
  })
})
