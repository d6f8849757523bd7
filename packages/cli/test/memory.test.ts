import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EntryId, Read, SetResult, Version, Written } from 'cis-memory/session'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { cis, conflict, failure, NOW, type Scene, version } from './harness.ts'

const PATH = '/acme/web/deploy/day'

function valueRead(fields: Partial<Version> = {}): Read {
  const shown = version(fields)
  return {
    state: 'value',
    path: PATH,
    base: [shown.entryId],
    value: shown.value ?? null,
    version: shown,
    settledBy: undefined
  }
}

function contested(): Read {
  return { state: 'conflict', path: PATH, base: [], conflict: conflict() }
}

function reads(read: Read): Scene {
  return { calls: { 'memory.get': () => read } }
}

function written(fields: Partial<Written> = {}): Written {
  return { path: PATH, entryId: 'c'.repeat(32) as EntryId, replaced: [], ...fields }
}

function stores(replaced?: Version): Scene {
  const result: SetResult = { written: written(), replaced }
  return { calls: { 'memory.set': () => result } }
}

describe('memory get', () => {
  const get = (scene: Scene, ...flags: string[]) => cis(['memory', 'get', 'deploy/day', ...flags], scene)

  it('prints text into a pipe exactly as it is stored', async () => {
    const value = 'no line feed, an escape \u001b[31m and a tab\t'
    const { exitCode, stdout, stderr } = await get(reads(valueRead({ value })))
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: value, stderr: '' })
  })

  it('says when a policy decided what is read, on standard error and as JSON', async () => {
    const settledBy = { mode: 'auto_lww', conflict: conflict() } as const
    const scene: Scene = {
      calls: { 'memory.get': () => ({ state: 'absent', path: 'x', base: [], settledBy }) }
    }
    const { stderr } = await get(scene)
    expect(stderr).toContain('The policy auto_lww of this device decided between 2 versions.')
    expect(stderr).toContain('Next: cis memory conflicts show k7q2m4x9p3ab')
    const { records } = await get(scene, '--json')
    expect(records()).toMatchObject([
      { policy: { mode: 'auto_lww', conflictId: 'k7q2m4x9p3ab', versions: 2 } }
    ])
  })

  it('prints bytes into a pipe exactly as they are stored', async () => {
    const { stdout } = await get(reads(valueRead({ value: Uint8Array.of(0, 255, 10, 27) })))
    expect(Buffer.from(stdout, 'latin1')).toEqual(Buffer.of(0, 255, 10, 27))
  })

  it('prints other JSON as one line', async () => {
    expect((await get(reads(valueRead({ value: 30 })))).stdout).toBe('30\n')
    expect((await get(reads(valueRead({ value: { a: [1, null] } })))).stdout).toBe('{"a":[1,null]}\n')
  })

  it('makes text harmless on a terminal, and ends its line', async () => {
    const scene = { ...reads(valueRead({ value: '\u001b[2Jhello' })), isTerminal: true }
    expect((await get(scene)).stdout).toBe('␛[2Jhello\n')
  })

  it('does not send bytes to a terminal', async () => {
    const scene = { ...reads(valueRead({ value: Uint8Array.of(27) })), isTerminal: true }
    const { exitCode, stdout, stderr } = await get(scene)
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('memory get deploy/day > FILE')
  })

  it('prints everything about the value as one JSON object', async () => {
    const { records } = await get(reads(valueRead({ agent: 'reviewer' })), '--json')
    expect(records()).toEqual([
      expect.objectContaining({
        domain: 'public',
        path: PATH,
        state: 'value',
        value: 'Tuesday',
        version: expect.objectContaining({ agent: 'reviewer', writtenAt: '2026-03-01T09:25:00.000Z' })
      })
    ])
  })

  it('fails when nothing is there, and says where to look', async () => {
    const absent: Read = { state: 'absent', path: PATH, base: [], settledBy: undefined }
    const { exitCode, stdout, stderr } = await get(reads(absent))
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toContain('Next: cis memory list')
    const json = await get(reads(absent), '--json')
    expect(json.exitCode).toBe(1)
    expect(json.records()).toMatchObject([{ state: 'absent' }])
  })

  it('prefers no version of a contested memory: exit code 3, nothing on standard output', async () => {
    const { exitCode, stdout, stderr } = await get(reads(contested()))
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' })
    expect(stderr).toContain('We deploy on Tuesday')
    expect(stderr).toContain('We deploy on Friday')
    expect(stderr).toContain('Next: cis memory conflicts show k7q2m4x9p3ab')
    const json = await get(reads(contested()), '--json')
    expect(json.exitCode).toBe(3)
    expect(json.records()).toMatchObject([{ state: 'conflict', conflict: { id: 'k7q2m4x9p3ab' } }])
  })

  it('opens only the domain it reads from', async () => {
    expect((await get(reads(valueRead()), '--private')).opened).toMatchObject([{ domain: 'private' }])
    expect((await get(reads(valueRead()))).opened).toMatchObject([{ domain: 'public' }])
  })
})

