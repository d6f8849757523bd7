import { chmod, mkdir, readdir, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { deviceIdentity } from '@cis-memory/core'
import { openLevelStore } from '@cis-memory/store/level'
import { joinWithCode } from '@cis-memory/transport'
import { describe, expect, it } from 'vitest'
import {
  createNode,
  homeAt,
  initHome,
  joinHome,
  keyFile,
  nodeRuntime,
  openMemory,
  openSession
} from '../src/index.ts'
import { collect, type Device, openDevice } from './devices.ts'
import { temporaryDirectory } from './temporary.ts'

const listen = ['/ip4/127.0.0.1/tcp/0']

async function newDirectory(): Promise<string> {
  return join(await temporaryDirectory(), 'some', 'home')
}

/** A device that invites. */
async function inviter(space = 'team'): Promise<Device> {
  const home = await newDirectory()
  await initHome({ home, space, listen })
  return openDevice(home)
}

async function invite({ session }: Device, expiresInMs?: number): Promise<string> {
  const [event] = await collect(session.stream('invite', { expiresInMs }))
  if (event?.type !== 'code') throw new Error('there is no code')
  return event.code
}

/** What a join that cannot succeed is asked with, and what it says. */
const REFUSALS: ReadonlyArray<[name: string, code: string, token: () => Promise<string>]> = [
  ['is none', 'CORE_INVITATION_INVALID', async () => 'cis1-nonsense'],
  [
    'has admitted another',
    'CORE_INVITATION_USED',
    async () => {
      const token = await invite(await inviter())
      await joinHome({ home: await newDirectory(), code: token, listen })
      return token
    }
  ],
  [
    'has expired',
    'CORE_INVITATION_EXPIRED',
    async () => {
      const device = await inviter()
      await invite(device)
      return invite(device, 1)
    }
  ],
  [
    'leads nowhere',
    'TRANSPORT_UNREACHABLE',
    async () => {
      const device = await inviter()
      const token = await invite(device)
      await device.session.close()
      return token
    }
  ]
]

describe('joinHome', () => {
  it.each(REFUSALS)('with a code that %s makes nothing, not even a directory', async (_name, code, token) => {
    const home = await newDirectory()
    await expect(joinHome({ home, code: await token(), listen })).rejects.toMatchObject({ code })
    expect(await readdir(join(home, '..', '..'))).toEqual([])
  })

  it.each(REFUSALS)('with a code that %s leaves a directory as it was', async (_name, code, token) => {
    const home = await temporaryDirectory()
    await writeFile(join(home, 'mine'), 'mine')
    await chmod(home, 0o755)
    await expect(joinHome({ home, code: await token(), listen })).rejects.toMatchObject({ code })
    expect(await readdir(home)).toEqual(['mine'])
    expect((await stat(home)).mode & 0o777).toBe(0o755)
  })

  it('goes on with a store whose device was admitted when its answer got lost', async () => {
    const laptop = await inviter()
    const code = await invite(laptop)
    const home = await newDirectory()
    const { directory, storeDirectory, keyFile: file } = homeAt(home)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const store = await openLevelStore({
      directory: storeDirectory,
      key: keyFile(file),
      durability: 'disk',
      createIfMissing: true
    })
    const deviceKey = await deviceIdentity(store, nodeRuntime())
    const lost = new Error('lost')
    const joining = joinWithCode({ deviceKey, name: 'desktop', code, adopt: () => Promise.reject(lost) })
    await expect(joining).rejects.toBe(lost)
    await store.close()
    const joined = await joinHome({ home, code, listen })
    expect(joined).toMatchObject({ device: { id: deviceKey.id }, space: { name: 'team' } })
  })

  it('goes on with a home that was not complete yet, and nobody else does', async () => {
    const [laptop, other] = [await inviter(), await inviter('other')]
    const code = await invite(laptop)
    const home = await newDirectory()
    const { peersFile } = homeAt(home)
    // The space is there when peers are to be written down.
    await mkdir(peersFile, { recursive: true, mode: 0o700 })
    await chmod(home, 0o700)
    await expect(joinHome({ home, code, device: 'desktop', listen })).rejects.toMatchObject({
      code: 'EISDIR'
    })
    await rmdir(peersFile)
    const isInUse = { code: 'CIS_HOME_EXISTS' }
    await expect(initHome({ home })).rejects.toMatchObject(isInUse)
    await expect(joinHome({ home, code: await invite(other) })).rejects.toMatchObject(isInUse)
    // It is a member already, so the inviter need not even be there.
    await laptop.session.close()
    const joined = await joinHome({ home, code, listen })
    expect(joined).toMatchObject({ device: { name: 'desktop' }, space: { name: 'team' }, listen })
    expect((await readdir(home)).sort()).toEqual(['config.toml', 'key', 'peers.json', 'store'])
    await using session = await openSession({ home })
    expect(await collect(session.stream('peers.list', {}))).toMatchObject([
      { role: 'admin', addresses: [expect.stringContaining('/ip4/127.0.0.1/')] }
    ])
    await expect(joinHome({ home, code })).rejects.toMatchObject(isInUse)
  })

  it('does not touch the memory of a program, even with a code of its own space', async () => {
    const directory = await newDirectory()
    const key = keyFile(homeAt(directory).keyFile)
    const memory = await openMemory({ directory, key, scope: '/' })
    const node = await createNode({ memory, listen })
    const { code } = await node.invite()
    await memory.close()
    const before = await readdir(directory)
    for (const token of [code, await invite(await inviter())]) {
      const joining = joinHome({ home: directory, code: token })
      await expect(joining).rejects.toMatchObject({ code: 'CIS_HOME_EXISTS' })
    }
    expect(await readdir(directory)).toEqual(before)
  })
})

describe('initHome', () => {
  it('goes on with a home that was not complete yet, and nobody else does', async () => {
    const home = await newDirectory()
    const { peersFile } = homeAt(home)
    await mkdir(peersFile, { recursive: true, mode: 0o700 })
    await chmod(home, 0o700)
    await expect(initHome({ home, space: 'first' })).rejects.toMatchObject({ code: 'EISDIR' })
    await rmdir(peersFile)
    const code = await invite(await inviter())
    await expect(joinHome({ home, code })).rejects.toMatchObject({ code: 'CIS_HOME_EXISTS' })
    expect((await initHome({ home, listen })).space.name).toBe('first')
    expect((await readdir(home)).sort()).toEqual(['config.toml', 'key', 'store'])
  })
})
