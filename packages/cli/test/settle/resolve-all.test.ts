import type { Choice, Conflict, EntryId } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, conflict, failure, type Run, type Scene, shown, version } from '../harness.ts'

const at = (key: string, fields: Partial<Conflict> = {}): Conflict =>
  conflict({ id: `id-of-${key}`, path: `/acme/web/${key}`, ...fields })

const three = [
  version({ digit: 'a', isLocal: true }),
  version({ digit: 'b' }),
  version({ digit: 'c', value: 'Friday' })
]

async function resolveAll(
  argv: readonly string[],
  conflicts: readonly Conflict[],
  scene: Scene = {}
): Promise<Run & { readonly settled: Readonly<Record<string, Choice>> }> {
  const run = await cis(['memory', 'conflicts', 'resolve-all', ...argv], {
    ...scene,
    streams: { 'conflicts.list': () => conflicts },
    calls: {
      'conflicts.show': ({ conflict: id }) =>
        shown({
          conflict: conflicts.find((each) => each.id === id)!,
          ancestor: version({ value: 'We deploy\n\non Mondays\n' })
        }),
      'conflicts.resolve': ({ id, path = '' }) => ({
        conflictId: id,
        path,
        entryId: 'd'.repeat(32) as EntryId,
        alsoWritten: []
      }),
      ...scene.calls
    }
  })
  const settled: Record<string, Choice> = {}
  for (const [name, args] of run.asked) {
    const { path, choice } = args as { path: string; choice: Choice }
    if (name === 'conflicts.resolve') settled[path.slice('/acme/web/'.length)] = choice
  }
  return { ...run, settled }
}

describe('conflicts resolve-all', () => {
  it.each<[strategy: string, choice: Choice]>([
    ['local', { keep: 'local' }],
    ['remote', { keep: 'remote' }],
    ['both', { keep: 'both' }],
    ['latest', { keep: 'b'.repeat(32) as EntryId, index: 0 }]
  ])('settles all by one rule: %s', async (strategy, choice) => {
    const { exitCode, settled, stderr } = await resolveAll([strategy], [at('a'), at('b')])
    expect(exitCode).toBe(0)
    expect(settled).toEqual({ a: choice, b: choice })
    expect(stderr).toContain('Settled 2 of 2 conflicts.')
    expect(stderr).toContain('Next: cis memory sync')
  })

  it('merges what does not overlap, and leaves the rest open', async () => {
    const versions = [
      version({ digit: 'a', value: 'We deploy\n\non Tuesdays\n' }),
      version({ digit: 'b', value: 'We all deploy\n\non Mondays\n' })
    ]
    const { exitCode, settled, stderr } = await resolveAll(
      ['merge'],
      [at('fits', { versions }), at('overlaps')]
    )
    expect(exitCode).toBe(3)
    expect(settled).toEqual({
      fits: { value: 'We all deploy\n\non Tuesdays\n', contentType: 'text/plain' }
    })
    expect(stderr).toContain('Left open: overlaps (id-of-overlaps) is not decided by this.')
    expect(stderr).toContain('Settled 1 of 2 conflicts.')
  })

  it('settles only what matches: keys by a glob within the scope, conflicts of one kind', async () => {
    const conflicts = [at('config/a'), at('config/deep/b', { kind: 'delete' }), at('other/.c')]
    const settled = async (...flags: string[]) =>
      Object.keys((await resolveAll(['local', ...flags], conflicts)).settled)
    expect(await settled('--match', 'config/**')).toEqual(['config/a', 'config/deep/b'])
    expect(await settled('--match', 'config/*')).toEqual(['config/a'])
    expect(await settled('--match', '*/*')).toEqual(['config/a', 'other/.c'])
    expect(await settled('--kind', 'delete')).toEqual(['config/deep/b'])
    expect(await settled('--match', 'other/*', '--kind', 'delete')).toEqual([])
  })

  it('leaves open what a rule does not decide', async () => {
    const conflicts = [at('three', { versions: three }), at('two')]
    const remote = await resolveAll(['remote'], conflicts)
    expect(remote.exitCode).toBe(3)
    expect(Object.keys(remote.settled)).toEqual(['two'])
    expect((await resolveAll(['local'], conflicts)).exitCode).toBe(0)
    const unreadable = [version({ kind: 'unreadable', value: undefined }), version({ digit: 'b' })]
    for (const strategy of ['both', 'latest']) {
      expect((await resolveAll([strategy], [at('x', { versions: unreadable })])).settled).toEqual({})
    }
  })

  it('goes on past what has changed meanwhile, and says so with exit code 6', async () => {
    const conflicts = [at('a'), at('stale'), at('gone'), at('b')]
    const codes: Record<string, string> = { stale: 'CORE_STALE_CONFLICT', gone: 'CORE_CONFLICT_NOT_FOUND' }
    const { exitCode, records } = await resolveAll(['local', '--json'], conflicts, {
      calls: {
        'conflicts.resolve': ({ id, path = '' }) => {
          const code = codes[path.slice('/acme/web/'.length)]
          if (code !== undefined) throw failure(code)
          return { conflictId: id, path, entryId: 'd'.repeat(32) as EntryId, alsoWritten: [] }
        }
      }
    })
    expect(exitCode).toBe(6)
    const outcomes = records().map(({ path, outcome }) => [String(path).slice('/acme/web/'.length), outcome])
    expect(Object.fromEntries(outcomes)).toEqual({
      a: 'settled',
      b: 'settled',
      stale: 'stale',
      gone: 'stale'
    })
  })

  it('stops when something is wrong that is not about one conflict', async () => {
    const { exitCode, stderr } = await resolveAll(['local'], [at('a')], {
      calls: {
        'conflicts.resolve': () => {
          throw failure('STORE_CLOSED')
        }
      }
    })
    expect(exitCode).toBe(1)
    expect(stderr).toContain('it failed with STORE_CLOSED')
  })

  it('settles nothing with --dry-run, and says what it would', async () => {
    const conflicts = [at('three', { versions: three }), at('two')]
    const { exitCode, settled, stdout, stderr } = await resolveAll(['remote', '--dry-run'], conflicts)
    expect({ exitCode, settled }).toEqual({ exitCode: 0, settled: {} })
    expect(stdout).toBe('id-of-three\tthree\tleft open\nid-of-two\ttwo\tsettled\n')
    expect(stderr).toContain('Would settle 1 of 2 conflicts.')
  })

  it('asks a person before it settles so much, and shows how far it is', async () => {
    const conflicts = Array.from({ length: 40 }, (_, i) => at(`key-${i}`))
    const scene = { env: { NO_COLOR: '1' }, columns: 80 }
    const refused = await resolveAll(['local'], conflicts, { ...scene, keys: ['n'] })
    expect({ exitCode: refused.exitCode, settled: refused.settled }).toEqual({ exitCode: 3, settled: {} })
    const { exitCode, stdout, stderr } = await resolveAll(['local'], conflicts, { ...scene, keys: ['y'] })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('Press y to settle 40 conflicts in /acme/web by "local"')
    expect(stderr).toContain('Settling [============>           ] 20 of 40')
    const silent = await resolveAll(['local', '--no-input'], conflicts, { isTerminal: true, ...scene })
    expect(Object.keys(silent.settled)).toHaveLength(40)
  })

  it('is done when there is nothing to settle, and refuses a rule it does not know', async () => {
    expect((await resolveAll(['local'], [])).exitCode).toBe(0)
    expect((await resolveAll(['mine'], [at('a')])).exitCode).toBe(2)
  })
})