describe('memory set', () => {
  const set = (argv: string[], scene: Scene = stores()) => cis(['memory', 'set', ...argv], scene)

  it('stores what was typed as text', async () => {
    const { exitCode, stdout, asked } = await set(['deploy/day', '30', '--tag', 'a', 'b', '--category', 'c'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' })
    expect(asked).toEqual([
      [
        'memory.set',
        {
          path: 'deploy/day',
          domain: 'public',
          value: '30',
          contentType: 'text/plain',
          category: 'c',
          tags: ['a', 'b']
        }
      ]
    ])
  })

  it('stores JSON as itself, and refuses what is not JSON before anything is opened', async () => {
    const { asked } = await set(['limits', '{"timeout": 30}', '--type', 'json'])
    expect(asked).toMatchObject([['memory.set', { value: { timeout: 30 }, contentType: undefined }]])
    const bad = await set(['limits', '{timeout}', '--type', 'json'])
    expect(bad.exitCode).toBe(2)
    expect(bad.opened).toEqual([])
  })

  it.each([[['deploy/day', '-']], [['deploy/day']]])('reads standard input exactly: %j', async (argv) => {
    const { asked } = await set(argv, { ...stores(), stdin: 'line\n天気\n' })
    expect(asked).toMatchObject([['memory.set', { value: 'line\n天気\n' }]])
  })

  it('takes no value for an empty one only where that is said', async () => {
    const { exitCode, stderr, asked } = await set(['deploy/day'], { ...stores(), stdin: '' })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('no value was given')
    expect(asked).toEqual([])
    for (const argv of [
      ['deploy/day', ''],
      ['deploy/day', '-']
    ]) {
      const { asked } = await set(argv, { ...stores(), stdin: '' })
      expect(asked).toMatchObject([['memory.set', { value: '' }]])
    }
  })

  it('asks nothing of a terminal that gives no value', async () => {
    const { exitCode, stderr, asked } = await set(['deploy/day'], { ...stores(), isTerminal: true })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('pipe')
    expect(asked).toEqual([])
  })

  it('takes values that begin with a hyphen after --', async () => {
    const { asked } = await set(['--private', '--', 'temperature', '-5'])
    expect(asked).toMatchObject([['memory.set', { path: 'temperature', value: '-5', domain: 'private' }]])
  })

  it('says what it replaced, and whose it was', async () => {
    const { stderr } = await set(['deploy/day', 'x'], stores(version()))
    expect(stderr).toContain('Tuesday  laptop, 5 minutes ago')
    const json = await set(['deploy/day', 'x', '--json'], stores(version()))
    expect(json.stderr).toBe('')
    expect(json.records()).toMatchObject([{ path: PATH, replacedVersion: { value: 'Tuesday' } }])
  })

  it('is silent about success with --quiet', async () => {
    const { stdout, stderr } = await set(['deploy/day', 'x', '--quiet'])
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' })
  })

  it('says with --dry-run what it would do, and writes nothing', async () => {
    for (const [read, would, exitCode] of [
      [{ state: 'absent', path: PATH, base: [], settledBy: undefined }, 'create', 0],
      [valueRead(), 'replace', 0],
      [contested(), 'refuse', 3]
    ] as const) {
      const run = await set(['deploy/day', 'x', '--dry-run', '--json'], reads(read))
      expect(run.exitCode).toBe(exitCode)
      expect(run.records()).toMatchObject([{ dryRun: true, would }])
      expect(run.asked.map(([name]) => name)).toEqual(['memory.get'])
    }
  })

  it('does not write to a contested memory', async () => {
    const calls = {
      'memory.set': () => {
        throw failure('CORE_CONTESTED', { conflictId: 'k7q2m4x9p3ab' })
      }
    }
    expect((await set(['deploy/day', 'x'], { calls })).exitCode).toBe(3)
  })

  describe('with files', () => {
    let folder: string
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'cis-cli-'))
      await writeFile(join(folder, 'notes.md'), '# Notes\n')
      await writeFile(join(folder, 'data.json'), '{"a": 1}')
      await writeFile(join(folder, 'pixel.png'), Uint8Array.of(137, 80))
      await writeFile(join(folder, 'broken.txt'), Uint8Array.of(0xff, 0xfe))
    })
    afterAll(() => rm(folder, { recursive: true }))

    it.each([
      ['notes.md', { value: '# Notes\n', contentType: 'text/markdown' }],
      ['data.json', { value: { a: 1 }, contentType: undefined }],
      ['pixel.png', { value: Buffer.of(137, 80), contentType: 'image/png' }]
    ])('stores %s as what it is', async (file, stored) => {
      const { asked } = await set(['k', join(folder, file), '--type', 'file'])
      expect(asked).toMatchObject([['memory.set', stored]])
    })

    it('refuses a text file that is not text, and a file that is not there', async () => {
      expect((await set(['k', join(folder, 'broken.txt'), '--type', 'file'])).exitCode).toBe(2)
      const gone = await set(['k', join(folder, 'gone.md'), '--type', 'file', '--json'])
      expect(gone.exitCode).toBe(1)
      expect(JSON.parse(gone.stderr)).toMatchObject({ error: { code: 'CLI_UNREADABLE_FILE' } })
    })
  })
})

