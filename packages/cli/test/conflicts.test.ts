import type { EntryId, ResolveArguments } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, conflict, failure, type Run, type Scene, shown, shows, version } from './harness.ts'

const ID = 'k7q2m4x9p3ab'

function settles(remaining = 0): NonNullable<Scene['calls']> {
  return {
    ...shows(),
    'conflicts.resolve': ({ id }: ResolveArguments) => ({
      conflictId: id,
      path: '/acme/web/deploy/day',
      entryId: 'd'.repeat(32) as EntryId,
      alsoWritten: []
    }),
    'conflicts.count': () => remaining
  }
}
describe('conflicts list', () => {
  const list = (conflicts: ReturnType<typeof conflict>[], scene: Scene = {}, ...flags: string[]) =>
    cis(['memory', 'conflicts', 'list', ...flags], {
      ...scene,
      streams: { 'conflicts.list': () => conflicts }
    })

  it('is done when there are none', async () => {
    const { exitCode, stdout, stderr } = await list([])
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' })
    expect(stderr).toContain('No conflicts')
  })

  it('ends with exit code 3 when there are any, one a line', async () => {
    const { exitCode, stdout, stderr } = await list([conflict()])
    expect(exitCode).toBe(3)
    expect(stdout).toBe(`${ID}\tdeploy/day\t/acme/web\tedit\tdesktop, laptop\t2026-03-01T07:30:00.000Z\t2\n`)
    expect(stderr).toContain(`Next: cis memory conflicts show ${ID}`)
  })

  it('is a table on a terminal', async () => {
    const scene = { isTerminal: true, columns: 140, env: { NO_COLOR: '1' } }
    const { stdout } = await list([conflict()], scene)
    expect(stdout.split('\n')[0]).toMatch(/^conflict +key +scope +kind +devices +found +versions$/)
    expect(stdout).toContain('2 hours ago')
  })

  it('prints every version as JSON', async () => {
    const { exitCode, records } = await list([conflict()], {}, '--json')
    expect(exitCode).toBe(3)
    expect(records()).toMatchObject([
      {
        id: ID,
        kind: 'edit',
        scope: '/acme/web',
        versions: [{ isLocal: true }, { value: 'We deploy on Friday' }]
      }
    ])
  })
})

describe('conflicts show', () => {
  const show = (scene: Scene) => cis(['memory', 'conflicts', 'show', ID], scene)

  it('shows every version with who and when, the words that differ, and what to type', async () => {
    const ancestor = version({ digit: 'e', value: 'We deploy' })
    const { exitCode, stdout, stderr } = await show({ calls: shows({ ancestor }) })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('desktop (this device), 5 minutes ago')
    expect(stdout).toContain('We deploy on [-Tuesday-]')
    expect(stdout).toContain('We deploy on {+Friday+}')
    expect(stdout).toMatch(/before .*\nlaptop, 5 minutes ago/)
    expect(stderr).toContain(`cis memory conflicts resolve ${ID} local --at deploy/day`)
    expect(stderr).toContain(`cis memory conflicts resolve ${ID} remote --at deploy/day`)
  })

  it('puts two versions next to each other where there is room', async () => {
    const scene = { calls: shows(), isTerminal: true, env: { NO_COLOR: '1' } }
    const wide = await show({ ...scene, columns: 140 })
    expect(wide.stdout).toMatch(/We deploy on \[-Tuesday-\] +│ We deploy on \{\+Friday\+\}/)
    const narrow = await show({ ...scene, columns: 80 })
    expect(narrow.stdout).not.toContain('│')
  })

  it('offers ids where local and remote would be ambiguous', async () => {
    const versions = ['a', 'b', 'c'].map((digit) => version({ digit, value: digit }))
    const { stderr } = await show({ calls: shows({ conflict: conflict({ versions }) }) })
    expect(stderr).toContain(`resolve ${ID} bbbbbbbb`)
    expect(stderr).not.toContain(`resolve ${ID} local`)
  })

  it('shows kinds that have no text', async () => {
    const versions = [
      version({ kind: 'deleted', value: undefined }),
      version({ digit: 'b', kind: 'unreadable', value: undefined }),
      version({ digit: 'c', kind: 'document', value: Uint8Array.of(1, 2) })
    ]
    const { stdout } = await show({ calls: shows({ conflict: conflict({ kind: 'unreadable', versions }) }) })
    expect(stdout).toContain('(deleted)')
    expect(stdout).toContain('(cannot be opened')
    expect(stdout).toContain('(a document, 2 B)')
  })

  it('says which policy decides it, and who wrote what an undo brought back', async () => {
    const { stdout } = await show({ calls: shows({ policy: 'auto_lww' }) })
    expect(stdout).toContain('The policy auto_lww of this device reads the latest of them.')
    const versions = [version({ value: 'x' }), version({ value: 'y', index: 1 })]
    const origins = [version({ deviceName: 'tablet' }), version({ deviceName: 'desktop', isLocal: true })]
    const reopened = { conflict: conflict({ kind: 'reopened', versions }), origins }
    const { stdout: shownAgain } = await show({ calls: shows(reopened) })
    expect(shownAgain).toMatch(
      /1 local {2}aaaaaaaa\.1\ndesktop \(this device\)[\s\S]*2 remote {2}aaaaaaaa\.0\ntablet/
    )
  })

  it('makes versions harmless on a terminal', async () => {
    const versions = [version({ value: '\u001b[2Ja' }), version({ digit: 'b', value: 'b\u001b]0;x\u0007' })]
    const scene = { isTerminal: true, env: { NO_COLOR: '1' } }
    for (const columns of [80, 140]) {
      const calls = shows({ conflict: conflict({ versions }) })
      const { stdout } = await show({ ...scene, calls, columns })
      expect(stdout).not.toContain('\u001b')
      expect(stdout).not.toContain('\u0007')
    }
  })
})

