import { open, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RealHome } from './real-command.ts'

describe('the real command on one device', () => {
  let device: RealHome
  beforeAll(async () => {
    device = await RealHome.init()
  })
  afterAll(() => device[Symbol.asyncDispose]())

  it('wrote a scope file that is to be committed', async () => {
    expect(await readFile(join(device.directory, '.cis.toml'), 'utf8')).toContain('scope = "/acme/web"')
  })

  it('gives a value back exactly, from process to process', async () => {
    const text = 'two lines\n天気 \u001b[31m and no line feed'
    expect((await device.cis(['memory', 'set', 'exact', '-'], text)).exitCode).toBe(0)
    const { exitCode, stdout, stderr } = await device.cis(['memory', 'get', 'exact'])
    expect({ exitCode, stdout: stdout.toString(), stderr }).toEqual({ exitCode: 0, stdout: text, stderr: '' })
  })

  it('gives bytes back exactly', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await device.cis(['memory', 'set', 'bytes', '-', '--type', 'file'], bytes)
    expect((await device.cis(['memory', 'get', 'bytes'])).stdout).toEqual(Buffer.from(bytes))
  })

  it('replaces what is there and keeps it in history', async () => {
    await device.must('memory', 'set', 'deploy/day', 'Tuesday')
    const second = await device.cis(['memory', 'set', 'deploy/day', 'Friday'])
    expect(second.stderr).toContain('Tuesday')
    const history = (await device.must('memory', 'history', 'deploy/day', '--json')).trim().split('\n')
    expect(history.map((line) => JSON.parse(line))).toMatchObject([
      { isLive: true, value: 'Friday' },
      { isLive: false, value: 'Tuesday' }
    ])
    await device.must('memory', 'conflicts', 'undo', 'deploy/day')
    expect(await device.must('memory', 'get', 'deploy/day')).toBe('Tuesday')
  })

  it('keeps the domains apart', async () => {
    await device.must('memory', 'set', 'here/only', 'mine', '--private')
    expect((await device.cis(['memory', 'get', 'here/only'])).exitCode).toBe(1)
    expect(await device.must('memory', 'get', 'here/only', '--private')).toBe('mine')
    expect(await device.must('memory', 'list', 'here', '--public')).toBe('')
  })

  it('imports Markdown once, however often it is told to', async () => {
    const file = join(device.directory, 'NOTES.md')
    await writeFile(file, '# Setup\n\nRun it.\n\n# 天気\n\n晴れ。\n')
    const dry = await device.must('memory', 'import', 'NOTES.md', '--dry-run', '--json')
    expect(dry.trim().split('\n')).toHaveLength(2)
    expect((await device.cis(['memory', 'get', 'notes/setup'])).exitCode).toBe(1)
    const first = (await device.must('memory', 'import', 'NOTES.md', '--json')).trim().split('\n')
    expect(first.map((line) => JSON.parse(line).outcome)).toEqual(['created', 'created'])
    const again = (await device.must('memory', 'import', 'NOTES.md', '--json')).trim().split('\n')
    expect(again.map((line) => JSON.parse(line).outcome)).toEqual(['unchanged', 'unchanged'])
    expect(await device.must('memory', 'search', '晴れ')).toContain('天気')
  })

  it('deletes, and says so once', async () => {
    await device.must('memory', 'set', 'gone', 'x')
    await device.must('memory', 'delete', 'gone')
    expect((await device.cis(['memory', 'get', 'gone'])).exitCode).toBe(1)
    expect((await device.cis(['memory', 'delete', 'gone'])).stderr).toContain('nothing was changed')
  })

  it('curates into the private domain', async () => {
    await device.must('memory', 'set', 'style/tone', 'short sentences')
    await device.must('curate', 'style/tone')
    expect(await device.must('memory', 'get', 'style/tone', '--private')).toBe('short sentences')
  })

  it.each([
    ['../outside', 2],
    ['a//b', 2],
    ['/acme/website/x', 2],
    ['with\u0007bell', 2],
    ['', 2]
  ])('refuses the path %j and writes nothing', async (path, expected) => {
    const { exitCode, stderr } = await device.cis(['memory', 'set', path, 'x'])
    expect(exitCode).toBe(expected)
    expect(stderr).toMatch(/^error: /)
  })

  it('refuses a value over the limit', async () => {
    const { exitCode, stderr } = await device.cis(['memory', 'set', 'large', '-'], 'x'.repeat(1_100_000))
    expect(exitCode).toBe(2)
    expect(stderr).toContain('nothing was written')
  })

  it('reaches nobody where there is nobody', async () => {
    expect((await device.cis(['memory', 'sync'])).exitCode).toBe(4)
    await device.must('memory', 'set', 'news', 'x')
    expect((await device.cis(['memory', 'broadcast', 'news'])).exitCode).toBe(4)
  })

  it('shows its state as JSON', async () => {
    const status = JSON.parse(await device.must('status', '--json'))
    expect(status).toMatchObject({ scope: '/acme/web', openConflicts: 0, peers: { known: 0 } })
  })

  it('works through the process that has the store open', async () => {
    await using node = await device.node()
    await device.must('memory', 'set', 'through/socket', 'yes')
    expect(await device.must('memory', 'get', 'through/socket')).toBe('yes')
    expect(JSON.parse(await device.must('status', '--json'))).toMatchObject({
      pid: node.pid,
      isListening: true
    })
    const second = await device.cis(['node', 'run'])
    expect(second.exitCode).toBe(5)
  })

  it('says so when its output cannot be written', async () => {
    await using readOnly = await open(join(device.home, 'config.toml'), 'r')
    const { exitCode, stderr } = await device.cis(['status'], '', { stdout: readOnly.fd })
    expect(exitCode).toBe(1)
    expect(stderr).toMatch(/^error: standard output cannot be written to \(EBADF\)/)
  })

  it('ends quietly when the reader of its pipe leaves', async () => {
    expect((await device.cis(['memory', 'set', 'long', '-'], 'x'.repeat(900_000))).exitCode).toBe(0)
    const { exitCode, stderr } = await device.cis(['memory', 'get', 'long'], '', { leavesEarly: true })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })
})

