import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defaultConfigText, parseConfig, readConfig } from '../../src/config/config.ts'
import { temporaryDirectory } from '../temporary.ts'

async function problem(text: string): Promise<unknown> {
  try {
    return await parseConfig('config.toml', text)
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return `${code} ${message}`
  }
}

describe('config.toml', () => {
  it('is complete without a word in it', async () => {
    expect(await parseConfig('config.toml', '')).toEqual({
      device: { name: undefined },
      node: { listen: [], mdns: false, bootstrap: [], share: ['/'] },
      guard: { enforceCheck: true },
      storage: { durability: 'disk' }
    })
  })

  it('means what init writes', async () => {
    const listen = ['/ip4/0.0.0.0/tcp/41234']
    expect(await parseConfig('config.toml', defaultConfigText({ device: 'Ann "laptop"\n', listen }))).toEqual(
      {
        device: { name: 'Ann "laptop"\n' },
        node: { listen, mdns: true, bootstrap: [], share: ['/'] },
        guard: { enforceCheck: true },
        storage: { durability: 'disk' }
      }
    )
  })

  it.each([
    ['[node]\n\nmdns = "yes"', 'config.toml:3: node.mdns must be true or false'],
    ['[storage]\ndurability = "ssd"', 'config.toml:2: storage.durability must be "disk" or "os"'],
    [
      'node.listen = [\n  "localhost:80"\n]',
      'config.toml:1: node.listen must be a list of addresses such as'
    ],
    [
      '[node]\nlisten = "/ip4/0.0.0.0/tcp/1"',
      'config.toml:2: node.listen must be a list of addresses such as'
    ],
    ['[node]\nshare = ["acme"]', 'config.toml:2: node.share must be a list of scopes such as'],
    ['[device]\nname = ""', 'config.toml:2: device.name must be a text that is not empty'],
    ['node = 3', 'config.toml:1: node must be a section'],
    ['[node]\nlisen = []', 'config.toml:2: node.lisen is not an option. Did you mean node.listen?'],
    ['[gaurd]\nenforce_check = true', 'config.toml:1: gaurd is not an option. Did you mean guard?'],
    [
      '[memory.conflict]\nmode = "manual"',
      'config.toml:1: memory is not an option. Known: device.name, node.listen, node.mdns'
    ],
    ['a = \n', 'config.toml:1: ']
  ])('names line, key and what is allowed: %j', async (text, message) => {
    expect(await problem(text)).toContain(`CIS_BAD_CONFIG ${message}`)
  })

  it('tells every problem at once, in the order of the file', async () => {
    const text = '[storage]\ndurability = 1\n[node]\nshare = 2\nmdns = 3\n'
    expect(String(await problem(text)).match(/config\.toml:\d+/g)).toEqual([
      'config.toml:2',
      'config.toml:4',
      'config.toml:5'
    ])
  })

  it.each(['false', '"true"', '0', '{}'])('does not start with enforce_check = %s', async (value) => {
    expect(await problem(`[guard]\nenforce_check = ${value}`)).toContain(
      'GUARD_ENFORCEMENT_REQUIRED config.toml:2: guard.enforce_check'
    )
  })

  it('is read from its file; without one everything is as by default', async () => {
    const file = join(await temporaryDirectory(), 'config.toml')
    expect(await readConfig(file)).toEqual(await parseConfig(file, ''))
    await writeFile(file, '[node]\nmdns = true\n')
    expect((await readConfig(file)).node.mdns).toBe(true)
    await writeFile(file, '#'.repeat(70_000))
    await expect(readConfig(file)).rejects.toMatchObject({ code: 'CIS_BAD_CONFIG', file })
  })
})
