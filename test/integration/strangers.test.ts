/*
 * A node of the real command, and everybody whom it should not trust. Each is answered as the reference says, nothing of
 * what they bring is written, and those who belong are served as before.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { access, readdir, readFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type DeviceKey, deviceIdentity, type FrameChannel, Replica } from '@cis-memory/core'
import { decodeInvitation, encodeInvitation, type Invitation, SyncSession } from '@cis-memory/core/sync'
import { keyFile, openLevelStore } from '@cis-memory/store/level'
import { multiaddr } from '@multiformats/multiaddr'
import { type CisSession, homeAt, joinHome, nodeRuntime, openSession } from 'cis-memory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Impostor } from '../../packages/core/test/sync/impostor.ts'
import { newKey, startNetwork, startRawNode } from '../../packages/transport/test/support/nodes.ts'
import { Device, type RunningNode, records } from './support/device.ts'
import { atPort, portOf } from './support/proxy.ts'
import { Sandbox } from './support/sandbox.ts'

const SYNC_PROTOCOL = '/cis/sync/1'
const JOIN_PROTOCOL = '/cis/join/1'
const SCOPE = '/acme/web'

let sandbox: Sandbox
let host: Device
let node: RunningNode
/** The owner, who asks the node through its socket. */
let owner: CisSession
let member: Device
/** The member's own key and replica. */
let memberKey: DeviceKey
let memberReplica: Replica
const cleanUps: Array<() => Promise<unknown>> = []

beforeAll(async () => {
  sandbox = await Sandbox.create()
  host = await Device.first(sandbox, 'host')
  // The door that an invitation opens to strangers is closed again when this has ended.
  const inviting = host.start(['--json', 'invite'])
  const code = await inviting.line((line) => (JSON.parse(line) as { code?: string }).code)
  member = await Device.joined(sandbox, 'member', code, host)
  expect((await inviting.ended).exitCode).toBe(0)
  await host.must(['memory', 'set', 'kept', 'as it was'])
  node = await host.node()
  owner = await openSession({ home: host.home, scope: SCOPE })

  babble(portOf(node.address))

  const { storeDirectory, keyFile: keyPath } = homeAt(member.home)
  const store = await openLevelStore({ directory: storeDirectory, key: keyFile(keyPath) })
  memberReplica = await Replica.open({ store, runtime: nodeRuntime() })
  memberKey = await deviceIdentity(store, nodeRuntime())
  cleanUps.push(async () => {
    await memberReplica.close()
    await store.close()
  })
}, 120_000)

afterAll(async () => {
  for (const socket of babblers) socket.destroy()
  await owner.close()
  for (const cleanUp of cleanUps) await cleanUp()
  await sandbox[Symbol.asyncDispose]()
})

/** TCP that speaks no libp2p: noise, another protocol, the start of ours, and silence. */
const babblers: Socket[] = []

function babble(port: number): void {
  const starts = [
    randomBytes(100_000),
    Buffer.alloc(70_000, 0xff),
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.concat([Buffer.from('\x13/multistream/1.0.0\n'), randomBytes(5_000)]),
    Buffer.alloc(0)
  ]
  for (const start of starts) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(start)
    babblers.push(socket.resume())
  }
}

/** A hash of every row that is on the host's disk. */
async function rowsOnDisk(): Promise<string> {
  const folder = join(homeAt(host.home).storeDirectory, 'rows')
  const hash = createHash('sha256')
  const names = (await readdir(folder)).filter((name) => !name.startsWith('LOG'))
  for (const name of names.sort()) hash.update(`${name}\0`).update(await readFile(join(folder, name)))
  return hash.digest('hex')
}

async function peersOfHost(): Promise<number> {
  return (await owner.call('status', {})).peers.known
}

async function invite(expiresInMs?: number): Promise<string> {
  for await (const event of owner.stream('invite', { expiresInMs })) {
    if (event.type === 'code') return event.code
  }
  throw new Error('there is no code')
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false
  )
}

/** Frames until the other end closes or drops the channel. */
async function rest(channel: FrameChannel): Promise<Buffer> {
  const frames: Uint8Array[] = []
  try {
    for (let frame = await channel.receive(); frame !== undefined; frame = await channel.receive())
      frames.push(frame)
  } catch {
    // Dropped.
  }
  return Buffer.concat(frames)
}

