import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { createConnection, createServer, type Socket } from 'node:net'
import { dirname, join } from 'node:path'
import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { encode } from 'cborg'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  MAX_CONCURRENT_REQUESTS,
  MAX_HANDSHAKE_FRAME_BYTES,
  MAX_SOCKET_PATH_BYTES,
  STREAM_WINDOW_ITEMS
} from '../../src/limits.ts'
import { LocalSocketClient } from '../../src/local-socket/client.ts'
import { FrameStream } from '../../src/local-socket/frames.ts'
import { proofOf } from '../../src/local-socket/handshake.ts'
import { prepareSocket, readSocketKey } from '../../src/local-socket/place.ts'
import { type LocalSocketServer, serveLocalSocket } from '../../src/local-socket/server.ts'
import { temporaryDirectory } from '../temporary.ts'
import { testHandler, type Witness } from './handler.ts'

const runtime = nodeRuntime()
const key = new Uint8Array(randomBytes(32))

interface Served {
  readonly server: LocalSocketServer
  readonly path: string
  readonly witness: Witness
}

async function serve(overrides: { timer?: typeof runtime.timer; path?: string } = {}): Promise<Served> {
  const path = overrides.path ?? join(await temporaryDirectory(), 's')
  const witness: Witness = { opened: [], aborted: [], closed: 0, made: 0 }
  const server = await serveLocalSocket({
    path,
    key,
    runtime: { ...runtime, timer: overrides.timer ?? runtime.timer },
    open: (connection) => testHandler(witness, connection)
  })
  onTestFinished(() => server.close())
  return { server, path, witness }
}

async function connect(
  path: string,
  options: { key?: Uint8Array; scope?: string } = {}
): Promise<LocalSocketClient> {
  const { scope = '/acme', key: given = key } = options
  const client = await LocalSocketClient.connect({ path, key: given, runtime, scope, domain: undefined })
  onTestFinished(() => client.close())
  return client
}

/** A connection that sends what it likes. */
function raw(path: string): { socket: Socket; received: () => Buffer; closed: Promise<void> } {
  const socket = createConnection(path)
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  onTestFinished(() => {
    socket.destroy()
  })
  return { socket, received: () => Buffer.concat(chunks), closed }
}

function frame(message: unknown): Buffer {
  const body = encode(message)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length)
  return Buffer.concat([length, body])
}

async function code(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'resolved',
    (error) => error.code
  )
}

describe('a local socket', () => {
  it('carries JSON, bytes and undefined unchanged', async () => {
    const { path, witness } = await serve()
    const client = await connect(path)
    const value = { text: '配置', n: 1.5, none: undefined, list: [null, true], bytes: Uint8Array.of(1, 2, 3) }
    expect(await client.call('echo', value)).toStrictEqual(value)
    const megabyte = new Uint8Array(randomBytes(1024 * 1024))
    expect(Buffer.compare((await client.call('echo', megabyte)) as Uint8Array, megabyte)).toBe(0)
    expect(witness.opened).toEqual([{ scope: '/acme', domain: undefined }])
  })

  it('answers requests of one connection side by side', async () => {
    const { path } = await serve()
    const client = await connect(path)
    const controller = new AbortController()
    const waiting = client.call('wait', null, { signal: controller.signal })
    expect(await Promise.all([1, 2, 3].map((n) => client.call('echo', n)))).toEqual([1, 2, 3])
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
  })

  it('gives the items of a stream in order, and its end', async () => {
    const { path } = await serve()
    const client = await connect(path)
    const items: unknown[] = []
    for await (const item of client.stream('count', 100)) items.push(item)
    expect(items).toEqual(Array.from({ length: 100 }, (_, n) => ({ n })))
  })

  it('makes no more items than its reader has room for', async () => {
    const { path, witness } = await serve()
    const client = await connect(path)
    const stream = client.stream('endless', null)
    await stream.next()
    await expect.poll(() => witness.made).toBeGreaterThanOrEqual(STREAM_WINDOW_ITEMS)
    await client.call('echo', null)
    expect(witness.made).toBeLessThanOrEqual(STREAM_WINDOW_ITEMS + 1)
    await stream.return(undefined)
  })

  it('ends the operation when the reader leaves the loop', async () => {
    const { path, witness } = await serve()
    const client = await connect(path)
    for await (const item of client.stream('endless', null)) if (item !== undefined) break
    await expect.poll(() => witness.aborted).toEqual(['endless'])
    expect(await client.call('echo', 'still here')).toBe('still here')
  })

  it('ends every operation of a connection that is gone', async () => {
    const { path, witness } = await serve()
    const client = await connect(path)
    const waiting = code(client.call('wait', null))
    await client.call('echo', null)
    await client.close()
    expect(await waiting).toBe('CIS_SESSION_CLOSED')
    await expect.poll(() => witness).toMatchObject({ aborted: ['wait'], closed: 1 })
  })

  it('throws errors of the other side with their code, name and public fields', async () => {
    const { path } = await serve()
    const client = await connect(path)
    const stale = {
      name: 'StaleBaseError',
      code: 'CORE_STALE_BASE',
      path: 'config/timeout',
      liveIds: ['one', 'two']
    }
    await expect(client.call('stale', null)).rejects.toMatchObject(stale)
    await expect(client.call('bug', null)).rejects.toMatchObject({ code: 'CIS_UNEXPECTED' })
    const items: unknown[] = []
    const reading = (async () => {
      for await (const item of client.stream('failing', 2)) items.push(item)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'CORE_STALE_BASE', path: 'late' })
    expect(items).toHaveLength(2)
  })

  it('refuses more requests at once than it has room for, and goes on', async () => {
    const { path } = await serve()
    const client = await connect(path)
    const waiting = Array.from({ length: MAX_CONCURRENT_REQUESTS }, () => code(client.call('wait', null)))
    expect(await code(client.call('echo', null))).toBe('CIS_TOO_MANY_REQUESTS')
    await client.close()
    await Promise.all(waiting)
    expect(await (await connect(path)).call('echo', 1)).toBe(1)
  })

  it('refuses a message over its limit before sending it', async () => {
    const { path } = await serve()
    const client = await connect(path)
    expect(await code(client.call('echo', new Uint8Array(9 * 1024 * 1024)))).toBe('CIS_MESSAGE_TOO_LARGE')
    expect(await client.call('echo', 1)).toBe(1)
  })
})