describe('memory delete', () => {
  it('says what was there and how to bring it back', async () => {
    const calls = { 'memory.delete': () => ({ written: written(), deleted: version() }) }
    const { exitCode, stderr } = await cis(['memory', 'delete', 'deploy/day'], { calls })
    expect(exitCode).toBe(0)
    expect(stderr).toContain('Tuesday')
    expect(stderr).toContain('memory conflicts undo deploy/day')
  })

  it('is done when nothing is there', async () => {
    const calls = { 'memory.delete': () => ({ written: undefined, deleted: undefined }) }
    const { exitCode, records } = await cis(['memory', 'delete', 'deploy/day', '--json'], { calls })
    expect(exitCode).toBe(0)
    expect(records()).toMatchObject([{ isDeleted: false }])
  })
})

describe('memory list and search', () => {
  const items = [
    { domain: 'public', read: valueRead() },
    {
      domain: 'private',
      read: valueRead({ value: '\u001b[2J天気\nin two lines', deviceName: 'desk\u0007top' })
    },
    { domain: 'public', read: contested() }
  ] as never

  it('print one memory a line, tab-separated, with nothing a terminal acts on', async () => {
    const { stdout } = await cis(['memory', 'list'], { streams: { 'memory.list': () => items } })
    expect(stdout.split('\n')).toEqual([
      'deploy/day\tpublic\tTuesday\tlaptop\t2026-03-01T09:25:00.000Z',
      'deploy/day\tprivate\t␛[2J天気 in two lines\tdesk␇top\t2026-03-01T09:25:00.000Z',
      'deploy/day\tpublic\tcontested: 2 versions\tdesktop, laptop\t2026-03-01T07:30:00.000Z',
      ''
    ])
  })

  it('print a table on a terminal', async () => {
    const scene = { streams: { 'memory.list': () => items }, isTerminal: true, columns: 80 }
    const { stdout } = await cis(['memory', 'list'], { ...scene, env: { NO_COLOR: '1' } })
    expect(stdout.split('\n')[0]).toMatch(/^key +domain +value +device +written$/)
    expect(stdout).toContain('5 minutes ago')
  })

  it.each([true, false])(
    'sort what is listed by name, and leave what is found in the order of its rank (on a terminal: %s)',
    async (isTerminal) => {
      const [b10, a, b9] = ['b10', 'a', 'b9'].map((path) => ({
        domain: 'public',
        read: { ...valueRead(), path: `/acme/web/${path}` }
      })) as never[]
      const streams = {
        'memory.list': () => [b10, a, b9] as never,
        'memory.search': () => [b10, a, b9].map((item) => ({ item, score: 1 })) as never
      }
      const keys = async (...argv: string[]): Promise<(string | undefined)[]> => {
        const { stdout } = await cis(['memory', ...argv], { streams, isTerminal, env: { NO_COLOR: '1' } })
        const [first, second, third, fourth] = stdout.split('\n').map((line) => line.split(/\s/)[0])
        return isTerminal ? [second, third, fourth] : [first, second, third]
      }
      expect(await keys('list')).toEqual(['a', 'b9', 'b10'])
      expect(await keys('search', 'x')).toEqual(['b10', 'a', 'b9'])
    }
  )

  it('print one object a line as JSON', async () => {
    const { records } = await cis(['memory', 'list', '--json'], { streams: { 'memory.list': () => items } })
    expect(records()).toMatchObject([{ state: 'value' }, { domain: 'private' }, { state: 'conflict' }])
  })

  it('hand over prefix, words and limit', async () => {
    const streams = { 'memory.list': () => [], 'memory.search': () => [] }
    const list = await cis(['memory', 'list', 'config', '--private'], { streams })
    expect(list.asked).toEqual([['memory.list', { prefix: 'config', domain: 'private' }]])
    const search = await cis(['memory', 'search', 'deploy', 'day', '--limit', '5'], { streams })
    expect(search.asked).toEqual([
      ['memory.search', { query: 'deploy day', limit: 5, prefix: undefined, domain: undefined }]
    ])
  })

  it('name the next command when there is nothing', async () => {
    const streams = { 'memory.list': () => [], 'memory.search': () => [] }
    const list = await cis(['memory', 'list'], { streams })
    expect(list.stdout).toBe('')
    expect(list.stderr).toContain('Next: cis memory set KEY VALUE')
    const search = await cis(['memory', 'search', 'x'], { streams })
    expect(search.stderr).toContain('Next: cis memory list')
  })
})

