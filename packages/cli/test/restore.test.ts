import type { EntryId } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, version } from './harness.ts'

describe('restore', () => {
  const history = [
    { version: version({ digit: 'b', value: 'Friday' }), isLive: true },
    { version: version({ digit: 'a', value: 'Tuesday' }), isLive: false },
    { version: version({ digit: 'c', value: 'x' }), isLive: false },
    { version: version({ digit: 'c', value: 'y', index: 1 }), isLive: false }
  ]
  const restore = (ref: string, ...flags: string[]) =>
    cis(['memory', 'restore', 'deploy/day', ref, ...flags], {
      streams: { 'memory.history': () => history },
      calls: {
        'memory.restore': ({ path }) => ({
          path,
          entryId: 'd'.repeat(32) as EntryId,
          replaced: ['b'.repeat(32) as EntryId]
        })
      }
    })

  it('writes the version back that the first digits of its id name', async () => {
    const { exitCode, stderr, asked } = await restore('aaaa')
    expect(exitCode).toBe(0)
    const entryId = 'a'.repeat(32)
    expect(asked.at(-1)).toEqual([
      'memory.restore',
      { path: 'deploy/day', domain: 'public', entryId, index: 0 }
    ])
    expect(stderr).toContain('Restored deploy/day: Tuesday  laptop, 5 minutes ago')
    expect((await restore('cccccccc.1', '--private')).asked.at(-1)).toMatchObject([
      'memory.restore',
      { domain: 'private', entryId: 'c'.repeat(32), index: 1 }
    ])
  })

  it.each([
    ['ffff', 1],
    ['cccc', 2],
    ['not-an-id', 2]
  ])('writes nothing for %s', async (ref, expected) => {
    const { exitCode, stderr, asked } = await restore(ref)
    expect(exitCode).toBe(expected)
    expect(stderr).toContain('nothing was written')
    expect(asked.filter(([name]) => name === 'memory.restore')).toEqual([])
  })

  it('says what it would do with --dry-run', async () => {
    const { stderr, asked } = await restore('aaaa', '--dry-run')
    expect(stderr).toContain('Would restore deploy/day: Tuesday')
    expect(asked.filter(([name]) => name === 'memory.restore')).toEqual([])
  })
})
