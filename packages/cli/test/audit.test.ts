import type { AuditRecord, AuditVerdict, EntryId, WhyItem } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, NOW, type Scene, version } from './harness.ts'

const PATH = '/acme/web/deploy/day'
const DIGEST = '5f'.repeat(32)

function record(fields: Partial<AuditRecord> = {}): AuditRecord {
  return {
    seq: 7,
    at: NOW - 60_000,
    kind: 'delivery',
    agent: 'reviewer',
    scope: '/acme/web',
    conflictCount: 0,
    conflicts: [],
    memories: [],
    code: undefined,
    of: undefined,
    ...fields
  }
}

function memory(entryId: string, path: string = PATH): AuditRecord['memories'][number] {
  return { domain: 'public', path, entryIds: [entryId as EntryId] }
}

function onRecord(...records: AuditRecord[]): Scene {
  return { streams: { 'audit.list': () => records } }
}

describe('audit list', () => {
  const list = (scene: Scene, ...flags: string[]) => cis(['audit', 'list', ...flags], scene)

  it('has one line a record in a pipe: number, time, kind, agent, scope, and what', async () => {
    const a = 'a'.repeat(32)
    const { exitCode, stdout } = await list(
      onRecord(
        record({ seq: 9, kind: 'written', of: 8, memories: [memory(a)] }),
        record({ seq: 8, kind: 'write', memories: [{ ...memory(a), domain: 'private' }] }),
        record({ seq: 7, kind: 'delivery', memories: [memory(a), memory(a, '/acme/web/b')] }),
        record({ seq: 6, kind: 'check', agent: undefined }),
        record({ seq: 5, kind: 'check', conflictCount: 70, conflicts: ['k1', 'k2', 'k3', 'k4'] }),
        record({
          seq: 4,
          kind: 'refusal',
          code: 'GUARD_CONFLICT_PENDING',
          conflictCount: 1,
          conflicts: ['k1'],
          of: 3
        }),
        record({ seq: 3, kind: 'written', of: 2, memories: [{ ...memory(a), entryIds: [] }] })
      )
    )
    expect(exitCode).toBe(0)
    const lines = stdout.split('\n').map((line) => line.split('\t'))
    expect(lines[0]).toEqual([
      '9',
      '2026-03-01T09:29:00.000Z',
      'written',
      'reviewer',
      '/acme/web',
      'deploy/day as aaaaaaaa'
    ])
    expect(lines.slice(1, 7).map((line) => line.at(-1))).toEqual([
      'is about to write private deploy/day',
      '2 memories',
      'no conflict',
      '70 conflicts (k1, k2, k3, 67 more)',
      'GUARD_CONFLICT_PENDING: 1 conflict (k1), takes back 3',
      'nothing to delete at deploy/day'
    ])
    expect(lines[3]?.[3]).toBe('-')
  })

  it('asks for what the options name', async () => {
    const flags = ['--agent', 'reviewer', '--kind', 'delivery', '--key', 'deploy/day', '--since', '1h']
    const { asked } = await list(onRecord(), ...flags)
    expect(asked).toEqual([
      ['audit.list', { agent: 'reviewer', kind: 'delivery', path: 'deploy/day', since: NOW - 3_600_000 }]
    ])
  })

  it('stops at its limit and says so', async () => {
    const records = [3, 2, 1].map((seq) => record({ seq }))
    const some = await list(onRecord(...records), '--limit', '2')
    expect(some.stdout.trimEnd().split('\n')).toHaveLength(2)
    expect(some.stderr).toContain('--limit')
    const all = await list(onRecord(...records), '--limit', '3')
    expect(all.stderr).toBe('')
  })

  it('prints everything as JSON, and says when there is nothing', async () => {
    const { records } = await list(onRecord(record({ memories: [memory('a'.repeat(32))] })), '--json')
    expect(records()).toMatchObject([
      { seq: 7, at: '2026-03-01T09:29:00.000Z', memories: [{ path: PATH, entryIds: ['a'.repeat(32)] }] }
    ])
    const none = await list(onRecord())
    expect({ exitCode: none.exitCode, stdout: none.stdout }).toEqual({ exitCode: 0, stdout: '' })
    expect(none.stderr).toContain('/acme/web')
  })

  it('makes what agents are called harmless on a terminal', async () => {
    const { stdout } = await list({
      ...onRecord(record({ agent: 'evil\u001b[2J' })),
      isTerminal: true,
      columns: 140
    })
    expect(stdout).not.toContain('\u001b[2J')
    expect(stdout).toContain('evil␛')
  })

  it('refuses a kind that there is not', async () => {
    expect((await list(onRecord(), '--kind', 'gossip')).exitCode).toBe(2)
  })
})

