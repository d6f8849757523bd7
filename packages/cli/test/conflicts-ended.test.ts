import type { ConflictStats, EntryId, SettledConflict } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, conflict, failure, NOW, type Scene, version } from './harness.ts'

const ID = 'k7q2m4x9p3ab'

describe('conflicts list --settled', () => {
  const summary = (fields: object) => ({ ...version(fields), kind: 'value' as const })
  const settled: SettledConflict[] = [
    {
      id: 'decidedabcde',
      path: '/acme/web/rules/tone',
      kind: 'edit',
      detectedAt: NOW - 3_600_000,
      settledAt: undefined,
      settledBy: { by: 'policy', mode: 'auto_lww' },
      versions: [summary({}), summary({ deviceName: 'desktop' })]
    },
    {
      id: 'endedabcdefg',
      path: '/acme/web/deploy/day',
      kind: 'delete',
      detectedAt: NOW - 7_200_000,
      settledAt: NOW - 60_000,
      settledBy: {
        by: 'resolution',
        entryId: 'd'.repeat(32) as EntryId,
        deviceName: 'desktop',
        agent: 'owner'
      },
      versions: [summary({ agent: 'tuner' }), summary({ deviceName: 'desktop' })]
    }
  ]
  const list = (...flags: string[]) =>
    cis(['memory', 'conflicts', 'list', '--settled', ...flags], {
      streams: { 'conflicts.settled': () => settled }
    })

  it('says what settled each: a policy at every read, or somebody', async () => {
    const { exitCode, stdout, stderr } = await list()
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      'decidedabcde\trules/tone\tedit\tlaptop, desktop\tpolicy auto_lww\tat every read\t2',
      'endedabcdefg\tdeploy/day\tdelete\tlaptop, desktop\tdesktop, agent owner\t2026-03-01T09:29:00.000Z\t2',
      ''
    ])
    expect(stderr).toContain('Next: cis memory conflicts undo endedabcdefg')
  })

  it('prints no value as JSON: the record has none', async () => {
    const { records } = await list('--json')
    expect(records()).toMatchObject([
      { id: 'decidedabcde', settledBy: { by: 'policy', mode: 'auto_lww' } },
      {
        id: 'endedabcdefg',
        settledAt: '2026-03-01T09:29:00.000Z',
        versions: [{ agent: 'tuner', deviceName: 'laptop', writtenAt: '2026-03-01T09:25:00.000Z' }, {}]
      }
    ])
    expect(JSON.stringify(records())).not.toContain('Tuesday')
  })

  it('asks for the time it was given, and refuses one for open conflicts', async () => {
    const { asked } = await list('--since', '2h')
    expect(asked).toEqual([['conflicts.settled', { since: NOW - 2 * 3_600_000 }]])
    expect((await cis(['memory', 'conflicts', 'list', '--since', '2h'])).exitCode).toBe(2)
  })
})

describe('conflicts stats', () => {
  const stats: ConflictStats = {
    open: 2,
    settledByPolicy: 1,
    settled: 5,
    byPath: [{ path: '/acme/web/deploy/day', count: 5 }],
    byScope: [{ scope: '/acme/web/deploy', count: 6 }],
    byDevices: [
      {
        devices: [
          { device: '2', name: 'lap\u001btop' },
          { device: '3', name: 'desktop' }
        ],
        count: 8
      }
    ],
    perDay: [{ day: '2026-02-28', count: 8 }],
    suggestions: [
      {
        code: 'sync-before-writing',
        devices: [
          { device: '2', name: 'laptop' },
          { device: '3', name: 'desktop' }
        ],
        count: 8
      },
      { code: 'split-this-key', path: '/acme/web/deploy/day', count: 5 },
      { code: 'settle-old-conflicts', count: 2 }
    ]
  }
  const show = (argv: readonly string[] = [], scene: Scene = {}) =>
    cis(['memory', 'conflicts', 'stats', ...argv], { ...scene, calls: { 'conflicts.stats': () => stats } })

  it('counts by key, scope, devices and day, and says what would help', async () => {
    const { exitCode, stdout, stderr } = await show()
    expect(exitCode).toBe(0)
    expect(stdout.split('\n')).toEqual([
      '2 open, 5 settled, 1 decided by a policy',
      'key\tdeploy/day\t5',
      'scope\t/acme/web/deploy\t6',
      'devices\tlap␛top, desktop\t8',
      'day\t2026-02-28\t8',
      ''
    ])
    expect(stderr).toContain(
      'laptop and desktop keep writing without having seen each other (from 8 conflicts)'
    )
    expect(stderr).toContain('deploy/day keeps being in conflict (from 5 conflicts)')
    expect(stderr).toContain('2 conflicts have waited for more than a week.')
  })

  it('is one object as JSON, for a time and a prefix', async () => {
    const { records, asked } = await show(['config/', '--since', '7d', '--json'])
    expect(records()).toMatchObject([{ scope: '/acme/web', open: 2, byPath: [{ count: 5 }] }])
    expect(asked).toEqual([['conflicts.stats', { prefix: 'config/', since: NOW - 7 * 86_400_000 }]])
  })
})

describe('conflicts undo', () => {
  it('takes an id or a key, and says that the memory is contested again', async () => {
    const calls: Scene['calls'] = {
      'conflicts.undo': () => ({ path: '/acme/web/x', entryId: 'd'.repeat(32) as EntryId, replaced: [] }),
      'memory.get': () => ({
        state: 'conflict',
        path: '/acme/web/x',
        base: [],
        conflict: conflict({ kind: 'reopened' })
      })
    }
    for (const named of [ID, 'x']) {
      const { exitCode, stderr, asked } = await cis(['memory', 'conflicts', 'undo', named], { calls })
      expect(exitCode).toBe(0)
      expect(asked[0]).toEqual(['conflicts.undo', { conflict: named }])
      expect(stderr).toContain('Undone: x is as it was before.')
      expect(stderr).toContain('contested again')
      expect(stderr).toContain(`Next: cis memory conflicts show ${ID}`)
    }
  })

  it('ends with exit code 6 when something was written since', async () => {
    const calls: Scene['calls'] = {
      'conflicts.undo': () => {
        throw failure('CORE_STALE_BASE', { path: '/acme/web/x' })
      }
    }
    const { exitCode, stderr } = await cis(['memory', 'conflicts', 'undo', ID], { calls })
    expect(exitCode).toBe(6)
    expect(stderr).toContain('Next: cis memory history /acme/web/x')
  })
})