describe('the challenge of a local socket', () => {
  it('refuses a client with another key', async () => {
    const { path, witness } = await serve()
    expect(await code(connect(path, { key: new Uint8Array(32) }))).toBe('CIS_SOCKET_UNTRUSTED')
    expect(witness.opened).toEqual([])
  })

  it('keeps a client from talking to somebody who does not know the key', async () => {
    const path = join(await temporaryDirectory(), 's')
    const sent: unknown[] = []
    const impostor = createServer((socket) => {
      const frames = new FrameStream(socket, { maxSendBytes: 1024, maxReceiveBytes: 8192 })
      void (async () => {
        await frames.send({ v: 1, nonce: new Uint8Array(32) })
        for await (const message of frames.receive()) {
          sent.push(message)
          await frames.send({ proof: new Uint8Array(32) })
        }
      })().catch(() => {})
    }).listen(path)
    onTestFinished(() => void impostor.close())
    expect(await code(connect(path))).toBe('CIS_SOCKET_UNTRUSTED')
    expect(sent).toHaveLength(1)
  })

  it('takes no proof twice: a recorded exchange opens nothing', async () => {
    const { path, witness } = await serve()
    const nonce = new Uint8Array(32).fill(7)
    let recorded: Uint8Array = new Uint8Array()
    for (const isReplay of [false, true]) {
      const frames = new FrameStream(createConnection(path), { maxSendBytes: 1024, maxReceiveBytes: 8192 })
      const messages = frames.receive()
      const hello = (await messages.next()).value as { nonce: Uint8Array }
      const facts = { socketPath: path, clientNonce: nonce, scope: '/', domain: undefined }
      if (!isReplay) recorded = proofOf('client', key, { ...facts, holderNonce: hello.nonce })
      await frames.send({ v: 1, nonce, scope: '/', proof: recorded })
      const answer = (await messages.next()).value
      if (isReplay) expect(answer).toMatchObject({ type: 'refused', code: 'CIS_SOCKET_UNTRUSTED' })
      else expect(answer).toHaveProperty('proof')
      frames.destroy()
    }
    expect(witness.opened).toHaveLength(1)
  })

  it('binds scope, domain, socket and side into the proof', () => {
    const facts = {
      socketPath: '/a',
      holderNonce: new Uint8Array(32),
      clientNonce: new Uint8Array(32),
      scope: '/acme',
      domain: undefined
    }
    const proofs = [
      proofOf('client', key, facts),
      proofOf('holder', key, facts),
      proofOf('client', key, { ...facts, scope: '/' }),
      proofOf('client', key, { ...facts, domain: 'private' }),
      proofOf('client', key, { ...facts, socketPath: '/b' }),
      proofOf('client', key, { ...facts, clientNonce: new Uint8Array(32).fill(1) }),
      proofOf('client', key, { ...facts, holderNonce: new Uint8Array(32).fill(1) })
    ].map((proof) => Buffer.from(proof).toString('hex'))
    expect(new Set(proofs).size).toBe(proofs.length)
  })

  it('tells a client of another version which side is older', async () => {
    const { path } = await serve()
    const { socket, received, closed } = raw(path)
    const proof = new Uint8Array(32)
    socket.write(frame({ v: 2, nonce: new Uint8Array(32), scope: '/', proof }))
    await closed
    expect(received().toString('latin1')).toContain('CIS_SOCKET_VERSION')
  })

  it('drops whoever proves nothing in time', async () => {
    const timers: (() => void)[] = []
    const { path } = await serve({
      timer: (_ms, callback) => {
        timers.push(callback)
        return () => {}
      }
    })
    const { closed } = raw(path)
    await expect.poll(() => timers).toHaveLength(1)
    timers[0]?.()
    await closed
  })
})

