import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parsePath } from '@cis-memory/core'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  type CisSession,
  homeAt,
  initHome,
  keyFile,
  openMemory,
  openSession,
  type SessionOptions
} from '../src/index.ts'
import { holderOf } from '../src/open-memory.ts'
import { SessionProcess } from './child.ts'
import { temporaryDirectory } from './temporary.ts'

const listen: string[] = []

async function newHome(): Promise<string> {
  const home = join(await temporaryDirectory(), 'home')
  await initHome({ home, space: 'team', device: 'laptop', listen })
  return home
}

async function session(home: string, options: Partial<SessionOptions> = {}): Promise<CisSession> {
  const opened = await openSession({ home, scope: '/acme/web', ...options })
  onTestFinished(() => opened.close())
  return opened
}

describe('openSession', () => {
  it('opens the store when nobody has, and talks to the holder when somebody has', async () => {
    const home = await newHome()
    const first = await session(home)
    const second = await session(home)
    expect([first.via, second.via]).toEqual(['store', 'socket'])
    await first.call('memory.set', { path: 'a', value: { n: 1 } })
    expect(await second.call('memory.get', { path: 'a' })).toMatchObject({ state: 'value', value: { n: 1 } })
  })

  it('reaches the memory of a program that runs, whatever key that has', async () => {
    const directory = join(await temporaryDirectory(), 'app')
    const elsewhere = join(await temporaryDirectory(), 'key')
    await using memory = await openMemory({ directory, key: keyFile(elsewhere), scope: '/acme/web' })
    await memory.public.put('config/timeout', 30)
    const asked = await session(directory)
    expect(asked.via).toBe('socket')
    expect(await asked.call('memory.get', { path: 'config/timeout' })).toMatchObject({ value: 30 })
  })

  it('compresses what it writes unless the configuration says no, and so does openMemory', async () => {
    const home = await newHome()
    const { configFile } = homeAt(home)
    const config = await readFile(configFile, 'utf8')
    await writeFile(configFile, config.replace('compression = true', 'compression = false'))
    const large = 'x'.repeat(5000)
    const asked = await session(home)
    await asked.call('memory.set', { path: 'a', value: large })
    await asked.close()
    const key = keyFile(homeAt(home).keyFile)
    const sizes: number[] = []
    for (const options of [{}, { compression: false }]) {
      await using memory = await openMemory({ directory: home, key, scope: '/acme/web', ...options })
      const paths = options.compression === undefined ? ['a', 'b'] : ['c']
      for (const path of paths) {
        if (path !== 'a') await memory.public.put(path, large)
        const [live] = await holderOf(memory)
          .replica.view('public')
          .live(parsePath(`/acme/web/${path}`))
        sizes.push(live?.stored.cipher.length ?? 0)
      }
    }
    expect(sizes.map((size) => size > large.length)).toEqual([true, false, true])
  })

  it('does the same from another process, errors included', async () => {
    const home = await newHome()
    const here = await session(home)
    await here.call('memory.set', { path: 'config/timeout', value: 30, tags: ['config'] })
    const other = new SessionProcess(home, '/acme/web')
    expect(await other.ready()).toBe('socket')
    const [, items] = await other.ask('stream', 'memory.list')
    expect(items).toMatchObject([{ domain: 'public', read: { path: '/acme/web/config/timeout', value: 30 } }])
    expect(await other.ask('call', 'conflicts.show', { conflict: 'config/timeout' })).toMatchObject([
      'error',
      { code: 'CORE_CONFLICT_NOT_FOUND', name: 'CoreError' }
    ])
    expect(await other.ask('call', 'memory.get', { path: '/other/scope' })).toMatchObject([
      'error',
      { code: 'CORE_BAD_PATH' }
    ])
  })

  it('goes on with the store when the holder ends, and when it is killed', async () => {
    const home = await newHome()
    for (const end of ['close', 'kill'] as const) {
      const holder = new SessionProcess(home, '/acme/web')
      expect(await holder.ready()).toBe('store')
      await holder.ask('call', 'memory.set', { path: end, value: end })
      const here = await session(home)
      expect(here.via).toBe('socket')
      await holder[end]()
      expect(await here.call('memory.get', { path: end })).toMatchObject({ value: end })
      expect(here.via).toBe('store')
      await here.close()
    }
  })

  it('lets many processes write at once, and loses nothing', async () => {
    const home = await newHome()
    const names = ['a', 'b', 'c', 'd']
    await Promise.all(
      names.map(async (name) => {
        const own = new SessionProcess(home, '/acme/web')
        await own.ready()
        expect(await own.ask('call', 'memory.set', { path: name, value: name })).toContain('ok')
        await own.close()
      })
    )
    const paths: string[] = []
    for await (const { read } of (await session(home)).stream('memory.list', {})) paths.push(read.path)
    expect(paths.sort()).toEqual(names.map((name) => `/acme/web/${name}`))
  })

  it('is refused when the holder answers nobody', async () => {
    const home = await newHome()
    const { directory, keyFile: path } = homeAt(home)
    await using _memory = await openMemory({ directory, key: keyFile(path), scope: '/', localSocket: false })
    await expect(openSession({ home })).rejects.toMatchObject({ code: 'STORE_LOCKED', pid: process.pid })
  })

  it('stays in its scope and its domain on either side of the socket', async () => {
    const home = await newHome()
    const whole = await session(home, { scope: undefined })
    expect(whole.scope).toBe('/')
    const narrow = await session(home, { scope: '/acme/web/api', domain: 'public' })
    await whole.call('memory.set', { path: '/acme/web/api/a', value: 1 })
    await whole.call('memory.set', { path: '/acme/web/b', value: 2 })
    await whole.call('memory.set', { path: '/acme/web/api/secret', value: 3, domain: 'private' })
    const seen: string[] = []
    for await (const { read } of narrow.stream('memory.list', {})) seen.push(read.path)
    for await (const { item } of narrow.stream('memory.search', { query: 'secret' }))
      seen.push(item.read.path)
    expect(seen).toEqual(['/acme/web/api/a'])
    for (const [args, code] of [
      [{ path: '/acme/web/b' }, 'CORE_BAD_PATH'],
      [{ path: 'secret', domain: 'private' }, 'CIS_OUTSIDE_SESSION']
    ] as const) {
      await expect(narrow.call('memory.get', args)).rejects.toMatchObject({ code })
    }
    await expect(narrow.call('memory.curate', { path: 'a' })).rejects.toMatchObject({
      code: 'CIS_OUTSIDE_SESSION'
    })
  })

  it.each(['acme', '', '/acme//web', '/acme/../web'])(
    'is refused with the scope %j, on either side',
    async (scope) => {
      const home = await newHome()
      await expect(openSession({ home, scope })).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
      await session(home)
      await expect(openSession({ home, scope })).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    }
  )

  it('is refused with a configuration that says what it may not', async () => {
    const home = await newHome()
    await writeFile(homeAt(home).configFile, '[guard]\nenforce_check = false\n')
    await expect(openSession({ home })).rejects.toMatchObject({ code: 'GUARD_ENFORCEMENT_REQUIRED' })
    await writeFile(homeAt(home).configFile, '[node]\nport = 3\n')
    await expect(openSession({ home })).rejects.toMatchObject({ code: 'CIS_BAD_CONFIG' })
  })

  it('refuses arguments that an operation does not take, naming them', async () => {
    const home = await newHome()
    for (const asked of [await session(home), await session(home)]) {
      const args = { path: 'a', value: 1, colour: 'red' }
      await expect(asked.call('memory.set', args)).rejects.toMatchObject({
        code: 'CIS_BAD_ARGUMENT',
        message: expect.stringContaining('colour')
      })
      await expect(asked.call('memory.unknown' as 'status', {})).rejects.toMatchObject({
        code: 'CIS_BAD_ARGUMENT'
      })
      await expect(asked.call('toString' as 'status', {})).rejects.toMatchObject({ code: 'CIS_BAD_ARGUMENT' })
    }
  })

  it('is refused where there is no home', async () => {
    await expect(openSession({ home: await temporaryDirectory() })).rejects.toMatchObject({
      code: 'CIS_HOME_NOT_FOUND'
    })
  })
})