describe('conflicts resolve', () => {
  const resolve = (argv: string[], scene: Scene = { calls: settles() }) =>
    cis(['memory', 'conflicts', 'resolve', ...argv], scene)
  const resolution = ({ asked }: Run) =>
    asked.find(([name]) => name === 'conflicts.resolve')?.[1] as ResolveArguments | undefined
  const choiceOf = async (argv: string[]) => resolution(await resolve([ID, ...argv]))?.choice

  it('hands over each choice', async () => {
    expect(await choiceOf(['local'])).toEqual({ keep: 'local' })
    expect(await choiceOf(['remote'])).toEqual({ keep: 'remote' })
    expect(await choiceOf(['both'])).toEqual({ keep: 'both' })
    expect(await choiceOf(['delete'])).toEqual({ delete: true })
    expect(await choiceOf(['bbbb'])).toEqual({ keep: 'b'.repeat(32), index: 0 })
    expect(await choiceOf(['--value', 'Friday'])).toEqual({ value: 'Friday', contentType: 'text/plain' })
    expect(await choiceOf(['--value', '[1]', '--type', 'json'])).toEqual({ value: [1] })
  })

  it('tells the values of one entry apart by their number', async () => {
    const versions = [version({ value: 'x' }), version({ value: 'y', index: 1 })]
    const calls = { ...settles(), ...shows({ conflict: conflict({ kind: 'reopened', versions }) }) }
    for (const index of [0, 1]) {
      const run = await resolve([ID, `aaaaaaaa.${index}`], { calls })
      expect(resolution(run)?.choice).toEqual({ keep: 'a'.repeat(32), index })
    }
    expect((await resolve([ID, 'aaaaaaaa'], { calls })).exitCode).toBe(2)
  })

  it('sends the id that was shown and where it was shown', async () => {
    const run = await resolve([ID, 'local', '--at', 'deploy/day'])
    expect(resolution(run)).toMatchObject({ id: ID, path: 'deploy/day' })
  })

  it('takes the key instead of the id', async () => {
    const { asked } = await resolve(['deploy/day', 'local'])
    expect(asked).toMatchObject([
      ['conflicts.show', { conflict: 'deploy/day' }],
      ['conflicts.resolve', { id: ID, path: '/acme/web/deploy/day' }],
      ['conflicts.count', {}]
    ])
  })

  it('says how many are left', async () => {
    const { stderr } = await resolve([ID, 'local'], { calls: settles(2) })
    expect(stderr).toContain('2 conflicts left')
    expect((await resolve([ID, 'local'])).stderr).toContain('No conflict is left')
    expect((await resolve([ID, 'local', '--json'])).records()).toMatchObject([
      { conflictId: ID, remaining: 0 }
    ])
  })

  it('settles nothing with --dry-run', async () => {
    const { exitCode, asked } = await resolve([ID, 'local', '--dry-run'])
    expect(exitCode).toBe(0)
    expect(asked.map(([name]) => name)).toEqual(['conflicts.show'])
  })

  it('asks for a choice instead of making one', async () => {
    const { exitCode, stderr, asked } = await resolve([ID])
    expect(exitCode).toBe(2)
    expect(stderr).toContain(`resolve ${ID} local`)
    expect(asked.map(([name]) => name)).toEqual(['conflicts.show'])
  })

  it.each([[['mine']], [['local', '--value', 'x']], [['--tool', 'meld', '--value', 'x']], [['cccc']]])(
    'refuses %j',
    async (argv) => {
      const { exitCode, asked } = await resolve([ID, ...argv])
      expect(exitCode).toBe(2)
      expect(asked.filter(([name]) => name === 'conflicts.resolve')).toEqual([])
    }
  )

  it('ends with exit code 6 when the conflict is another by now', async () => {
    const calls: Scene['calls'] = {
      'conflicts.show': () => {
        throw failure('CORE_CONFLICT_NOT_FOUND')
      },
      'conflicts.resolve': () => {
        throw failure('CORE_STALE_CONFLICT', { path: 'deploy/day', currentId: 'zzzzzzzzzzzz' })
      },
      'memory.get': () => ({ state: 'conflict', path: 'deploy/day', base: [], conflict: conflict() })
    }
    const { exitCode, stderr } = await resolve([ID, 'local', '--at', 'deploy/day'], { calls })
    expect(exitCode).toBe(6)
    expect(stderr).toContain('deploy/day has changed since it was shown:')
    expect(stderr).toContain('We deploy on Friday')
    expect(stderr).toContain('Next: cis memory conflicts show zzzzzzzzzzzz')
  })

  it('says what became of a conflict that is settled by now, and that one never was', async () => {
    const gone = () => {
      throw failure('CORE_CONFLICT_NOT_FOUND')
    }
    const read = { path: '/acme/web/deploy/day', base: [], settledBy: undefined }
    const settled: Scene['calls'] = {
      'conflicts.show': gone,
      'conflicts.resolve': () => {
        throw failure('CORE_STALE_CONFLICT', { path: '/acme/web/deploy/day', currentId: undefined })
      },
      'memory.get': () => ({
        ...read,
        state: 'value',
        value: 'Monday',
        version: version({ value: 'Monday' })
      })
    }
    const late = await resolve([ID, 'local'], { calls: settled })
    expect(late.exitCode).toBe(6)
    expect(late.stderr).toContain(
      'deploy/day has been settled since. It is now:\n    Monday  laptop, 5 minutes ago'
    )
    const deleted: Scene['calls'] = { ...settled, 'memory.get': () => ({ ...read, state: 'absent' }) }
    expect((await resolve([ID, 'local'], { calls: deleted })).stderr).toContain(
      'settled since: it is deleted'
    )
    const never = await resolve([ID, 'local'], {
      calls: { 'conflicts.show': gone, 'conflicts.resolve': gone }
    })
    expect(never.exitCode).toBe(1)
    expect(never.stderr).toContain('Next: cis memory conflicts list')
  })
})