describe('a node', () => {
  let before: string
  beforeEach(async () => {
    before = await rowsOnDisk()
  })
  afterEach(async () => {
    expect(await rowsOnDisk()).toBe(before)
    expect(await peersOfHost()).toBe(1)
    expect(await owner.call('memory.get', { path: 'kept' })).toMatchObject({ value: 'as it was' })
  })

  it('hangs up on a device that is not on its list', async () => {
    const stranger = await startNetwork()
    await expect(stranger.dial(node.address)).rejects.toMatchObject({ code: 'TRANSPORT_REFUSED' })
    await expect(stranger.open(node.address, SYNC_PROTOCOL)).rejects.toMatchObject({
      code: 'TRANSPORT_REFUSED'
    })
    await expect(stranger.open(node.address, JOIN_PROTOCOL, { asStranger: true })).rejects.toMatchObject({
      code: 'TRANSPORT_REFUSED'
    })
  })

  it('hangs up on libp2p that knows none of its rules', async () => {
    const stranger = await startRawNode()
    const talking = (async () => {
      const stream = await stranger.dialProtocol(multiaddr(node.address), SYNC_PROTOCOL)
      stream.send(new Uint8Array(randomBytes(1000)))
      if (stream.status === 'open') await new Promise((resolve) => stream.addEventListener('close', resolve))
      throw stream
    })()
    await talking.catch(() => {})
    await expect.poll(() => stranger.getConnections().length, { timeout: 20_000 }).toBe(0)
  })

  it('is not dialled by a device of another space: exit code 4, TRANSPORT_NOT_ALLOWED', async () => {
    const stranger = await Device.first(sandbox, 'stranger')
    const sync = await stranger.cis(['--json', 'memory', 'sync', '--peer', node.address])
    expect(sync.exitCode).toBe(4)
    expect(records(sync.stdout)).toMatchObject([
      { type: 'connecting' },
      { type: 'failed', code: 'TRANSPORT_NOT_ALLOWED' }
    ])
    expect(JSON.parse(sync.stderr)).toMatchObject({ error: { code: 'CIS_NO_PEER_REACHED', exitCode: 4 } })
  })

  it("refuses a member's device that has another space's secret: SYNC_WRONG_SPACE", async () => {
    const network = await startNetwork({ deviceKey: memberKey, listen: [] })
    // With the right one it is heard, and what proves its membership is kept.
    const channel = await network.open(node.address, SYNC_PROTOCOL)
    await (await SyncSession.open({ channel, replica: memberReplica, runtime: nodeRuntime() })).close()
    before = await rowsOnDisk()
    const line = overheard(await network.open(node.address, SYNC_PROTOCOL))
    const impostor = new Impostor(line, memberReplica, { handshakeKey: new Uint8Array(randomBytes(32)) })
    // It does not mind that the node's own proof does not fit, as an honest device would.
    await expect(impostor.greet('dialer')).rejects.toThrow('expected auth, got "error"')
    expect(line.heard()).toContain('SYNC_WRONG_SPACE')
    expect(line.heard()).not.toContain(member.name)
  })

  it('ends a session in which a member says what is no message: SYNC_MALFORMED', async () => {
    const network = await startNetwork({ deviceKey: memberKey, listen: [] })
    for (const length of [0, 1, 100, 100_000]) {
      const channel = await network.open(node.address, SYNC_PROTOCOL)
      await channel.send(new Uint8Array(randomBytes(length)))
      expect((await rest(channel)).toString('latin1')).toContain('SYNC_MALFORMED')
    }
  })

  it('drops a stream of random bytes from a member that are not even frames', async () => {
    const raw = await startRawNode(memberKey)
    const connection = await raw.dial(multiaddr(node.address))
    for (const protocol of [SYNC_PROTOCOL, JOIN_PROTOCOL]) {
      const stream = await connection.newStream(protocol)
      const closed = new Promise((resolve) => stream.addEventListener('close', resolve))
      // The first bytes announce a frame of more than there may be.
      stream.send(Buffer.concat([Buffer.from([0xff, 0xff, 0xff, 0x7f]), randomBytes(4000)]))
      if (stream.status === 'open') await closed
    }
  })
})

describe('an address', () => {
  it('that nobody answers, and one where another device does, are told apart', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as { port: number }
    closed.close()
    const network = await startNetwork({ deviceKey: memberKey, listen: [] })
    await expect(network.dial(atPort(node.address, port))).rejects.toMatchObject({
      code: 'TRANSPORT_UNREACHABLE'
    })
    const other = node.address.replace(/12D3\w+$/, '12D3KooWGjMCNQNpTJrvUwcnwDbUpgbNbRhyMd4ZJPSJZRrQMgm7')
    await expect(network.dial(other)).rejects.toMatchObject({ code: 'TRANSPORT_WRONG_DEVICE' })
  })
})

