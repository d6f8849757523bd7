import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { examineHome, openSession } from 'cis-memory'
import type { DoctorReport, HomeFinding } from 'cis-memory/session'
import { describe, expect, it, vi } from 'vitest'
import { contested } from '../../cis-memory/test/devices.ts'
import { cis, failure, NOW, type Run, type Scene } from './harness.ts'

vi.setConfig({ testTimeout: 60_000 })

const DAY_MS = 24 * 60 * 60_000
const DESKTOP = { device: '2'.repeat(64), name: 'desktop' }

function report(fields: Partial<DoctorReport> = {}): DoctorReport {
  return {
    scope: '/acme/web',
    rows: { checked: 1234, isComplete: true, damaged: [] },
    clocksAhead: [],
    held: 0,
    notices: [],
    peers: [{ ...DESKTOP, role: 'member', addresses: [], isConnected: false, lastSyncedAt: NOW - 3_600_000 }],
    conflicts: {
      open: 0,
      settledByPolicy: 0,
      settled: 0,
      byPath: [],
      byScope: [],
      byDevices: [],
      perDay: [],
      suggestions: []
    },
    thresholds: [],
    stale: { count: 0, limit: 1000 },
    model: { isConfigured: false, isAskedByPolicy: false, lastFailure: undefined },
    ...fields
  }
}

const CLEAN: readonly HomeFinding[] = [
  { part: 'home', problem: undefined },
  { part: 'key', problem: undefined },
  { part: 'configuration', problem: undefined }
]

function doctor(fields: Partial<DoctorReport> = {}, scene: Scene = {}, ...flags: string[]): Promise<Run> {
  return cis(['doctor', ...flags], {
    calls: { doctor: () => report(fields) },
    ...scene,
    library: { examineHome: async () => CLEAN, ...scene.library }
  })
}

const peer = (fields: Partial<DoctorReport['peers'][number]>): Partial<DoctorReport> => ({
  peers: [{ ...report().peers[0]!, ...fields }]
})