describe('hostile bytes on a local socket', () => {
  const nested = Buffer.alloc(MAX_HANDSHAKE_FRAME_BYTES, 0x81)
  const nestedLength = Buffer.alloc(4)
  nestedLength.writeUInt32BE(nested.length)
  const cases: readonly (readonly [string, Buffer])[] = [
    ['no frame', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['an empty frame', Buffer.alloc(4)],
    ['a frame over the limit', Buffer.from([0, 0x80, 0, 0])],
    ['what is not CBOR', Buffer.from([0, 0, 0, 2, 0xff, 0xff])],
    ['deep nesting', Buffer.concat([nestedLength, nested])],
    ['a message of another form', frame({ hello: 'world' })],
    [
      'a nonce of another length',
      frame({ v: 1, nonce: new Uint8Array(8), scope: '/', proof: new Uint8Array(32) })
    ]
  ]

  it.each(cases)(
    'before the proof, %s ends the connection with a code; the server goes on',
    async (_name, bytes) => {
      const { path } = await serve()
      const { socket, received, closed } = raw(path)
      socket.write(bytes)
      await closed
      expect(received().toString('latin1')).toContain('CIS_SOCKET_MALFORMED')
      expect(await (await connect(path)).call('echo', 1)).toBe(1)
    }
  )

  it.each([
    ['an unknown type', { type: 'surprise', id: 1 }],
    ['a negative id', { type: 'call', id: -1, name: 'echo', args: null }],
    ['no map at all', 'call']
  ])('after the proof, %s ends the connection and what it had running', async (_name, message) => {
    const { path, witness } = await serve()
    const frames = new FrameStream(createConnection(path), { maxSendBytes: 8192, maxReceiveBytes: 8192 })
    const messages = frames.receive()
    const { nonce } = (await messages.next()).value as { nonce: Uint8Array }
    const facts = { socketPath: path, clientNonce: nonce, holderNonce: nonce, scope: '/', domain: undefined }
    await frames.send({ v: 1, nonce, scope: '/', proof: proofOf('client', key, facts) })
    await messages.next()
    await frames.send({ type: 'call', id: 0, name: 'wait', args: null })
    await frames.send(message)
    const answers: unknown[] = []
    for await (const answer of messages) answers.push(answer)
    expect(answers).toContainEqual(expect.objectContaining({ type: 'refused', code: 'CIS_SOCKET_MALFORMED' }))
    await expect.poll(() => witness.aborted).toEqual(['wait'])
    expect(await (await connect(path)).call('echo', 1)).toBe(1)
  })

  it('of any kind, and of nearly the right kind, leave the server as it was', async () => {
    const { path, witness } = await serve()
    const nonce = new Uint8Array(32)
    const hello = frame({ v: 1, nonce, scope: '/', proof: new Uint8Array(32) })
    const nearly = fc
      .tuple(fc.nat(hello.length - 1), fc.uint8Array({ minLength: 1, maxLength: 8 }))
      .map(([at, bytes]) => Buffer.concat([hello.subarray(0, at), bytes, hello.subarray(at + bytes.length)]))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array({ maxLength: 200 }), nearly), async (bytes) => {
        const { socket, closed } = raw(path)
        socket.end(bytes)
        await closed
      }),
      { numRuns: 200 }
    )
    expect(witness.opened).toEqual([])
    expect(await (await connect(path)).call('echo', 1)).toBe(1)
  })

  it('survives a client that breaks off anywhere', async () => {
    const { path } = await serve()
    const hello = frame({ v: 1, nonce: new Uint8Array(32), scope: '/', proof: new Uint8Array(32) })
    for (let length = 0; length < hello.length; length += 7) {
      const { socket, closed } = raw(path)
      socket.end(hello.subarray(0, length))
      await closed
    }
    expect(await (await connect(path)).call('echo', 1)).toBe(1)
  })
})

