/*
 * Conflicts as their owner meets them: two devices that really disagree, the real command in a real terminal.
 */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CisSession, type Conflict, openSession } from 'cis-memory'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { Device, records } from './support/device.ts'
import { Sandbox } from './support/sandbox.ts'
import { Terminal } from './support/terminal.ts'

/** The last of the keys that are offered. */
const HELP = '[?] help'

/** What the slowest of these take on a machine that is busy. */
const SLOW_MS = 120_000
vi.setConfig({ testTimeout: SLOW_MS, hookTimeout: SLOW_MS })

let sandbox: Sandbox
/** The device whose node runs, and one that syncs with it. */
let desktop: Device
let laptop: Device

beforeAll(async () => {
  sandbox = await Sandbox.create()
  desktop = await Device.first(sandbox, 'desktop')
  await desktop.node()
  const code = records<{ code: string }>(await desktop.must(['invite', '--json']))[0]!.code
  laptop = await Device.joined(sandbox, 'laptop', code, desktop)
})
afterAll(() => sandbox[Symbol.asyncDispose]())

/** Asks a device without a process in between. */
async function on<T>(device: Device, work: (session: CisSession) => Promise<T>): Promise<T> {
  await using session = await openSession({ home: device.home, scope: '/acme/web' })
  return await work(session)
}

async function sync(): Promise<void> {
  await on(laptop, async (session) => {
    for await (const event of session.stream('memory.sync', {})) {
      if (event.type === 'failed') throw new Error(event.message)
    }
  })
}

/** Writes on both devices, neither having seen the other; `undefined` deletes. */
async function disagree(
  key: string,
  before: string,
  onDesktop: string | undefined,
  onLaptop: string
): Promise<void> {
  const write = (device: Device, value: string | undefined): Promise<unknown> =>
    on<unknown>(device, (session) =>
      value === undefined
        ? session.call('memory.delete', { path: key })
        : session.call('memory.set', { path: key, value, contentType: 'text/plain' })
    )
  await write(desktop, before)
  await sync()
  await write(desktop, onDesktop)
  await write(laptop, onLaptop)
}

function open(device: Device): Promise<readonly Conflict[]> {
  return on(device, async (session) => {
    const conflicts: Conflict[] = []
    for await (const conflict of session.stream('conflicts.list', {})) conflicts.push(conflict)
    return conflicts
  })
}

const leftovers = async (): Promise<readonly string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('cis-edit-'))

describe('a sync that leaves conflicts, at a terminal', () => {
  it('offers to settle them, one key each, and the other device follows', async () => {
    await disagree('notes/天気', '今日は天気がいい。', '今日は天気が悪い。', '明日は天気がいい。')
    await disagree('old/rule', 'Ask Ana.', undefined, 'Ask Bo.')
    await using terminal = new Terminal(laptop, ['memory', 'sync'], { columns: 140 })
    await terminal.shows('2 conflicts are open. Every version is kept.')
    await terminal.shows('Press s to settle them now')
    terminal.press('s')
    const asked: string[] = []
    for (let left = 2; left > 0; left--) {
      const screen = await terminal.shows(HELP)
      asked.push(screen)
      expect(screen).toContain(`${left} open`)
      terminal.press(screen.includes('old/rule  conflict') ? 'r' : 'l')
    }
    await terminal.shows('None left.')
    expect(await terminal.ended).toBe(0)
    const weather = asked.find((screen) => screen.includes('天気  conflict'))
    expect(weather).toMatch(/\[-明日-\]は天気が\[-いい-\]。 +│ \{\+今日\+\}は天気が\{\+悪い\+\}。/)
    expect(asked.find((screen) => screen.includes('old/rule  conflict'))).toMatch(/Ask .* +│ \(deleted\)/)
    await sync()
    expect(await open(desktop)).toEqual([])
    expect(await desktop.must(['memory', 'get', 'notes/天気'])).toBe('明日は天気がいい。')
    expect((await desktop.cis(['memory', 'get', 'old/rule'])).exitCode).toBe(1)
  })
})

