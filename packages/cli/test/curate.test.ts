import type { EntryId, StaleCurated } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, type Scene, version } from './harness.ts'

const WRITTEN = { path: '/acme/web/mine', entryId: 'd'.repeat(32) as EntryId, replaced: [] }
const ADAPTED = version({ value: 'We ship on Tuesdays.', agent: 'small-2', isLocal: true })

const calls: NonNullable<Scene['calls']> = {
  'memory.curate': () => WRITTEN,
  'memory.get': ({ domain }) => ({
    state: 'value',
    path: '/acme/web/mine',
    base: [],
    settledBy: undefined,
    value: 'We ship on Tuesdays.',
    version: domain === 'private' ? ADAPTED : version({ value: 'The team ships on Tuesdays.' })
  })
}

function stale(fields: Partial<StaleCurated> = {}): StaleCurated {
  return {
    path: '/acme/web/mine',
    entryId: 'd'.repeat(32) as EntryId,
    agent: undefined,
    sourcePath: '/acme/web/deploy/day',
    sourceIds: ['a'.repeat(32) as EntryId],
    reason: 'changed',
    ...fields
  }
}

const listing = (...items: StaleCurated[]): Scene => ({ streams: { 'memory.stale': () => items } })

describe('curate', () => {
  it('copies into the private domain', async () => {
    const { asked, stderr } = await cis(['curate', 'deploy/day', '--as', 'mine'], { calls })
    expect(asked).toEqual([['memory.curate', { path: 'deploy/day', as: 'mine', mode: 'copy' }]])
    expect(stderr).toContain('Next: cis memory get --private mine')
  })

  it('--adapt shows what the model made of it, and who that was', async () => {
    const { asked, stdout, stderr } = await cis(['curate', 'deploy/day', '--as', 'mine', '--adapt'], {
      calls
    })
    expect(asked[0]).toEqual(['memory.curate', { path: 'deploy/day', as: 'mine', mode: 'adapt' }])
    expect(stdout).toBe('We ship on Tuesdays.\n')
    expect(stderr).toContain('Adapted deploy/day into private /acme/web/mine, as small-2 made it.')
    const json = await cis(['curate', 'deploy/day', '--adapt', '--json'], { calls })
    expect(json.records()).toMatchObject([
      {
        domain: 'private',
        entryId: WRITTEN.entryId,
        value: 'We ship on Tuesdays.',
        version: { agent: 'small-2' }
      }
    ])
  })

  it('--dry-run asks nobody and writes nothing', async () => {
    for (const flags of [[], ['--adapt']]) {
      const { asked, exitCode } = await cis(['curate', 'deploy/day', '--dry-run', ...flags], { calls })
      expect([exitCode, asked.map(([name]) => name)]).toEqual([0, ['memory.get']])
    }
  })

  it('--stale lists what to renew, and says how', async () => {
    const { stdout, stderr } = await cis(
      ['curate', '--stale'],
      listing(stale({ agent: 'small-2' }), stale({ path: '/acme/web/x', reason: 'deleted' }))
    )
    expect(stdout).toBe('mine\tdeploy/day\tsmall-2\tchanged\nx\tdeploy/day\tcopy\tdeleted\n')
    expect(stderr).toContain('2 curated memories are stale.\nNext: cis curate deploy/day --as mine --adapt')
  })

  it.each<[string, Partial<StaleCurated>]>([
    ['curate deploy/day --as mine', {}],
    ['curate deploy/day', { path: '/acme/web/deploy/day' }],
    ['memory conflicts show deploy/day', { reason: 'contested' }],
    ['memory delete --private mine', { reason: 'deleted' }]
  ])('--stale suggests %s', async (command, fields) => {
    const { stderr } = await cis(['curate', '--stale'], listing(stale(fields)))
    expect(stderr).toContain(`Next: cis ${command}  #`)
  })

  it('--stale says when there is nothing to do, and gives records to scripts', async () => {
    const nothing = await cis(['curate', '--stale'], listing())
    expect([nothing.exitCode, nothing.stderr]).toEqual([
      0,
      expect.stringContaining('says what its sources say')
    ])
    const { records } = await cis(['curate', '--stale', '--json'], listing(stale()))
    expect(records()).toEqual([JSON.parse(JSON.stringify({ scope: '/acme/web', ...stale() }))])
  })

  it('wants either a memory or --stale', async () => {
    for (const words of [[], ['deploy/day', '--stale'], ['--stale', '--adapt']]) {
      const { exitCode, asked } = await cis(['curate', ...words])
      expect([exitCode, asked]).toEqual([2, []])
    }
  })
})