describe('memory history', () => {
  it('tells live versions from replaced ones', async () => {
    const streams = {
      'memory.history': () => [
        { version: version({ writtenAt: NOW, value: 'Friday', agent: 'reviewer' }), isLive: true },
        {
          version: version({ digit: 'b', kind: 'deleted', value: undefined, isOverwrite: true }),
          isLive: false
        }
      ]
    }
    const { stdout } = await cis(['memory', 'history', 'deploy/day'], { streams })
    expect(stdout.split('\n')).toEqual([
      `2026-03-01T09:30:00.000Z\tlive\tFriday\tlaptop, agent reviewer\t${'a'.repeat(32)}`,
      `2026-03-01T09:25:00.000Z\treplaced\t(deleted)\tlaptop, overwrote unseen\t${'b'.repeat(32)}`,
      ''
    ])
    const json = await cis(['memory', 'history', 'deploy/day', '--json'], { streams })
    expect(json.records()).toMatchObject([
      { isLive: true, value: 'Friday', isOverwrite: false },
      { kind: 'deleted', isOverwrite: true }
    ])
  })

  it('deletes old versions of a whole scope, or says what it would delete', async () => {
    const cleaned = { memories: 1, versions: 12, bytes: 4200, unproven: 3 }
    const calls = { 'memory.cleanHistory': () => cleaned }
    const done = await cis(['memory', 'history', '--clean'], { calls })
    expect(done.stderr).toContain(
      'Deleted 12 old versions of 1 memory (4.2 kB).\n3 older versions not counted'
    )
    const promised = await cis(['memory', 'history', '--clean', '--dry-run'], { calls })
    expect(promised.stderr).toContain('Would delete 12 old versions')
    expect(promised.stderr).toContain('Next: cis memory history --clean')
    const none = { 'memory.cleanHistory': () => ({ memories: 0, versions: 0, bytes: 0, unproven: 0 }) }
    expect((await cis(['memory', 'history', '--clean'], { calls: none })).stderr).toContain(
      'Nothing to delete'
    )
    const json = await cis(['memory', 'history', '--clean', '--private', '--dry-run', '--json'], { calls })
    expect(json.records()).toEqual([{ dryRun: true, ...cleaned }])
    expect([done, promised, json].map(({ asked }) => asked)).toEqual([
      [['memory.cleanHistory', { domain: undefined, dryRun: false }]],
      [['memory.cleanHistory', { domain: undefined, dryRun: true }]],
      [['memory.cleanHistory', { domain: 'private', dryRun: true }]]
    ])
  })

  it.each([[[]], [['deploy/day', '--clean']]])('wants a key or --clean, and not both: %j', async (given) => {
    const { exitCode, asked } = await cis(['memory', 'history', ...given], {})
    expect([exitCode, asked]).toEqual([2, []])
  })
})