describe('closing a local socket', () => {
  it('lets what runs finish and refuses what comes later', async () => {
    const { path, server } = await serve({ timer: () => () => {} })
    const client = await connect(path)
    const stream = client.stream('count', STREAM_WINDOW_ITEMS * 2)
    await stream.next()
    const closing = server.close()
    expect(await code(client.call('echo', null))).toBe('CIS_HOLDER_CLOSING')
    let items = 1
    for await (const item of stream) if (item !== undefined) items++
    expect(items).toBe(STREAM_WINDOW_ITEMS * 2)
    await closing
    await expect.poll(() => client.isOpen).toBe(false)
    expect(await code(connect(path))).toBe('CIS_CONNECTION_LOST')
  })

  it('waits for nobody who has nothing under way', async () => {
    const { path, server, witness } = await serve({ timer: () => () => {} })
    const clients = [await connect(path), await connect(path)]
    await clients[0]!.call('echo', null)
    await server.close()
    expect(witness.closed).toBe(2)
    expect(clients.map((client) => client.isOpen)).toEqual([false, false])
  })

  it('ends what takes too long, and says so', async () => {
    const { path, server } = await serve({
      timer: (ms, callback) => runtime.timer(Math.min(ms, 20), callback)
    })
    const client = await connect(path)
    const waiting = code(client.call('wait', null))
    await client.call('echo', null)
    await server.close()
    expect(await waiting).toBe('CIS_CONNECTION_LOST')
  })

  it('replaces the socket of a process that is gone', async () => {
    const { path } = await serve()
    await serve({ path })
    expect(await (await connect(path)).call('echo', 1)).toBe(1)
  })
})

describe('the place of a local socket', () => {
  it('is for its owner alone', async () => {
    const directory = join(await temporaryDirectory(), 'socket')
    const place = await prepareSocket(directory)
    await serve({ path: place.path })
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(join(directory, 'key'))).mode & 0o777).toBe(0o600)
    expect((await stat(place.path)).mode & 0o777).toBe(0o600)
    expect(await readSocketKey(directory, place.path)).toEqual(place.key)
    expect((await prepareSocket(directory)).key).toEqual(place.key)
  })

  it.each([0o750, 0o705, 0o722])('is refused with mode %o', async (mode) => {
    const directory = join(await temporaryDirectory(), 'socket')
    await mkdir(directory)
    await chmod(directory, mode)
    expect(await code(prepareSocket(directory))).toBe('CIS_SOCKET_NOT_PRIVATE')
    expect(await code(readSocketKey(directory, join(directory, 's')))).toBe('CIS_SOCKET_NOT_PRIVATE')
  })

  it('is not trusted when others can read its key', async () => {
    const directory = join(await temporaryDirectory(), 'socket')
    const { path } = await prepareSocket(directory)
    await chmod(join(directory, 'key'), 0o644)
    expect(await code(readSocketKey(directory, path))).toBe('CIS_SOCKET_UNTRUSTED')
    await writeFile(join(directory, 'key'), 'short', { mode: 0o600 })
    await chmod(join(directory, 'key'), 0o600)
    expect(await code(readSocketKey(directory, path))).toBe('CIS_SOCKET_UNTRUSTED')
  })

  it('is a private temporary directory when the path is too long for a socket', async () => {
    const directory = join(await temporaryDirectory(), 'long'.repeat(30), 'socket')
    const place = await prepareSocket(directory)
    expect(Buffer.byteLength(place.path)).toBeLessThanOrEqual(MAX_SOCKET_PATH_BYTES)
    await serve({ path: place.path })
    expect(await readSocketKey(directory, place.path)).toEqual(place.key)
    expect(await (await connect(place.path)).call('echo', 1)).toBe(1)
    await place.remove()
    expect(await code(readdir(dirname(place.path)))).toBe('ENOENT')
  })

  it('is refused in words when there is no short path at all', async () => {
    const long = join(await temporaryDirectory(), 'long'.repeat(30))
    await mkdir(long)
    vi.stubEnv('TMPDIR', long)
    onTestFinished(() => void vi.unstubAllEnvs())
    expect(await code(prepareSocket(join(long, 'socket')))).toBe('CIS_SOCKET_PATH_TOO_LONG')
    expect(await readdir(long)).toEqual(['socket'])
  })

  it('has one key when two processes start at once', async () => {
    const directory = join(await temporaryDirectory(), 'socket')
    const places = await Promise.all([1, 2, 3, 4].map(() => prepareSocket(directory)))
    expect(new Set(places.map((place) => Buffer.from(place.key).toString('hex'))).size).toBe(1)
    expect(await readdir(directory)).toEqual(['key'])
  })
})
