/*
 * The real command, given what it cannot accept. Each time: the exit code and error code of the reference, data on
 * standard output or nothing, on standard error what to do next and no memory, and everything as it was before.
 */

import { once } from 'node:events'
import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { keyFile, openMemory, openSession, StoreLockedError } from 'cis-memory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App } from './support/app.ts'
import { canaryText } from './support/canaries.ts'
import { Device, records } from './support/device.ts'
import { atPort } from './support/proxy.ts'
import { Sandbox } from './support/sandbox.ts'

const SCOPE = '/acme/web'
const SETTLED = canaryText('settled')
const OF_APP = canaryText('of-the-app')
const OF_OTHER = canaryText('of-the-other')
const PRIVATE = canaryText('private')
const GIVEN = canaryText('given')

interface Told {
  readonly code: string
  readonly message: string
  readonly kept?: string
  readonly next: readonly string[]
  readonly exitCode: number
}

let sandbox: Sandbox
/** The agent app that has the store of the first home open. */
let app: App
/** The command on the home that the app has open, and on one that nobody has. */
let held: Device
let free: Device
let appAddress: string

/** Every memory of a home with its history, and its conflicts. */
async function stateOf(device: Device): Promise<unknown> {
  const session = await openSession({ home: device.home, scope: '/' })
  try {
    const items = await all(session.stream('memory.list', {}))
    const histories = items.map(({ domain, read: { path } }) =>
      all(session.stream('memory.history', { domain, path }))
    )
    return [items, await Promise.all(histories), await all(session.stream('conflicts.list', {}))]
  } finally {
    await session.close()
  }
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

/** Runs what must fail, and checks what holds of every failure. */
async function refused(
  device: Device,
  args: readonly string[],
  input: string | Uint8Array = ''
): Promise<Told> {
  const { exitCode, stdout, stderr } = await device.cis(['--json', ...args], input)
  expect(() => records(stdout)).not.toThrow()
  const { error } = JSON.parse(stderr) as { error: Told }
  expect(error.exitCode).toBe(exitCode)
  expect(error.message).not.toBe('')
  const said = stdout.toString() + stderr
  for (const secret of [SETTLED, OF_APP, OF_OTHER, PRIVATE, GIVEN]) expect(said).not.toContain(secret)
  return error
}

/** A TCP port of this machine that nobody listens on. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

beforeAll(async () => {
  sandbox = await Sandbox.create()
  app = App.start(sandbox, 'app')
  await app.ask('open', { scope: SCOPE, deviceName: 'app', spaceName: 'team' })
  appAddress = (await app.ask<string[]>('listen'))[0] ?? ''
  held = await Device.empty(sandbox, 'app')
  await writeFile(join(held.directory, '.cis.toml'), `scope = "${SCOPE}"\n`)
  free = await Device.joined(sandbox, 'free', await app.ask<string>('invite'), held)

  await app.ask('put', { path: 'settled', value: SETTLED })
  await app.ask('put', { path: 'of-app', value: OF_APP, domain: 'private' })
  await app.ask('put', { path: 'contested', value: OF_APP })
  await free.must(['memory', 'set', 'contested', OF_OTHER])
  await free.must(['memory', 'set', 'notes', '-', '--private'], PRIVATE)
  expect((await free.cis(['memory', 'sync'])).exitCode).toBe(3)
}, 120_000)

afterAll(async () => {
  await sandbox[Symbol.asyncDispose]()
})

describe('while an agent app has the store open, the command', () => {
  let before: unknown
  beforeAll(async () => {
    before = await stateOf(held)
  })
  afterAll(async () => {
    expect(await stateOf(held)).toEqual(before)
    await app.close()
  })

  it('is served by the app, through its socket', async () => {
    const [status] = records<{ pid: number }>(await held.must(['status', '--json']))
    expect(status?.pid).toBe(app.child.pid)
    expect(await held.must(['memory', 'get', 'settled'])).toBe(SETTLED)
    expect(await app.ask('holds', { path: 'settled', value: SETTLED })).toBe(true)
  })

  it('and another program that opens the store itself is told who has it: STORE_LOCKED', async () => {
    const opening = openMemory({ directory: held.home, key: keyFile(join(held.home, 'key')), scope: SCOPE })
    const error = await opening.catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'STORE_LOCKED', pid: app.child.pid })
    expect(error).toBeInstanceOf(StoreLockedError)
    expect(await refused(held, ['node', 'run'])).toMatchObject({ code: 'STORE_LOCKED', exitCode: 5 })
  })

  it('names a conflict that does not exist as such, and where to look', async () => {
    const unknown = await refused(held, ['memory', 'conflicts', 'resolve', 'aaaaaaaaaaaa', 'local'])
    expect(unknown).toMatchObject({ code: 'CORE_CONFLICT_NOT_FOUND', exitCode: 1 })
    expect(unknown.next.join()).toContain('memory conflicts list')
  })

  it('shows contested memory to its owner with exit code 3, and prefers none', async () => {
    const { exitCode, stdout, stderr } = await held.cis(['--json', 'memory', 'get', 'contested'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 3, stderr: '' })
    expect(records(stdout)).toMatchObject([{ state: 'conflict' }])
    expect(records(stdout)).not.toMatchObject([{ value: expect.anything() }])
  })

  it('writes nothing over contested memory: exit code 3', async () => {
    for (const args of [
      ['memory', 'set', 'contested', GIVEN],
      ['memory', 'delete', 'contested'],
      ['curate', 'contested']
    ]) {
      const contested = await refused(held, args)
      expect(contested).toMatchObject({ code: 'CORE_CONTESTED', exitCode: 3, kept: 'Every version is kept.' })
      expect(contested.next.join()).toContain('memory conflicts show')
    }
  })

  it('settles nothing with a choice that is none: exit code 2', async () => {
    expect(await refused(held, ['memory', 'conflicts', 'resolve', 'contested', 'mine'])).toMatchObject({
      code: 'CLI_USAGE',
      exitCode: 2
    })
  })

  it('does not lend its app to a write that was not read before: CORE_STALE_BASE', async () => {
    // The command replaces what was there when it started; a program has to have read it.
    await expect(app.ask('put', { path: 'settled', value: GIVEN, base: [] })).rejects.toMatchObject({
      code: 'CORE_STALE_BASE'
    })
  })

  it.each([
    ['one that climbs', '../outside'],
    ['one that climbs inside', 'a/../../api/x'],
    ['a dot', './settled'],
    ['an empty segment', 'a//b'],
    ['an empty key', ''],
    ['a look-alike of its scope', '/acme/website/x'],
    ['a scope above', '/acme'],
    ['another scope', '/other/x'],
    ['a control character', 'with\u0007bell'],
    ['a line break', 'two\nlines'],
    ['a key over 255 bytes', `${'k'.repeat(254)}天`],
    ['a key of more than 16 segments', Array.from({ length: 17 }, (_, i) => i).join('/')]
  ])('refuses %s as a key: exit code 2', async (_what, key) => {
    const error = await refused(held, ['memory', 'set', '--', key, GIVEN])
    expect(error.exitCode).toBe(2)
    expect(error.code).toMatch(/^CORE_BAD_PATH$|^CIS_BAD_ARGUMENT$|^CIS_OUTSIDE_SESSION$/)
  })

  it('takes a key of 255 bytes and reads it through no look-alike', async () => {
    const missing = await refused(held, ['memory', 'history', '/acme/website/settled'])
    expect(missing.exitCode).toBe(2)
    expect((await held.cis(['--json', 'memory', 'get', 'k'.repeat(255)])).stdout.toString()).toContain(
      'absent'
    )
  })

  it('refuses a value over 1 MiB, however it is given: exit code 2', async () => {
    const large = GIVEN.repeat(Math.ceil((1024 * 1024) / GIVEN.length))
    const file = join(sandbox.directory, 'large.txt')
    await writeFile(file, large)
    expect(await refused(held, ['memory', 'set', 'large', '-'], large)).toMatchObject({
      code: 'CORE_VALUE_TOO_LARGE',
      exitCode: 2
    })
    expect(await refused(held, ['memory', 'set', 'large', file, '--type', 'file'])).toMatchObject({
      code: 'CORE_VALUE_TOO_LARGE',
      exitCode: 2
    })
  })

  it('says that there is no node where the app runs none', async () => {
    const absent = await refused(held, ['memory', 'sync', '--peer', 'nobody'])
    expect(absent).toMatchObject({ code: 'CIS_PEER_NOT_FOUND', exitCode: 1 })
  })
})

describe('on a home that nobody has open, the command', () => {
  let before: unknown
  beforeAll(async () => {
    before = await stateOf(free)
  })

  it('finds no peer where none answers: exit code 4', async () => {
    const port = await closedPort()
    const { exitCode, stdout, stderr } = await free.cis([
      '--json',
      'memory',
      'sync',
      '--peer',
      atPort(appAddress, port)
    ])
    expect(exitCode).toBe(4)
    expect(records(stdout)).toMatchObject([
      { type: 'connecting' },
      { type: 'failed', code: 'TRANSPORT_UNREACHABLE' }
    ])
    const { error } = JSON.parse(stderr) as { error: Told }
    expect(error).toMatchObject({ code: 'CIS_NO_PEER_REACHED', exitCode: 4 })
    expect(error.next.join()).toContain('peers')
  })

  it('dials no address that is none: exit code 2', async () => {
    expect(await refused(free, ['peers', 'add', '/ip4/127.0.0.1/tcp/1'])).toMatchObject({
      code: 'TRANSPORT_BAD_ADDRESS',
      exitCode: 2
    })
  })

  it('does not open the store with the key of another: exit code 5', async () => {
    const key = join(free.home, 'key')
    const right = await readFile(key)
    await copyFile(join(held.home, 'key'), key)
    const wrong = await refused(free, ['memory', 'list'])
    expect(wrong).toMatchObject({ code: 'STORE_WRONG_KEY', exitCode: 5 })
    expect(wrong.kept).toContain('is as it was')
    await writeFile(key, right.subarray(0, 10))
    expect(await refused(free, ['memory', 'list'])).toMatchObject({
      code: 'STORE_KEY_FILE_DAMAGED',
      exitCode: 5
    })
    await writeFile(key, right)
  })

  it('guesses no scope: exit code 2', async () => {
    const elsewhere = await Device.empty(sandbox, 'free', await sandbox.folder('elsewhere'))
    const error = await refused(elsewhere, ['memory', 'list'])
    expect(error).toMatchObject({ code: 'CLI_USAGE', exitCode: 2 })
    expect(error.message).toContain('--scope')
    expect(error.next.join()).toContain('init --scope')
  })

  it('runs no command that it has to guess: exit code 2', async () => {
    for (const args of [
      ['memory', 'sett', 'x', 'y'],
      ['memory', 'set'],
      ['memory', 'list', '--al'],
      ['--scope', 'web', 'memory', 'list']
    ]) {
      expect(await refused(free, args)).toMatchObject({ code: 'CLI_USAGE', exitCode: 2 })
    }
  })

  it('has lost nothing by all of this', async () => {
    expect(await stateOf(free)).toEqual(before)
    expect(await free.must(['memory', 'get', 'notes', '--private'])).toBe(PRIVATE)
  })

  it('settles a conflict once, and says of the second time that it is stale: exit code 6', async () => {
    const [conflict] = records<{ id: string }>(
      (await free.cis(['--json', 'memory', 'conflicts', 'list'])).stdout
    )
    const resolve = ['memory', 'conflicts', 'resolve', conflict?.id ?? '', 'local', '--at', 'contested']
    await free.must(resolve)
    const after = await stateOf(free)
    const stale = await refused(free, resolve)
    expect(stale).toMatchObject({ code: 'CORE_STALE_CONFLICT', exitCode: 6, kept: 'Every version is kept.' })
    expect(stale.next.length).toBeGreaterThan(0)
    expect(await stateOf(free)).toEqual(after)
  })

  it('tells a person the same in words, with the next command to type', async () => {
    const { exitCode, stdout, stderr } = await free.cis(['memory', 'get', 'nowhere'])
    expect({ exitCode, stdout: stdout.toString() }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(
      /^error: nothing public is at nowhere\nNext: .* memory list\nNext: .* memory get --private nowhere\n$/
    )
  })
})
