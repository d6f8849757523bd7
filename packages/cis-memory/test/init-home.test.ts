import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { homeAt, initHome, keyFile, openMemory, openSession, readConfig } from '../src/index.ts'
import { temporaryDirectory } from './temporary.ts'

async function newDirectory(): Promise<string> {
  return join(await temporaryDirectory(), 'home')
}

describe('initHome', () => {
  it('makes a home with a key, a space and a configuration, for its owner alone', async () => {
    const home = await newDirectory()
    const made = await initHome({ home, space: 'family', device: 'laptop' })
    expect(made).toMatchObject({ home, device: { name: 'laptop' }, space: { name: 'family' } })
    const { keyFile: key, configFile } = homeAt(home)
    for (const file of [key, configFile]) expect((await stat(file)).mode & 0o777).toBe(0o600)
    await using session = await openSession({ home })
    expect(await session.call('node.info', {})).toMatchObject({
      device: { device: made.device.id, name: 'laptop' },
      space: made.space,
      isListening: false
    })
  })

  it('picks a port once and keeps it, so that peers find the device again', async () => {
    const homes = [await newDirectory(), await newDirectory()]
    const chosen = await Promise.all(homes.map((home) => initHome({ home })))
    const ports = chosen.map(({ listen }) => Number(/^\/ip4\/0\.0\.0\.0\/tcp\/(\d+)$/.exec(listen[0]!)?.[1]))
    for (const port of ports) expect(port).toBeGreaterThanOrEqual(20_000)
    expect(ports[0]).not.toBe(ports[1])
    const config = await readConfig(chosen[0]!.configFile)
    expect(config.node.listen).toEqual(chosen[0]!.listen)
  })

  it('explains every line of the configuration it writes', async () => {
    const home = await newDirectory()
    await initHome({ home })
    const text = await readFile(homeAt(home).configFile, 'utf8')
    const lines = text.split('\n')
    for (const [i, line] of lines.entries()) {
      if (/^\w+ = /.test(line)) expect(lines[i - 1], line).toMatch(/^# /)
    }
  })

  it('says so when no home can be made there', async () => {
    const file = join(await temporaryDirectory(), 'file')
    await writeFile(file, '')
    await expect(initHome({ home: join(file, 'home') })).rejects.toMatchObject({
      code: 'CIS_HOME_NOT_WRITABLE'
    })
  })

  it('changes nothing when there is a home', async () => {
    const home = await newDirectory()
    const made = await initHome({ home })
    await expect(initHome({ home, space: 'other' })).rejects.toMatchObject({ code: 'CIS_HOME_EXISTS' })
    await using session = await openSession({ home })
    expect((await session.call('node.info', {})).space).toEqual(made.space)
  })

  it('changes nothing when a program has its memory there', async () => {
    const directory = await newDirectory()
    const key = keyFile(homeAt(directory).keyFile)
    await (await openMemory({ directory, key, scope: '/', spaceName: 'app' })).close()
    await expect(initHome({ home: directory })).rejects.toMatchObject({ code: 'CIS_HOME_EXISTS' })
    await using session = await openSession({ home: directory })
    expect((await session.call('node.info', {})).space.name).toBe('app')
  })

  it('can be tried again after a name that does not do', async () => {
    const home = await newDirectory()
    await expect(initHome({ home, space: '' })).rejects.toMatchObject({ code: 'CORE_BAD_OPTION' })
    expect((await initHome({ home, space: 'second' })).space.name).toBe('second')
  })
})
