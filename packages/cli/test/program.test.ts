import { describe, expect, it } from 'vitest'
import { cis, failure, type Scene } from './harness.ts'

describe('the command line', () => {
  it('prints help to standard output and is done', async () => {
    for (const argv of [[], ['--help'], ['help'], ['memory', 'set', '--help']]) {
      const { exitCode, stdout, stderr, opened } = await cis(argv)
      expect(exitCode).toBe(0)
      expect(stdout).toContain('Usage: cis')
      expect(stderr).toBe('')
      expect(opened).toEqual([])
    }
  })

  it('prints its version', async () => {
    const { exitCode, stdout } = await cis(['--version'])
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('explains a group without its command, as a usage error', async () => {
    const { exitCode, stdout, stderr } = await cis(['memory', 'conflicts'])
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toContain('resolve')
  })

  it.each([
    [['memry'], 'memory'],
    [['memory', 'conflict'], 'conflicts'],
    [['memory', 'list', '--privat'], '--private'],
    [['status', '--jsno'], '--json']
  ])('corrects a typo in the message without running the guess: %j', async (argv, meant) => {
    const { exitCode, stderr, asked } = await cis(argv)
    expect(exitCode).toBe(2)
    expect(stderr).toContain(`Did you mean ${meant}?`)
    expect(asked).toEqual([])
  })

  it.each([
    [['memory', 'get']],
    [['memory', 'get', 'a', 'b']],
    [['memory', 'set', 'a', 'b', '--type', 'yaml']],
    [['memory', 'sync', '--push', '--pull']],
    [['memory', 'search', 'x', '--limit', '0']],
    [['memory', 'list', '--private', '--public']],
    [['invite', '--expires', 'soon']]
  ])('answers misuse with exit code 2 and does nothing: %j', async (argv) => {
    const { exitCode, stdout, stderr, asked } = await cis(argv)
    expect(exitCode).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^error: /)
    expect(asked).toEqual([])
  })

  it('tells failures as one JSON object on standard error when data is JSON', async () => {
    for (const argv of [
      ['--json', 'memory', 'get'],
      ['memory', 'get', '--json']
    ]) {
      const { exitCode, stdout, stderr } = await cis(argv)
      expect(exitCode).toBe(2)
      expect(stdout).toBe('')
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'CLI_USAGE', exitCode: 2 } })
    }
  })

  it('takes global options before and after the command', async () => {
    const scene = {
      calls: { 'memory.get': () => ({ state: 'absent', path: 'x', base: [], settledBy: undefined }) as const }
    }
    for (const argv of [
      ['--home', '/h', '--scope', '/s', 'memory', 'get', 'x'],
      ['memory', 'get', 'x', '--home', '/h', '--scope', '/s']
    ]) {
      const { opened } = await cis(argv, scene)
      expect(opened).toMatchObject([{ home: '/h', scope: '/s' }])
    }
  })

  it('finds the home in --home, then CIS_HOME, then the user directory', async () => {
    const scene = {
      calls: { 'memory.get': () => ({ state: 'absent', path: 'x', base: [], settledBy: undefined }) as const }
    }
    const home = async (argv: string[], env = {}): Promise<string | undefined> =>
      (await cis([...argv, 'memory', 'get', 'x'], { ...scene, env })).opened[0]?.home
    expect(await home(['--home', 'here'], { CIS_HOME: '/elsewhere' })).toBe('/project/here')
    expect(await home([], { CIS_HOME: '/elsewhere' })).toBe('/elsewhere')
    expect(await home([])).toBe('/people/ana/.cis')
    expect(await home([], { CIS_HOME: '' })).toBe('/people/ana/.cis')
  })

  it('takes no other home for one that was named by nothing', async () => {
    const { exitCode, opened } = await cis(['--home', '', 'memory', 'get', 'x'])
    expect({ exitCode, opened }).toEqual({ exitCode: 2, opened: [] })
  })

  it('stops where no scope is named, and says how to name one', async () => {
    const { exitCode, stderr, opened } = await cis(['memory', 'list'], { projectScope: undefined })
    expect(exitCode).toBe(2)
    expect(stderr).toContain('--scope PATH')
    expect(stderr).toContain('Next: cis init --scope /team/project')
    expect(opened).toEqual([])
  })

  it('refuses a scope that is not absolute, and shows the one that was probably meant', async () => {
    const { exitCode, stderr } = await cis(['memory', 'list', '--scope', 'acme/web'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('--scope /acme/web')
  })

  it.each([
    ['CORE_BAD_PATH', 2],
    ['CORE_CONTESTED', 3],
    ['GUARD_CONFLICT_PENDING', 3],
    ['CIS_NO_PEER_REACHED', 4],
    ['STORE_LOCKED', 5],
    ['STORE_WRONG_KEY', 5],
    ['CORE_STALE_BASE', 6],
    ['CORE_STALE_CONFLICT', 6],
    ['STORE_CORRUPT_ROW', 1],
    ['SOMETHING_NEW', 1]
  ])('turns %s into exit code %i', async (code, expected) => {
    const calls = {
      'memory.get': () => {
        throw failure(code)
      }
    }
    const { exitCode, stderr, closed } = await cis(['memory', 'get', 'x'], { calls })
    expect(exitCode).toBe(expected)
    expect(stderr).toContain(`it failed with ${code}`)
    expect(closed).toBe(1)
  })

  it('says what was kept and what to do next, with the flags of this run', async () => {
    const calls = {
      'memory.set': () => {
        throw failure('CORE_CONTESTED', { conflictId: 'k7q2m4x9p3ab' })
      }
    }
    const argv = ['--home', '/my home', '--scope', '/acme/web', 'memory', 'set', 'a', 'b']
    const { stderr } = await cis(argv, { calls })
    expect(stderr).toContain('Every version is kept.')
    expect(stderr).toContain(
      "Next: cis --home '/my home' --scope /acme/web memory conflicts show k7q2m4x9p3ab"
    )
  })

  it('shows no colour in a pipe, with NO_COLOR, or on a dumb terminal', async () => {
    const color = '\u001b['
    const argv = ['memory', 'get']
    expect((await cis(argv, { isTerminal: true })).stderr).toContain(color)
    expect((await cis(argv)).stderr).not.toContain(color)
    expect((await cis(argv, { isTerminal: true, env: { NO_COLOR: '1' } })).stderr).not.toContain(color)
    expect((await cis(argv, { isTerminal: true, env: { TERM: 'dumb' } })).stderr).not.toContain(color)
  })

  it.each([
    [['invite']],
    [['join', 'TOKEN']],
    [['memory', 'sync']],
    [['memory', 'broadcast', 'x']],
    [['memory', 'conflicts', 'undo', 'x']],
    [['node', 'run']],
    [['peers', 'add', '/ip4/127.0.0.1/tcp/1']],
    [['peers', 'remove', 'laptop']],
    [['demo']]
  ])('refuses --dry-run where it would do the thing: %j', async (argv) => {
    const { exitCode, stderr, asked } = await cis([...argv, '--dry-run'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('has no --dry-run')
    expect(asked).toEqual([])
  })
})

describe('help', () => {
  it('fits a terminal of 80 columns, groups with long names included', async () => {
    for (const command of [[], ['memory'], ['memory', 'conflicts'], ['memory', 'set'], ['invite']]) {
      const argv = [...command, '--help']
      const { stdout } = await cis(argv, { isTerminal: true, columns: 80 })
      expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    }
  })

  it('offers --dry-run where it says something', async () => {
    const offers = async (...argv: string[]): Promise<boolean> =>
      (await cis([...argv, '--help'])).stdout.includes('--dry-run')
    expect(await offers('memory', 'set')).toBe(true)
    expect(await offers('memory', 'import')).toBe(true)
    expect(await offers('memory', 'get')).toBe(false)
    expect(await offers('node', 'run')).toBe(false)
    const { exitCode, stderr } = await cis(['node', 'run', '--dry-run'])
    expect(exitCode).toBe(2)
    expect(stderr).toContain('node run has no --dry-run; nothing was done')
  })

  it('is suggested for the command that was misused', async () => {
    expect((await cis(['--home', '/h', 'memory', 'set'])).stderr).toContain('Next: cis memory set --help\n')
    expect((await cis(['memory', 'sett'])).stderr).toContain('Next: cis memory --help\n')
  })
})

describe('what is said on a terminal', () => {
  it('is broken between words, and commands are not broken at all', async () => {
    const scene = { isTerminal: true, columns: 40, projectScope: undefined, env: { NO_COLOR: '1' } }
    const { stderr } = await cis(['--home', '/a/directory/with/a/long/name', 'memory', 'get', 'x'], scene)
    const lines = stderr.trimEnd().split('\n')
    expect(lines.at(-1)).toMatch(/^Next: cis --home .* init --scope \/team\/project$/)
    expect(lines.slice(0, -1).every((line) => line.length <= 40)).toBe(true)
    expect(lines.slice(0, -1).join(' ')).toContain('which scope this directory belongs to.')
  })
})

describe('a suggested command', () => {
  const contested = {
    calls: {
      'memory.set': () => {
        throw failure('CORE_CONTESTED', { path: 'a', conflictId: 'k7q2m4x9p3ab' })
      },
      'peers.add': () => ({ address: '/ip4/127.0.0.1/tcp/1/p2p/12D3', isMember: true })
    }
  } satisfies Scene

  it('has the home and the scope that this one was given', async () => {
    const { stderr } = await cis(
      ['--home', '/h', '--scope', '/acme/my app', 'memory', 'set', 'a', '1'],
      contested
    )
    expect(stderr).toContain(
      "Next: cis --home /h --scope '/acme/my app' memory conflicts show k7q2m4x9p3ab\n"
    )
  })

  it('names no scope where a file says it, and the whole space where none does', async () => {
    const add = ['peers', 'add', '/ip4/127.0.0.1/tcp/1/p2p/12D3']
    expect((await cis(add, contested)).stderr).toContain('Next: cis memory sync\n')
    const nowhere = { ...contested, projectScope: undefined }
    expect((await cis(add, nowhere)).stderr).toContain('Next: cis --scope / memory sync\n')
  })

  it("takes the place of the one in a guard's refusal, which knows neither", async () => {
    const refusal = Object.assign(
      new Error('a conflict; start with:\ncis memory conflicts resolve k7q2m4x9p3ab'),
      {
        code: 'GUARD_CONFLICT_PENDING',
        notifications: [{ id: 'k7q2m4x9p3ab' }]
      }
    )
    const calls: Scene['calls'] = {
      'memory.get': () => {
        throw refusal
      }
    }
    const { exitCode, stderr } = await cis(['--home', '/h', 'memory', 'get', 'a'], { calls })
    expect(exitCode).toBe(3)
    expect(stderr.split('cis')).toHaveLength(2)
    expect(stderr).toContain('Next: cis --home /h memory conflicts resolve k7q2m4x9p3ab\n')
  })
})
