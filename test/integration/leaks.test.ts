/*
 * Two programs of one space with a wire between them that is listened to (P24). Whatever an eavesdropper on that wire, a
 * finder of either disk or a reader of either log may see is searched for text that stands in memories, in their names
 * and in secrets, in every encoding in which it could have slipped through.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { decodeInvitation, encodeInvitation } from '@cis-memory/core/sync'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { App, AppError } from './support/app.ts'
import { type Canary, canaryText, findCanaries, findInFiles } from './support/canaries.ts'
import { Device } from './support/device.ts'
import { atPort, portOf, RecordingProxy } from './support/proxy.ts'
import { Sandbox } from './support/sandbox.ts'

const TEXTS = [
  'space name',
  'name of device A',
  'name of device B',
  'scope name',
  'public key name',
  'public value',
  'other public value',
  'contested value of A',
  'contested value of B',
  'broadcast value',
  'value that was refused',
  'category',
  'tag',
  'agent label',
  'private key name on A',
  'private value on A',
  'private key name on B',
  'private value on B',
  'curated value'
] as const

type TextName = (typeof TEXTS)[number]

/** Enough that a few kilobytes of handshakes cannot be taken for it. */
const LARGE_VALUE_BYTES = 200_000

describe('two programs of one space, overheard', () => {
  const text = Object.fromEntries(
    TEXTS.map((name) => [name, canaryText(name.replaceAll(' ', '-'))])
  ) as Record<TextName, string>
  const canaries: Canary[] = TEXTS.map((name) => ({ name, bytes: Buffer.from(text[name]) }))
  const scope = `/acme/${text['scope name']}`
  const key = `notes/${text['public key name']}`
  let sandbox: Sandbox
  let wire: RecordingProxy
  let a: App
  let b: App
  /** What errors of the library say: message, code and stack. */
  const complaints: string[] = []
  /** What Node would write down about each program if it crashed. */
  const reports: string[] = []
  /** What the homes' files showed while both programs ran. */
  let openFiles: string[]
  let dialledByB: unknown[]

  const refused = async (asked: Promise<unknown>, code: string): Promise<void> => {
    const error = await asked.then(
      () => undefined,
      (thrown: unknown) => thrown
    )
    expect(error).toBeInstanceOf(AppError)
    expect(error).toMatchObject({ code })
    complaints.push((error as AppError).told)
  }

  beforeAll(async () => {
    sandbox = await Sandbox.create()
    a = App.start(sandbox, 'a')
    b = App.start(sandbox, 'b')
    await a.ask('open', {
      scope,
      spaceName: text['space name'],
      deviceName: text['name of device A']
    })
    const [address = ''] = await a.ask<string[]>('listen')
    wire = await RecordingProxy.to(portOf(address))
    const overheard = atPort(address, wire.port)

    // Joining goes over the wire too: the code says to call there.
    const code = await a.ask<string>('invite')
    const invitation = decodeInvitation(code)
    canaries.push({ name: 'invitation secret', bytes: Buffer.from(invitation.secret) })
    canaries.push({ name: 'invitation code', bytes: Buffer.from(code) })
    await b.ask('join', {
      code: encodeInvitation({ ...invitation, addresses: [overheard] }),
      device: text['name of device B']
    })
    canaries.push({ name: 'key of A', bytes: await readFile(join(a.home, 'key')) })
    canaries.push({ name: 'key of B', bytes: await readFile(join(b.home, 'key')) })
    canaries.push({ name: 'socket key of A', bytes: await readFile(join(a.home, 'socket', 'key')) })
    // A says where else it can be reached; this peer is to know the wire only.
    await writeFile(join(b.home, 'peers.json'), '{"peers":{}}')
    await b.ask('open', { scope })
    await b.ask('listen', { dialOnly: true, peers: [overheard] })

    await a.ask('put', {
      path: key,
      value: text['public value'],
      category: text.category,
      tags: [text.tag],
      agent: text['agent label']
    })
    await a.ask('put', { path: 'large', value: randomBytes(LARGE_VALUE_BYTES / 2).toString('hex') })
    await a.ask('put', { path: 'curate-me', value: text['curated value'] })
    await a.ask('put', {
      domain: 'private',
      path: text['private key name on A'],
      value: text['private value on A']
    })
    await b.ask('put', {
      domain: 'private',
      path: text['private key name on B'],
      value: text['private value on B']
    })
    await b.ask('put', { path: 'from-b', value: text['other public value'] })
    await b.ask('sync', { peer: overheard })
    expect(await b.ask('holds', { path: key, value: text['public value'] })).toBe(true)
    expect(await a.ask('holds', { path: 'from-b', value: text['other public value'] })).toBe(true)
    await b.ask('curate', { path: 'curate-me' })

    await b.ask('state', { path: 'broadcast' })
    const arrived = b.ask('received', { path: `${scope}/broadcast` })
    await a.ask('put', { path: 'broadcast', value: text['broadcast value'] })
    expect(await a.ask('broadcast', { path: 'broadcast' })).toEqual({ reached: 1 })
    await arrived

    await a.ask('put', { path: key, value: text['contested value of A'] })
    await b.ask('put', { path: key, value: text['contested value of B'] })
    await b.ask('sync', { peer: overheard })
    const [id] = await b.ask<string[]>('conflicts')
    await refused(b.ask('put', { path: key, value: text['value that was refused'] }), 'CORE_CONTESTED')
    await refused(a.ask('agent'), 'GUARD_CONFLICT_PENDING')
    await b.ask('resolve', { id, keep: 'local' })
    await b.ask('sync', { peer: overheard })
    expect(await a.ask('holds', { path: key, value: text['contested value of B'] })).toBe(true)
    await refused(b.ask('resolve', { id, keep: 'remote' }), 'CORE_STALE_CONFLICT')
    await refused(a.ask('put', { path: key, value: 1, base: [] }), 'CORE_STALE_BASE')
    await refused(a.ask('put', { path: `/elsewhere/${text['public key name']}`, value: 1 }), 'CORE_BAD_PATH')
    await refused(
      a.ask('put', { path: 'x', value: text['value that was refused'].repeat(40_000) }),
      'CORE_VALUE_TOO_LARGE'
    )
    await refused(
      b.ask('sync', { peer: atPort(overheard, 1).replace(/\/p2p\/.*/, '') }),
      'TRANSPORT_BAD_ADDRESS'
    )

    openFiles = [...(await findInFiles(a.home, canaries)), ...(await findInFiles(b.home, canaries))]
    for (const app of [a, b]) reports.push(await app.ask('report'))
    dialledByB = await b.ask<unknown[]>('dialled')
    await b.close()
    await a.close()
  }, 120_000)

  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
    await wire[Symbol.asyncDispose]()
  })

  it('spoke over the wire that was listened to, and over no other', () => {
    expect(dialledByB).toEqual([wire.port])
    const carried = Buffer.concat(wire.back).length
    expect(carried).toBeGreaterThan(LARGE_VALUE_BYTES / 2)
  })

  it('show nothing on the wire, in either direction', () => {
    expect(findCanaries(Buffer.concat(wire.forth), canaries)).toEqual([])
    expect(findCanaries(Buffer.concat(wire.back), canaries)).toEqual([])
  })

  // A configuration is its owner's to read and edit: what the device is called stands in it as it was typed. A key
  // file is the key, readable by its owner alone.
  const byDesign = [
    'key of A as raw in key',
    'key of B as raw in key',
    'name of device B as raw in config.toml',
    'socket key of A as raw in socket/key'
  ]

  it('show nothing in their files while they run, but a device its own name and its keys', () => {
    expect(openFiles.sort()).toEqual(byDesign)
  })

  it('show nothing in their files afterwards, but a device its own name and its keys', async () => {
    const files = [...(await findInFiles(a.home, canaries)), ...(await findInFiles(b.home, canaries))]
    expect(files.sort()).toEqual(byDesign)
  })

  it('tell no secret and no memory in an error', () => {
    expect(complaints.length).toBe(7)
    expect(findCanaries(Buffer.from(complaints.join('\n')), canaries)).toEqual([])
  })

  it('say nothing of memory on standard error', () => {
    for (const { child } of [a, b]) expect(findCanaries(Buffer.from(child.stderr), canaries)).toEqual([])
  })

  it('show nothing in the report that Node writes of a crash', () => {
    expect(reports.length).toBe(2)
    expect(findCanaries(Buffer.from(reports.join('\n')), canaries)).toEqual([])
  })

  it('keep a passphrase to themselves, the right one and a wrong one', async () => {
    const secrets = ['right passphrase', 'wrong passphrase'].map((name): Canary => {
      return { name, bytes: Buffer.from(canaryText(name.replace(' ', '-'))) }
    })
    const [right, wrong] = secrets.map(({ bytes }) => bytes.toString())
    const told: string[] = []
    const open = async (secret: string | undefined): Promise<unknown> => {
      const app = App.start(sandbox, 'locked')
      const error = await app.ask('open', { secret }).catch((reason: unknown) => reason)
      told.push(await app.ask('report'), error instanceof AppError ? error.told : '')
      await app.close()
      told.push(app.child.stderr, app.child.stdout.toString())
      return error
    }
    expect(await open(right)).toBe(null)
    expect(await open(wrong)).toMatchObject({ code: 'STORE_WRONG_KEY' })
    expect(findCanaries(Buffer.from(told.join('\n')), secrets)).toEqual([])
    expect(await findInFiles(join(sandbox.directory, 'locked'), secrets)).toEqual([])
  })

  it('and the command says no value, no private name and no secret when it fails on the same home', async () => {
    const cis = await Device.empty(sandbox, 'a')
    const failures = [
      ['--scope', scope, 'memory', 'get', 'absent'],
      ['--scope', scope, 'memory', 'set', `${key}/../x`, text['value that was refused']],
      ['--scope', scope, 'memory', 'sync'],
      ['--scope', scope, 'memory', 'conflicts', 'show', 'aaaaaaaaaaaa'],
      ['--scope', scope, 'memory', 'conflicts', 'resolve', key, 'local'],
      ['memory', 'list']
    ]
    // Whoever typed a name is told it again; nobody types these.
    const untyped = new Set(['scope name', 'public key name'])
    for (const args of failures) {
      const { exitCode, stdout, stderr } = await cis.cis(['--json', ...args])
      expect(exitCode).not.toBe(0)
      const said = Buffer.concat([stdout, Buffer.from(stderr)])
      expect(
        findCanaries(
          said,
          canaries.filter(({ name }) => !untyped.has(name))
        )
      ).toEqual([])
    }
  })
})