describe('an invitation', () => {
  let code: string
  let admitted: Device

  /** Joins with a code in a home of its own; the code of the error when it is refused. */
  async function attempt(name: string, given: string): Promise<string | undefined> {
    const home = join(sandbox.directory, name)
    try {
      await joinHome({ home, code: given, device: name, listen: [] })
      return undefined
    } catch (error) {
      expect(await isThere(homeAt(home).configFile)).toBe(false)
      return (error as { code?: string }).code
    }
  }

  function changed(given: string, changes: Partial<Invitation>): string {
    return encodeInvitation({ ...decodeInvitation(given), ...changes })
  }

  beforeAll(async () => {
    code = await invite()
  })

  it('that is damaged anywhere is none, and nobody is called: CORE_INVITATION_INVALID', async () => {
    const at = Math.floor(code.length / 2)
    const swapped = code[at] === 'a' ? 'b' : 'a'
    const damaged = [
      code.slice(0, -1),
      code.slice(1),
      `${code}a`,
      code.slice(0, at) + swapped + code.slice(at + 1),
      'cis1',
      ''
    ]
    for (const each of damaged) expect(await attempt('damaged', each)).toBe('CORE_INVITATION_INVALID')
  })

  it('with a secret that was guessed is refused: CORE_INVITATION_INVALID', async () => {
    const guessed = changed(code, { secret: new Uint8Array(randomBytes(32)) })
    expect(await attempt('guesser', guessed)).toBe('CORE_INVITATION_INVALID')
    expect(await peersOfHost()).toBe(1)
  })

  it('is not used up by random bytes on the protocol of joining', async () => {
    const before = await rowsOnDisk()
    for (const length of [0, 1, 100, 100_000]) {
      const stranger = await startNetwork({ deviceKey: newKey(), listen: [], allow: () => false })
      const channel = await stranger.open(node.address, JOIN_PROTOCOL, { asStranger: true })
      await channel.send(new Uint8Array(randomBytes(length)))
      await rest(channel)
    }
    expect(await rowsOnDisk()).toBe(before)
    admitted = await Device.joined(sandbox, 'admitted', code, host)
    expect(await peersOfHost()).toBe(2)
  })

  it('opens joining to strangers, and nothing else', async () => {
    const stranger = await startNetwork({ deviceKey: newKey(), listen: [], allow: () => false })
    const syncing = (async () => {
      const channel = await stranger.open(node.address, SYNC_PROTOCOL, { asStranger: true })
      await channel.send(new Uint8Array(randomBytes(100)))
      return rest(channel)
    })()
    // It may see the stream accepted before it is dropped, and gets nothing over it.
    expect(await syncing.catch(() => Buffer.alloc(0))).toEqual(Buffer.alloc(0))
  })

  it('that another device has used is refused: exit code 1, CORE_INVITATION_USED', async () => {
    const late = await Device.empty(sandbox, 'late')
    const { exitCode, stdout, stderr } = await late.cis(['--json', ...late.joining()], code)
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 1, stdout: '' })
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string } }
    expect(error.code).toBe('CORE_INVITATION_USED')
    expect(error.message).toContain('ask for a new one')
    expect(stderr).not.toContain(code)
    expect(await isThere(homeAt(late.home).configFile)).toBe(false)
    expect(await peersOfHost()).toBe(2)
  })

  it('that has expired is refused, even with a later date written into it: CORE_INVITATION_EXPIRED', async () => {
    const short = await invite(1)
    await expect.poll(() => Date.now()).toBeGreaterThan(decodeInvitation(short).expiresAt)
    const before = await rowsOnDisk()
    expect(await attempt('late', short)).toBe('CORE_INVITATION_EXPIRED')
    const prolonged = changed(short, { expiresAt: Date.now() + 3_600_000 })
    expect(await attempt('late', prolonged)).toBe('CORE_INVITATION_EXPIRED')
    expect(await rowsOnDisk()).toBe(before)
    expect(await peersOfHost()).toBe(2)
  })

  it('is honoured while others babble on the same port, and the node has hung up on them by now', async () => {
    await expect
      .poll(() => babblers.map(({ destroyed }) => destroyed), { timeout: 25_000 })
      .not.toContain(false)
  })

  it('has made a member who is served like any other, after all of this', async () => {
    await admitted.must(['memory', 'sync'])
    expect(await admitted.must(['memory', 'get', 'kept'])).toBe('as it was')
  })
})

/** A channel that remembers what came over it. */
function overheard(channel: FrameChannel): FrameChannel & { heard(): string } {
  const frames: Uint8Array[] = []
  return {
    peer: channel.peer,
    send: (frame, options) => channel.send(frame, options),
    receive: async (options) => {
      const frame = await channel.receive(options)
      if (frame !== undefined) frames.push(frame)
      return frame
    },
    close: () => channel.close(),
    abort: (reason) => channel.abort(reason),
    heard: () => Buffer.concat(frames).toString('latin1')
  }
}