describe('a conflict that is named by its id', () => {
  const scene: Scene = {
    calls: {
      'conflicts.show': () => shown(),
      'conflicts.undo': () => ({ path: '/acme/web/a', entryId: 'd'.repeat(32) as never, replaced: [] }),
      'memory.get': () => ({ state: 'absent', path: '/acme/web/a', base: [], settledBy: undefined })
    },
    projectScope: undefined
  }
  const scopes = async (words: readonly string[], given: Scene = scene): Promise<unknown[]> =>
    (await cis(['memory', 'conflicts', ...words], given)).opened.map(({ scope }) => scope)

  it.each([['show'], ['undo'], ['resolve']])(
    'needs no scope to %s it: the id says where it is',
    async (command) => {
      expect(await scopes([command, 'cdgwgwsbi6qm'])).toEqual(['/'])
    }
  )

  it('is looked for in the scope that there is, and nowhere else', async () => {
    expect(await scopes(['show', 'cdgwgwsbi6qm'], { ...scene, projectScope: '/acme/web' })).toEqual([
      '/acme/web'
    ])
    expect(await scopes(['show', 'cdgwgwsbi6qm', '--scope', '/other'])).toEqual(['/other'])
  })

  it('is not a key, which needs one', async () => {
    const { exitCode, stderr, opened } = await cis(['memory', 'conflicts', 'show', 'deploy/day'], scene)
    expect([exitCode, opened]).toEqual([2, []])
    expect(stderr).toContain('--scope PATH')
  })

  it('is suggested with the scope that the next command needs', async () => {
    const { stderr } = await cis(['memory', 'conflicts', 'show', 'cdgwgwsbi6qm'], scene)
    expect(stderr).toContain(`cis --scope / memory conflicts resolve ${ID}`)
  })
})