describe('doctor', () => {
  it('says of each thing that it is fine, and ends with 0', async () => {
    const { exitCode, stdout, stderr } = await doctor()
    expect(stderr).toBe('Nothing needs attention.\n')
    expect(stdout.split('\n').slice(0, -1)).toEqual(
      expect.arrayContaining([
        '✓ key            nobody else can read it',
        '✓ store          another process has it open and answers; 1234 rows were read, none is damaged',
        '✓ peers          synced with desktop (1 hour ago)',
        '✓ model          none is set up, so nothing is sent to any'
      ])
    )
    expect(stdout).not.toMatch(/^!/m)
    expect(exitCode).toBe(0)
  })

  it.each<[string, Partial<DoctorReport>, RegExp]>([
    [
      'damaged rows',
      {
        rows: { checked: 9, isComplete: true, damaged: [{ partition: 'public', kind: 'history', count: 2 }] }
      },
      /^! store +2 rows of history \(public\) were altered on disk; all others stay readable/m
    ],
    [
      'a clock ahead',
      { clocksAhead: [{ ...DESKTOP, aheadMs: 3 * 3_600_000 }] },
      /^! clock +desktop has written with a date 3 hours ahead/m
    ],
    [
      'a fork',
      {
        notices: [
          { kind: 'epoch', reason: 'unclean-stop', at: NOW },
          { kind: 'fork', actor: 'a' as never, device: DESKTOP.device as never, deviceName: 'desktop' }
        ]
      },
      /^✓ copies +this store was not closed.*\n! copies +two copies of the store of desktop have written/m
    ],
    ['held entries', { held: 3 }, /^! held +3 entries have arrived and cannot be judged yet/m],
    [
      'a peer that was lost',
      peer({ lastSyncedAt: NOW - 9 * DAY_MS }),
      /^! peers +desktop was synced with 9 days ago/m
    ],
    ['a peer that never came', peer({ lastSyncedAt: undefined }), /^! peers +desktop was never synced with/m],
    [
      'open conflicts',
      { conflicts: { ...report().conflicts, open: 2, settledByPolicy: 1 } },
      /^! conflicts +2 conflicts are open in \/acme\/web.*; 1 more is decided by a policy/m
    ],
    [
      'a threshold',
      { thresholds: [{ reached: 'per-day', threshold: 5 }] },
      /^! conflicts +alert_per_day is reached: 5 or more/m
    ],
    ['stale copies', { stale: { count: 1, limit: 1000 } }, /^! curated +1 curated memory is stale/m],
    [
      'a policy without a model',
      { model: { ...report().model, isAskedByPolicy: true } },
      /^! model +a policy is "ai_merge", and no model is set up/m
    ],
    [
      'a model that fails',
      {
        model: {
          isConfigured: true,
          isAskedByPolicy: true,
          lastFailure: { path: '/acme/web/a', code: 'CIS_AI_TIMEOUT', at: NOW }
        }
      },
      /^! model +it failed to merge \/acme\/web\/a just now/m
    ]
  ])('points at %s, and ends with 1', async (_, fields, line) => {
    const { exitCode, stdout, stderr } = await doctor(fields)
    expect(stdout).toMatch(line)
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('1 finding needs attention.')])
  })

  it('finds nothing wrong with what is usual: clocks apart by a second, a peer that is connected', async () => {
    const { exitCode } = await doctor({
      clocksAhead: [{ ...DESKTOP, aheadMs: 1000 }],
      ...peer({ lastSyncedAt: undefined, isConnected: true })
    })
    expect(exitCode).toBe(0)
  })

  it('suggests what would help, from what was counted', async () => {
    const suggestions = [{ code: 'split-this-key', path: '/acme/web/deploy/day', count: 4 }] as const
    const fields = { conflicts: { ...report().conflicts, suggestions } }
    const { exitCode, stderr } = await doctor(fields)
    expect([exitCode, stderr]).toEqual([
      0,
      expect.stringContaining('deploy/day keeps being in conflict (from 4 conflicts)')
    ])
    const json = await doctor({ ...fields, held: 1 }, {}, '--json')
    expect(json.records()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ check: 'held', state: 'attention', next: ['cis memory sync'] }),
        {
          check: 'suggestion',
          state: 'advice',
          code: 'split-this-key',
          path: '/acme/web/deploy/day',
          count: 4
        }
      ])
    )
  })

  it('says why the store cannot be opened, and does not try while a file around it is open to others', async () => {
    const locked = await doctor(
      {},
      {
        library: { openSession: async () => Promise.reject(failure('STORE_LOCKED')) }
      }
    )
    expect([locked.exitCode, locked.stdout]).toEqual([
      1,
      expect.stringMatching(/^! store +it failed with STORE_LOCKED/m)
    ])
    const problem = { code: 'STORE_KEY_FILE_OPEN', message: 'others can read the key' }
    const open = await doctor({}, { library: { examineHome: async () => [{ part: 'key', problem }] } })
    expect([open.exitCode, open.opened]).toEqual([1, []])
    expect(open.stdout).toBe('! key            others can read the key\n')
    expect(open.stderr).toContain('The store was not looked into')
  })

  it('fits a narrow terminal', async () => {
    const { stdout } = await doctor({ held: 3 }, { isTerminal: true, columns: 60, env: { NO_COLOR: '1' } })
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60)
    expect(stdout).toContain('\n                 ')
  })

  it('looks at a real home: its conflicts, its files, its configuration', async () => {
    const { laptop, desktop } = await contested()
    await Promise.all([laptop, desktop].map(({ session }) => session.close()))
    const { home } = laptop
    const examine = (): Promise<Run> =>
      cis(['--home', home, 'doctor', '--json'], { library: { openSession, examineHome } })
    const urgent = async (): Promise<unknown[]> =>
      (await examine())
        .records()
        .filter(({ state }) => state === 'attention')
        .map(({ check, code }) => [check, code])
    expect(await urgent()).toEqual([['conflicts', undefined]])
    await chmod(join(home, 'key'), 0o644)
    expect(await urgent()).toEqual([['key', 'STORE_KEY_FILE_OPEN']])
    await chmod(join(home, 'key'), 0o600)
    const file = join(home, 'config.toml')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace('mode = "manual"', 'mode = "ai_merge"\nalert_open = 1'))
    expect(await urgent()).toEqual([
      ['conflicts', undefined],
      ['conflicts', undefined],
      ['model', 'CIS_NO_MODEL']
    ])
    await writeFile(
      file,
      text.replace(
        '\n[ai]\n',
        '\n[ai]\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\napi_key_file = "none"'
      )
    )
    expect(await urgent()).toEqual([
      ['model key', 'CIS_AI_BAD_KEY'],
      ['conflicts', undefined]
    ])
    await writeFile(file, '[nod]\n')
    expect(await urgent()).toEqual([['configuration', 'CIS_BAD_CONFIG']])
    expect(
      (
        await cis(['--home', join(home, 'nowhere'), 'doctor', '--json'], {
          library: { openSession, examineHome }
        })
      ).records()
    ).toMatchObject([
      {
        check: 'home',
        code: 'CIS_HOME_NOT_FOUND',
        next: expect.arrayContaining([expect.stringContaining('init')])
      }
    ])
  })
})
