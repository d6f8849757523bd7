import type { MergeProposal } from 'cis-memory/session'
import { describe, expect, it } from 'vitest'
import { cis, NOW, shows } from './harness.ts'

const ID = 'k7q2m4x9p3ab'

describe('conflicts propose', () => {
  const proposal: MergeProposal = {
    conflictId: ID,
    path: '/acme/web/deploy/day',
    value: 'We deploy on Tuesday and Friday',
    contentType: 'text/plain',
    model: 'merger\u001b-1',
    promptHash: 'f00d',
    rationale: 'Both days were meant.',
    proposedAt: NOW - 60_000,
    refusedAt: undefined
  }
  const propose = (...flags: string[]) =>
    cis(['memory', 'conflicts', 'propose', 'deploy/day', ...flags], {
      calls: {
        ...shows({ canPropose: true }),
        'conflicts.propose': () => proposal,
        'conflicts.refuse': () => undefined
      }
    })

  it('shows what a model makes of the versions, who it is and why, and settles nothing', async () => {
    const { exitCode, stdout, stderr, asked } = await propose()
    expect(exitCode).toBe(0)
    expect(stdout).toBe(
      'proposed merge\nmerger␛-1, 1 minute ago, prompt f00d\nBoth days were meant.\n  We deploy on Tuesday{+ and Friday+}\n\n'
    )
    expect(stderr).toContain(`Next: cis memory conflicts resolve ${ID} proposal --at deploy/day`)
    expect(asked.map(([name]) => name)).toEqual(['conflicts.show', 'conflicts.propose'])
    expect((await propose('--json')).records()).toMatchObject([
      { model: 'merger\u001b-1', promptHash: 'f00d' }
    ])
  })

  it('refuses one, and does nothing with --dry-run', async () => {
    expect((await propose('--refuse')).asked.at(-1)).toEqual(['conflicts.refuse', { id: ID }])
    const { exitCode, asked } = await propose('--dry-run')
    expect({ exitCode, asked }).toEqual({ exitCode: 2, asked: [] })
  })

  it('is shown with the conflict it is for', async () => {
    const { stdout } = await cis(['memory', 'conflicts', 'show', ID], { calls: shows({ proposal }) })
    expect(stdout).toContain('proposed merge')
    const { records } = await cis(['memory', 'conflicts', 'show', ID, '--json'], {
      calls: shows({ proposal })
    })
    expect(records()).toMatchObject([
      { id: ID, proposal: { value: proposal.value, rationale: proposal.rationale } }
    ])
  })
})