describe('settling at a narrow terminal', () => {
  it('opens the editor on both versions, keeps nothing of it in files, and leaves the terminal as it was', async () => {
    await disagree('deploy/day', 'Tuesday', 'Wednesday', 'Friday')
    await sync()
    const seen = join(sandbox.directory, 'seen')
    const editor = join(sandbox.directory, 'editor.mjs')
    await writeFile(
      editor,
      `import { copyFileSync, writeFileSync } from 'node:fs'
       copyFileSync(process.argv[2], ${JSON.stringify(seen)})
       writeFileSync(process.argv[2], 'Wednesday and Friday\\n')`
    )
    const before = await leftovers()
    const EDITOR = `"${process.execPath}" "${editor}"`
    await using terminal = new Terminal(laptop, ['memory', 'conflicts', 'resolve'], {
      columns: 80,
      env: { EDITOR }
    })
    const screen = await terminal.shows(HELP)
    expect(screen).not.toContain('│')
    for (const line of screen.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    terminal.press('e')
    await terminal.shows('Settled deploy/day: edited. None left.')
    expect(await terminal.ended).toBe(0)
    await sync()
    expect(await readFile(seen, 'utf8')).toBe(
      '<<<<<<< 1 laptop (this device)\nFriday\n||||||| before\nTuesday\n=======\nWednesday\n>>>>>>> 2 desktop\n'
    )
    expect(await leftovers()).toEqual(before)
    expect(await laptop.must(['memory', 'get', 'deploy/day'])).toBe('Wednesday and Friday')
  })

  it('ends on Ctrl-C with everything as it was', async () => {
    await disagree('deploy/day', 'Tuesday', 'Wednesday', 'Friday')
    await sync()
    await using terminal = new Terminal(laptop, ['memory', 'conflicts', 'resolve'], { columns: 80 })
    await terminal.shows(HELP)
    terminal.press('\u0003')
    expect(await terminal.ended).toBe(130)
    expect(await open(laptop)).toHaveLength(1)
    await laptop.must(['memory', 'conflicts', 'resolve', 'deploy/day', 'local'])
    await sync()
  })
})

describe('what was settled', () => {
  it('is taken back on the other device by its id, with who wrote what, and any version can be restored', async () => {
    await disagree('deploy/day', 'Tuesday', 'Wednesday', 'Friday')
    await sync()
    const [conflict] = await open(laptop)
    await laptop.must(['memory', 'conflicts', 'resolve', conflict!.id, 'local'])
    await sync()
    expect(await desktop.must(['memory', 'conflicts', 'list', '--settled'])).toContain(conflict!.id)
    await desktop.must(['memory', 'conflicts', 'undo', conflict!.id])
    await sync()
    for (const device of [desktop, laptop]) {
      const shown = await device.must(['memory', 'conflicts', 'show', 'deploy/day'])
      expect(shown).toContain('It was settled, and the settlement was undone.')
      expect(shown).toMatch(/desktop[^\n]*\n {2}\S*Wednesday/)
      expect(shown).toMatch(/laptop[^\n]*\n {2}\S*Friday/)
    }
    const [again] = await open(desktop)
    await desktop.must(['memory', 'conflicts', 'resolve', again!.id, 'both'])
    const history = records<{ entryId: string; value: string }>(
      await desktop.must(['memory', 'history', 'deploy/day', '--json'])
    )
    const first = history.find(({ value }) => value === 'Tuesday')
    await desktop.must(['memory', 'restore', 'deploy/day', first!.entryId.slice(0, 8)])
    await sync()
    expect(await laptop.must(['memory', 'get', 'deploy/day'])).toBe('Tuesday')
  })

  it('is not settled again by who saw it before: exit code 6, and what is there now', async () => {
    await disagree('deploy/day', 'Tuesday', 'Wednesday', 'Friday')
    await sync()
    const [{ id } = { id: '' }] = await open(desktop)
    await laptop.must(['memory', 'conflicts', 'resolve', id, 'local'])
    await sync()
    const late = await desktop.cis(['memory', 'conflicts', 'resolve', id, 'local'])
    expect(late.exitCode).toBe(6)
    expect(late.stderr).toMatch(/deploy\/day has been settled since\. It is now:\n +Friday +laptop/)
    const undone = await desktop.cis(['memory', 'conflicts', 'undo', id])
    expect(undone.exitCode).toBe(0)
    await desktop.must(['memory', 'conflicts', 'resolve', 'deploy/day', '--value', 'Monday'])
    expect((await desktop.cis(['memory', 'conflicts', 'undo', id])).exitCode).toBe(6)
  })
})

describe('very many conflicts', () => {
  /** As much as a heap of this size cannot hold at once, twice over. */
  const HEAP_MB = 32
  const VALUE_CHARACTERS = 250_000
  const CONFLICTS = 150

  it('are settled in bulk without being held in memory, and synced', async () => {
    for (const device of [desktop, laptop]) {
      await on(device, async (session) => {
        for (let i = 0; i < CONFLICTS; i++) {
          const value = `${device.name} ${i} ${'x'.repeat(VALUE_CHARACTERS)}`
          await session.call('memory.set', { path: `bulk/${i}`, value })
        }
      })
    }
    await sync()
    const args = ['memory', 'conflicts', 'resolve-all', 'local', '--match', 'bulk/**']
    const child = laptop.start(args, { env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` } })
    child.end()
    const { exitCode, stderr } = await child.ended
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(`Settled ${CONFLICTS} of`)
    })
    await sync()
    expect(await open(desktop)).toEqual([])
    expect(await desktop.must(['memory', 'get', 'bulk/7'])).toMatch(/^laptop 7 /)
  })
})