describe('audit verify', () => {
  const verify = (verdict: AuditVerdict, ...flags: string[]) =>
    cis(['audit', 'verify', ...flags], { calls: { 'audit.verify': () => verdict } })
  const intact = { state: 'intact', records: 7, head: { seq: 12, digest: DIGEST }, noted: undefined } as const

  it('prints how many records are whole, and the head to note', async () => {
    const { exitCode, stdout, stderr } = await verify(intact)
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 0,
      stdout: `intact  7 records  head 12:${DIGEST}\n`,
      stderr: ''
    })
  })

  it('gives a head that was noted, and tells whether it was found', async () => {
    const head = `12:${DIGEST}`
    const found = await verify({ ...intact, noted: 'found' }, '--head', head)
    expect(found.asked).toEqual([['audit.verify', { noted: { seq: 12, digest: DIGEST } }]])
    expect(found.stderr).toContain('among them')
    expect((await verify({ ...intact, noted: 'too-old' }, '--head', head)).stderr).toContain('older')
  })

  it.each(['missing', 'altered', 'unreadable', 'unsigned', 'rewritten'] as const)(
    'fails with the first broken record when one is %s',
    async (problem) => {
      const broken = { state: 'broken', seq: 5, problem, records: 4 } as const
      const { exitCode, stdout, stderr } = await verify(broken)
      expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
      expect(stderr).toContain('record 5')
      expect(stderr).toContain('Next: cis audit list')
      const json = await verify(broken, '--json')
      expect(json.exitCode).toBe(1)
      expect(json.records()).toEqual([broken])
    }
  )

  it('says so when nothing is on record yet', async () => {
    const { exitCode, stdout, stderr } = await verify({ ...intact, records: 0, head: undefined })
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: '' })
    expect(stderr).toContain('Nothing is on record')
  })

  it.each(['12', `0:${DIGEST}`, '12:xyz', `12:${DIGEST}0`, ''])(
    'does not take %j for a head',
    async (head) => {
      expect((await verify(intact, '--head', head)).exitCode).toBe(2)
    }
  )
})

describe('why', () => {
  const id = (digit: string): EntryId => digit.repeat(32) as EntryId
  const item = (digit: string, fields: Partial<WhyItem> = {}, ...parents: EntryId[]): WhyItem => ({
    entryId: id(digit),
    versions: [version({ digit, parents })],
    isLive: false,
    act: 'write',
    given: [],
    recordedAs: undefined,
    ...fields
  })
  const why = (items: WhyItem[], scene: Scene = {}, ...flags: string[]) =>
    cis(['why', 'deploy/day', ...flags], { ...scene, streams: { 'memory.why': () => items } })

  const story = [
    item('d', { isLive: true, act: 'resolution', recordedAs: 41 }, id('b'), id('c')),
    item('c', {}, id('a')),
    item('b', { given: [{ agent: 'reviewer', times: 2, firstAt: NOW - 9_000, lastAt: NOW }] }, id('a')),
    item('a', {}, id('9'))
  ]

  it('draws who wrote what after having seen what, and who was given it', async () => {
    const { exitCode, stdout, stderr } = await why(story)
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    const at = '2026-03-01T09:25:00.000Z'
    expect(stdout.split('\n')).toEqual([
      `● ${id('d')} · live · resolution · laptop · ${at} · audit record 41`,
      '│ Tuesday',
      '├─╮',
      `│ ○ ${id('c')} · replaced · write · laptop · ${at}`,
      '│ │ Tuesday',
      `○ │ ${id('b')} · replaced · write · laptop · ${at}`,
      '│ │ Tuesday',
      '│ │ given to reviewer 2 times, last at 2026-03-01T09:30:00.000Z',
      '├─╯',
      `○ ${id('a')} · replaced · write · laptop · ${at}`,
      '  Tuesday',
      '  after 1 version not shown here',
      ''
    ])
  })

  it('fits a terminal of 80 columns, whatever is in it', async () => {
    const long = version({
      value: 'word '.repeat(100),
      deviceName: 'a-device-with-a-long-name',
      agent: 'agent '.repeat(6)
    })
    const given = Array.from({ length: 9 }, (_, i) => ({
      agent: `agent ${i}`,
      times: i + 1,
      firstAt: NOW,
      lastAt: NOW
    }))
    const wide = story.map((each) => ({
      ...each,
      versions: [{ ...long, parents: each.versions[0]?.parents ?? [] }],
      given
    }))
    const { stdout } = await why(wide, { isTerminal: true, columns: 80, env: { NO_COLOR: '1' } })
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(stdout).toContain('aaaaaaaa · replaced')
  })

  it('shows every value that an undo brought back, and what overwrote unseen', async () => {
    const both = [version({ value: 'one' }), version({ value: 'two', index: 1 })]
    const blind = version({ digit: 'b', isOverwrite: true })
    const { stdout } = await why([
      item('a', { act: 'undo', isLive: true, versions: both }),
      item('b', { versions: [blind] })
    ])
    expect(stdout).toMatch(/live · undo .*\n {2}one\n {2}two\n/)
    expect(stdout).toContain('write, unseen')
  })

  it('prints one JSON object an entry', async () => {
    const { records } = await why(story, {}, '--json')
    expect(records()).toHaveLength(4)
    expect(records()[0]).toMatchObject({
      entryId: id('d'),
      isLive: true,
      act: 'resolution',
      parents: [id('b'), id('c')],
      versions: [{ value: 'Tuesday' }],
      recordedAs: 41
    })
    expect(records()[2]).toMatchObject({
      given: [{ agent: 'reviewer', times: 2, lastAt: '2026-03-01T09:30:00.000Z' }]
    })
  })

  it('stops at its limit and says so', async () => {
    const { stdout, stderr } = await why(story, {}, '--limit', '1')
    expect(stdout).toContain('after 2 versions not shown here')
    expect(stdout).not.toContain(id('c'))
    expect(stderr).toContain('--limit')
  })

  it('looks in the private domain when told, and says when nothing was ever there', async () => {
    const { asked, stdout, stderr } = await why([], {}, '--private')
    expect(asked).toEqual([['memory.why', { path: 'deploy/day', domain: 'private' }]])
    expect(stdout).toBe('')
    expect(stderr).toContain('nothing was ever there')
  })
})
