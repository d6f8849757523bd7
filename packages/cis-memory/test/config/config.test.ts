import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defaultConfigText, parseConfig, readConfig } from '../../src/config/config.ts'
import { lineOfKey } from '../../src/config/locate.ts'
import { temporaryDirectory } from '../temporary.ts'

const MODEL = '[ai]\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "small"\n'
const DAY_MS = 24 * 60 * 60 * 1000

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
      guard: { enforceCheck: true, auditRetentionMs: 90 * DAY_MS },
      storage: { durability: 'disk' },
      memory: { compression: true, conflict: { policies: [] }, history: {}, notify: [] },
      ai: undefined
    })
  })

  it('means what init writes', async () => {
    const listen = ['/ip4/0.0.0.0/tcp/41234']
    expect(await parseConfig('config.toml', defaultConfigText({ device: 'Ann "laptop"\n', listen }))).toEqual(
      {
        device: { name: 'Ann "laptop"\n' },
        node: { listen, mdns: true, bootstrap: [], share: ['/'] },
        guard: { enforceCheck: true, auditRetentionMs: 90 * DAY_MS },
        storage: { durability: 'disk' },
        memory: {
          compression: true,
          conflict: { mode: 'manual', policies: [], retentionMs: 90 * DAY_MS },
          history: { keepDays: 90, keepVersions: 10 },
          notify: []
        },
        ai: undefined
      }
    )
  })

  it('explains every option in what init writes', async () => {
    const text = defaultConfigText({ device: 'a', listen: [] })
    const sections = ['', '[device]', '[node]', '[guard]', '[storage]', '[memory]', '[memory.conflict]']
    sections.push('[memory.history]', '[[memory.policy]]', '[ai]')
    for (const section of sections) {
      const known = String(await problem(`${section}\nnosuchoptionever = 1`)).match(/Known: (.*)/)?.[1]
      for (const key of known?.split(', ') ?? ['none']) {
        expect(text, `${section} ${key}`).toMatch(
          new RegExp(`^(# )?(${key} = |\\[+(memory\\.)?${key}\\])`, 'm')
        )
      }
    }
  })

  it('means the same when what it only shows is uncommented', async () => {
    const shown = defaultConfigText({ device: 'a', listen: [] }).replace(/^# (?=\w+ = |\[)/gm, '')
    expect(
      await parseConfig(
        '/home/ana/.cis/config.toml',
        shown.replace('mode = "manual"', 'mode = "ai_merge"').replace('"auto_lww"\n', '"ai_merge"\n')
      )
    ).toMatchObject({
      memory: {
        conflict: {
          mode: 'ai_merge',
          auto: true,
          alertOpen: 20,
          policies: [{ mode: 'ai_merge', auto: true }]
        }
      },
      ai: {
        baseUrl: 'https://api.openai.com/v1',
        apiKeyFile: '/home/ana/.cis/ai-key',
        timeoutMs: 60_000
      }
    })
  })

  it('says how long it is on record what agents were given', async () => {
    const { guard } = await parseConfig('config.toml', '[guard]\naudit_retention_days = 7')
    expect(guard.auditRetentionMs).toBe(7 * DAY_MS)
  })

  it('says what becomes of conflicts, everywhere and for some memories', async () => {
    const text = `
[memory.conflict]
mode = "keep_all"
conflict_window_secs = 30
conflict_retention_days = 7
notify = ["tell", "--json"]
alert_open = 10
alert_per_day = 20

[[memory.policy]]
scope = "/acme/web"
pattern = "log/**"
resolution = "auto_lww"

[[memory.policy]]
resolution = "manual"
`
    expect((await parseConfig('config.toml', text)).memory).toEqual({
      compression: true,
      conflict: {
        mode: 'keep_all',
        policies: [{ mode: 'auto_lww', scope: '/acme/web', pattern: 'log/**' }, { mode: 'manual' }],
        windowMs: 30_000,
        retentionMs: 7 * DAY_MS,
        alertOpen: 10,
        alertPerDay: 20
      },
      history: {},
      notify: ['tell', '--json']
    })
  })

  it('takes what the guide on conflicts shows', async () => {
    const guide = await readFile(new URL('../../../../docs/guide/conflicts.md', import.meta.url), 'utf8')
    const shown = [...guide.matchAll(/^```toml\n([\s\S]*?)^```/gm)].map((match) => match[1] as string)
    expect(shown).toHaveLength(3)
    for (const text of shown) expect(await problem(text)).toMatchObject({ guard: { enforceCheck: true } })
  })

  it('announces nothing on the network for a device that only this machine can reach', async () => {
    const mdnsWith = async (listen: readonly string[]): Promise<boolean> =>
      (await parseConfig('config.toml', defaultConfigText({ device: 'a', listen }))).node.mdns
    expect(await mdnsWith(['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/0'])).toBe(false)
    expect(await mdnsWith(['/ip4/127.0.0.1/tcp/0', '/ip4/0.0.0.0/tcp/0'])).toBe(true)
  })

  it.each([
    ['[node]\n\nmdns = "yes"', 'config.toml:3: node.mdns must be true or false'],
    ['[storage]\ndurability = "ssd"', 'config.toml:2: storage.durability must be "disk" or "os"'],
    [
      'node.listen = [\n  "localhost:80"\n]',
      'config.toml:1: node.listen[0] must be an address such as "/ip4/'
    ],
    [
      '[node]\nlisten = "/ip4/0.0.0.0/tcp/1"',
      'config.toml:2: node.listen must be a list of addresses such as'
    ],
    ['[node]\nshare = ["acme"]', 'config.toml:2: node.share[0] must be a scope such as'],
    [
      '[memory.conflict]\nmode = "newest"',
      'config.toml:2: memory.conflict.mode must be "manual" or "auto_lww" or "keep_all" or "ai_merge"'
    ],
    [
      '[memory.conflict]\n\nnotify = "tell"',
      'config.toml:3: memory.conflict.notify must be a program with its arguments'
    ],
    ['[memory.conflict]\nnotify = []', 'config.toml:2: memory.conflict.notify must be a program'],
    [
      '[memory.conflict]\nconflict_retention_days = 0.5',
      'config.toml:2: memory.conflict.conflict_retention_days must be a whole number'
    ],
    [
      '[memory.conflict]\nretention_days = 1',
      'config.toml:2: memory.conflict.retention_days is not known. Known: mode, auto, conflict_window_secs'
    ],
    [
      '[[memory.policy]]\nresolution = "manual"\n[[memory.policy]]\nscope = "acme"\nresolution = "manual"',
      'config.toml:4: memory.policy[1].scope must be a scope such as'
    ],
    ['[[memory.policy]]\npattern = "*"', 'config.toml:1: memory.policy[0].resolution is missing: it must be'],
    ['[memory.conflict]\nauto = true', 'config.toml:2: memory.conflict.auto goes with "ai_merge" alone'],
    [
      '[[memory.policy]]\nresolution = "keep_all"\nauto = true',
      'config.toml:3: memory.policy[0].auto goes with "ai_merge" alone'
    ],
    ['[ai]\nmodel = "small"', 'config.toml:1: ai.base_url is missing: it says where the model is, such as'],
    [
      '[ai]\nbase_url = "https://example.org"',
      'config.toml:1: ai.model is missing: it says which model is asked'
    ],
    ['[ai]\nmodel = "small"\nbase_url = "example.org"', 'config.toml:3: ai.base_url must be a URL such as'],
    [
      '[ai]\nbase_url = "http://example.org/v1"\nmodel = "small"',
      'config.toml:2: ai.base_url must be https, unless the model runs on this machine'
    ],
    [
      `${MODEL}api_key_file = "~/key"`,
      'config.toml:4: ai.api_key_file must be a path, absolute or from the folder of this file on'
    ],
    [`${MODEL}timeout_secs = 0`, 'config.toml:4: ai.timeout_secs must be at least 1'],
    [`${MODEL}timeout_secs = 86400`, 'config.toml:4: ai.timeout_secs must be at most 3600'],
    [
      '[ai]\napi_key = "sk-1"',
      'config.toml:2: ai.api_key is not known. Known: base_url, model, api_key_file, timeout_secs'
    ],
    ['[memory.history]\nkeep_days = 29', 'config.toml:2: memory.history.keep_days must be at least 30'],
    [
      '[memory.history]\nkeep_versions = -1',
      'config.toml:2: memory.history.keep_versions must be at least 0'
    ],
    ['[memory]\ncompression = "off"', 'config.toml:2: memory.compression must be true or false'],
    ['[device]\nname = ""', 'config.toml:2: device.name must not be empty'],
    ['node = 3', 'config.toml:1: node must be a table'],
    ['[node]\nlisen = []', 'config.toml:2: node.lisen is not known. Did you mean listen?'],
    ['[gaurd]\nenforce_check = true', 'config.toml:1: gaurd is not known. Did you mean guard?'],
    [
      '[interface]\nlanguage = "en"',
      'config.toml:1: interface is not known. Known: device, node, guard, storage, memory, ai'
    ],
    ['a = \n', 'config.toml:1: ']
  ])('names line, key and what is allowed: %j', async (text, message) => {
    expect(await problem(text)).toContain(`CIS_BAD_CONFIG ${message}`)
  })

  it('finds the line of a key in a list of tables', () => {
    const text = 'a = 1\n[[memory.policy]]\nmode = 1\n\n[[memory.policy]]\nscope = "/"\nmode = 2\n[node]\n'
    expect(lineOfKey(text, ['memory', 'policy', '0', 'mode'])).toBe(3)
    expect(lineOfKey(text, ['memory', 'policy', '1', 'mode'])).toBe(7)
    expect(lineOfKey(text, ['memory', 'policy', '1', 'absent'])).toBe(5)
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