describe('the real command without a home', () => {
  it('says how to begin', async () => {
    await using device = await RealHome.create()
    const { exitCode, stdout, stderr } = await device.cis(['status'])
    expect(exitCode).toBe(1)
    expect(stdout.length).toBe(0)
    expect(stderr).toContain('init --space NAME')
    expect(stderr).toContain('join TOKEN')
  })

  it('says that the key does not fit with exit code 5, and touches nothing', async () => {
    await using device = await RealHome.init()
    await device.must('memory', 'set', 'a', 'b')
    await using other = await RealHome.init()
    const key = join(device.home, 'key')
    const right = await readFile(key)
    await writeFile(key, await readFile(join(other.home, 'key')))
    const { exitCode } = await device.cis(['memory', 'get', 'a'])
    expect(exitCode).toBe(5)
    await writeFile(key, right)
    expect(await device.must('memory', 'get', 'a')).toBe('b')
  })
})

describe('the real command on two devices', () => {
  it('joins, disagrees, settles, goes stale and converges', async () => {
    await using laptop = await RealHome.init()
    await using desktop = await RealHome.create()
    await using node = await laptop.node()
    expect(node.addresses.length).toBeGreaterThan(0)

    await laptop.must('memory', 'set', 'deploy/day', 'Tuesday')
    const code = await laptop.must('invite')
    await laptop.must('invite') // so that strangers are still listened to after the first was used
    const join = ['join', '-', '--device', 'desktop', '--listen', '/ip4/127.0.0.1/tcp/0']
    expect((await desktop.cis(join, code)).exitCode).toBe(0)
    const scope = ['--scope', '/acme/web']
    expect(await desktop.must(...scope, 'memory', 'get', 'deploy/day')).toBe('Tuesday')
    const peers = (await laptop.must('peers', 'list', '--json')).trim().split('\n')
    expect(peers.map((line) => JSON.parse(line))).toMatchObject([{ name: 'desktop' }])

    await using stranger = await RealHome.create()
    const used = await stranger.cis(['--json', ...join], code)
    expect(used.exitCode).toBe(1)
    expect(JSON.parse(used.stderr)).toMatchObject({ error: { code: 'CORE_INVITATION_USED' } })

    await laptop.must('memory', 'set', 'deploy/day', 'Wednesday')
    await desktop.must(...scope, 'memory', 'set', 'deploy/day', 'Friday')
    const sync = await desktop.cis([...scope, 'memory', 'sync', '--json'])
    expect(sync.exitCode).toBe(3)
    const events = sync.stdout.toString().trim().split('\n')
    expect(JSON.parse(events.at(-1)!)).toMatchObject({ type: 'done', openConflicts: 1 })

    const [listed] = (await desktop.cis([...scope, 'memory', 'conflicts', 'list', '--json'])).stdout
      .toString()
      .split('\n')
    const { id } = JSON.parse(listed!) as { id: string }
    const onLaptop = await laptop.cis(['memory', 'conflicts', 'list', '--json'])
    expect(onLaptop.exitCode).toBe(3)
    expect(JSON.parse(onLaptop.stdout.toString())).toMatchObject({ id, path: expect.stringContaining('day') })
    expect((await laptop.cis(['memory', 'get', 'deploy/day'])).exitCode).toBe(3)
    expect((await laptop.cis(['memory', 'set', 'deploy/day', 'Monday'])).exitCode).toBe(3)
    const shown = await laptop.must('memory', 'conflicts', 'show', 'deploy/day')
    expect(shown).toContain('Wednesday')
    expect(shown).toContain('Friday')

    await laptop.must('memory', 'conflicts', 'resolve', id, 'local', '--at', 'deploy/day')
    const stale = ['memory', 'conflicts', 'resolve', id, 'remote', '--at', 'deploy/day']
    expect((await laptop.cis(stale)).exitCode).toBe(6)
    await desktop.must(...scope, 'memory', 'sync')
    expect(await desktop.must(...scope, 'memory', 'get', 'deploy/day')).toBe('Wednesday')
    expect((await desktop.cis([...scope, ...stale])).exitCode).toBe(6)

    await desktop.must(...scope, 'memory', 'conflicts', 'undo', 'deploy/day')
    expect((await desktop.cis([...scope, 'memory', 'conflicts', 'list'])).exitCode).toBe(3)
  }, 60_000)
})