describe('the search for canaries', () => {
  const canary: Canary = { name: 'bird', bytes: Buffer.from(canaryText('planted')) }
  const inside = (bytes: string | Buffer): Buffer =>
    Buffer.concat([randomBytes(1000), Buffer.from(bytes), randomBytes(1000)])
  const text = canary.bytes.toString()

  it.each([
    ['raw', inside(text)],
    ['UTF-16LE', inside(Buffer.from(text, 'utf16le'))],
    ['UTF-16BE', inside(Buffer.from(text, 'utf16le').swap16())],
    ['hex', inside(canary.bytes.toString('hex'))],
    ['hex', inside(canary.bytes.toString('hex').toUpperCase())],
    ['base64', inside(Buffer.from(`?${text}???`).toString('base64'))],
    ['base64', inside(Buffer.from(`??${text}`).toString('base64'))],
    ['base64url', inside(Buffer.from(text).toString('base64url'))]
  ])('finds one as %s', (form, haystack) => {
    expect(findCanaries(haystack, [canary])).toContain(`bird as ${form}`)
  })

  it('finds nothing where there is nothing', () => {
    expect(findCanaries(inside(canaryText('planted')), [canary])).toEqual([])
  })

  it('finds one in a file and in the name of a file', async () => {
    const sandbox = await Sandbox.create()
    onTestFinished(() => sandbox[Symbol.asyncDispose]())
    const folder = await sandbox.folder('deep/er')
    await writeFile(join(folder, 'plain'), inside(text))
    await writeFile(join(folder, text), '')
    expect((await findInFiles(sandbox.directory, [canary])).sort()).toEqual([
      'bird as raw in deep/er/plain',
      `bird as raw in the name deep/er/${text}`
    ])
  })

  it('finds one in a plain exchange over the wire that is listened to, in each direction', async () => {
    const echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
    await once(echo, 'listening')
    onTestFinished(() => void echo.close())
    const wire = await RecordingProxy.to((echo.address() as { port: number }).port)
    onTestFinished(() => wire[Symbol.asyncDispose]())
    const socket = connect(wire.port, '127.0.0.1')
    socket.write(text)
    await once(socket, 'data')
    socket.destroy()
    for (const recorded of [wire.forth, wire.back]) {
      expect(findCanaries(Buffer.concat(recorded), [canary])).toEqual(['bird as raw'])
    }
  })
})
