import { describe, expect, it } from 'vitest'
import type { ConflictMode, ConflictSettings, Read } from '../../src/index.ts'
import type { IngestReport } from '../../src/sync/index.ts'
import { Forger } from '../support/forge.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

const SCOPE = '/acme/web'

/** Two devices, the first with settings, that wrote against each other; the second wrote last. */
async function contested(
  settings: ConflictSettings,
  write: (device: Device, at: number) => Promise<unknown> = (device, at) =>
    device.memory.public.put('key', at === 0 ? 'a' : 'b')
): Promise<[Device, Device]> {
  const [a, b] = (await devices(2, SCOPE, [settings])) as [Device, Device]
  await write(a, 0)
  b.runtime.nowMs = a.runtime.nowMs + 1000
  await write(b, 1)
  await syncAll([a, b])
  return [a, b]
}

/** Everything that says whether a path is contested, side by side. */
async function opinions({ memory }: Device, path: string): Promise<Record<string, string | number>> {
  await using snapshot = memory.snapshot()
  const [listed] = await collect(memory.public.list({ prefix: path }))
  const [found] = await collect(memory.search(path))
  return {
    get: (await memory.public.get(path)).state,
    list: listed?.read.state ?? 'absent',
    search: found?.item.read.state ?? 'absent',
    snapshot: (await snapshot.get('public', path)).state,
    snapshotConflicts: (await collect(snapshot.conflicts())).length,
    unresolved: (await collect(memory.getUnresolvedConflicts())).length
  }
}

function allSay(state: Read['state']): Record<string, string | number> {
  const count = state === 'conflict' ? 1 : 0
  return {
    get: state,
    list: state,
    search: state,
    snapshot: state,
    snapshotConflicts: count,
    unresolved: count
  }
}

describe('a policy', () => {
  const outcomes: [ConflictMode, Read['state']][] = [
    ['manual', 'conflict'],
    ['auto_lww', 'value'],
    ['keep_all', 'value'],
    ['ai_merge', 'conflict']
  ]
  it.each(outcomes)('of %s has every surface say the same: %s', async (mode, state) => {
    const [a, b] = await contested({ mode })
    expect(await opinions(a, 'key')).toEqual(allSay(state))
    expect(await opinions(b, 'key'), 'others have their own policies').toEqual(allSay('conflict'))
  })

  it('reads the latest version, and says what it decided about', async () => {
    const [a] = await contested({ mode: 'auto_lww' })
    const { id } = await a.memory.getConflict('key')
    const read = await a.memory.public.get('key')
    expect(read).toMatchObject({ value: 'b', settledBy: { mode: 'auto_lww', conflict: { id } } })
    expect(read.base).toHaveLength(2)
    const [settled, ...others] = await collect(a.memory.getSettledConflicts())
    expect(others).toEqual([])
    expect(settled).toMatchObject({
      id,
      path: '/acme/web/key',
      settledAt: undefined,
      settledBy: { by: 'policy', mode: 'auto_lww' }
    })
    expect(settled?.versions.map(({ deviceName }) => deviceName)).toEqual(['device-0', 'device-1'])
  })

  it('writes nothing, and the next put settles it for everybody', async () => {
    const [a, b] = await contested({ mode: 'auto_lww' })
    const head = (): Promise<unknown> => a.replica.headOf(a.replica.actor)
    const before = await head()
    await a.memory.public.get('key')
    await collect(a.memory.getSettledConflicts())
    expect(await head()).toEqual(before)
    await a.memory.public.put('key', 'c')
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'c', settledBy: undefined })
  })

  it('P18: lets no blind put through, nor one that merely overwrites', async () => {
    const [a] = await contested({ mode: 'auto_lww' })
    const fresh = a.memory.within('/acme/web').public
    for (const options of [{}, { base: [] }, { overwrite: true }]) {
      await expect(fresh.put('key', 'c', options)).rejects.toMatchObject({ code: 'CORE_STALE_BASE' })
    }
  })

  it('has a deletion that comes last read as absent; deleting it or writing there is then for everybody', async () => {
    const [a, b] = (await devices(2, SCOPE, [{ mode: 'auto_lww' }])) as [Device, Device]
    await a.memory.public.put('key', 'start')
    await syncAll([a, b])
    await a.memory.public.put('key', 'edited')
    b.runtime.nowMs = a.runtime.nowMs + 1000
    await b.memory.public.delete('key', { base: await b.memory.public.get('key') })
    await syncAll([a, b])
    expect(await opinions(a, 'key')).toEqual(allSay('absent'))
    const fresh = a.memory.within('/acme/web').public
    await expect(fresh.put('key', 'c')).rejects.toMatchObject({ code: 'CORE_STALE_BASE' })
    expect(await a.memory.public.delete('key', { base: await a.memory.public.get('key') })).toBeDefined()
    await pull(b, a)
    expect(await opinions(b, 'key')).toEqual(allSay('absent'))
  })

  it('of keep_all reads the latest that can be read, with every version in the decision', async () => {
    const [a, b] = (await devices(2, SCOPE, [{ mode: 'keep_all' }])) as [Device, Device]
    await a.memory.public.put('key', 'start')
    await syncAll([a, b])
    await a.memory.public.put('key', 'edited')
    b.runtime.nowMs = a.runtime.nowMs + 1000
    await b.memory.public.delete('key', { base: await b.memory.public.get('key') })
    await syncAll([a, b])
    const read = await a.memory.public.get('key')
    expect(read).toMatchObject({ state: 'value', value: 'edited', settledBy: { mode: 'keep_all' } })
    expect(read.state === 'value' && read.settledBy?.conflict.versions.map(({ kind }) => kind)).toEqual([
      'value',
      'deleted'
    ])
  })

  it('P33: never settles a fork, nor what cannot be opened', async () => {
    for (const mode of ['auto_lww', 'keep_all', 'ai_merge'] as const) {
      const [a, b] = (await devices(2, SCOPE, [{ mode }])) as [Device, Device]
      const forger = new Forger(b.replica)
      for (const value of ['one', 'two']) {
        await a.replica.ingest(forger.batch([forger.entry('/acme/web/fork', 1, { value })]))
      }
      const lying = forger.entry('/acme/web/sealed', 2, { sealedPath: '/acme/web/other' })
      await a.replica.ingest(forger.batch([lying]))
      const kinds = (await collect(a.memory.getUnresolvedConflicts())).map(({ kind }) => kind)
      expect(kinds.sort(), mode).toEqual(['fork', 'unreadable'])
      expect(await collect(a.memory.getSettledConflicts())).toEqual([])
    }
  })

  it('is announced as settled, and a contested path as found', async () => {
    const [a, b] = (await devices(2, SCOPE, [
      { policies: [{ mode: 'auto_lww', scope: SCOPE, pattern: 'log/**' }] }
    ])) as [Device, Device]
    const heard: string[] = []
    a.memory.addEventListener('conflict:found', ({ detail }) => heard.push(`found ${detail.path}`))
    const settled = new Promise<void>((resolve) => {
      a.memory.addEventListener('conflict:settled', ({ detail }) => {
        heard.push(`${detail.by} ${detail.path}`)
        if (detail.by === 'resolution') resolve()
      })
    })
    for (const device of [a, b]) {
      for (const path of ['key', 'log/today']) {
        await device.memory.public.put(path, device.replica.device)
      }
    }
    const report = await pullReport(a, b)
    expect(report.conflicts, 'a sync counts what is contested').toBe(1)
    await a.memory.resolveConflict((await a.memory.getConflict('key')).id, { keep: 'local' })
    await settled
    expect(heard.sort()).toEqual([
      'auto_lww /acme/web/log/today',
      'found /acme/web/key',
      'resolution /acme/web/key'
    ])
  })
})

describe('where a policy counts', () => {
  const cases: [string, ConflictSettings['policies'], ConflictMode][] = [
    ['config/timeout', [{ mode: 'auto_lww', pattern: 'acme/web/config/*' }], 'auto_lww'],
    ['config/timeout', [{ mode: 'auto_lww', scope: '/acme/web', pattern: 'config/*' }], 'auto_lww'],
    ['config/deep/timeout', [{ mode: 'auto_lww', scope: '/acme/web', pattern: 'config/*' }], 'manual'],
    ['config/deep/timeout', [{ mode: 'auto_lww', scope: '/acme/web', pattern: 'config/**' }], 'auto_lww'],
    ['config/timeout', [{ mode: 'auto_lww', scope: '/acme/we' }], 'manual'],
    ['configuration', [{ mode: 'auto_lww', scope: '/acme/web', pattern: 'config' }], 'manual'],
    ['.hidden', [{ mode: 'auto_lww', scope: '/acme/web', pattern: '*' }], 'auto_lww'],
    ['a(b)', [{ mode: 'auto_lww', scope: '/acme/web', pattern: 'a(b)' }], 'auto_lww'],
    [
      'log/kept',
      [
        { mode: 'manual', scope: '/acme/web/log', pattern: 'kept' },
        { mode: 'auto_lww', scope: '/acme/web/log' }
      ],
      'manual'
    ],
    ['cafe\u0301', [{ mode: 'keep_all', scope: '/acme/web', pattern: 'caf\u00e9' }], 'keep_all']
  ]
  it.each(cases)('%s with %j is %s', async (path, policies = [], mode) => {
    const [a] = (await devices(1, SCOPE, [{ policies }])) as [Device]
    expect(a.memory.conflictModeAt(path)).toBe(mode)
  })

  it('is checked when memory is opened', async () => {
    const bad: ConflictSettings[] = [
      { mode: 'newest' as ConflictMode },
      { retentionMs: Number.NaN },
      { windowMs: -1 },
      { alertOpen: 0 },
      { alertPerDay: 1.5 },
      { auto: true },
      { policies: [{ mode: 'keep_all', auto: true }] },
      { mode: 'ai_merge', auto: 'yes' as never },
      { policies: [{ mode: 'auto_lww', pattern: '' }] },
      { policies: [{ mode: 'auto_lww', pattern: 'x'.repeat(2000) }] },
      { policies: [{ mode: 'auto_lww', scope: 'relative' }] },
      { policies: Array.from({ length: 300 }, () => ({ mode: 'auto_lww' }) as const) }
    ]
    for (const settings of bad) {
      const code = settings.policies?.[0]?.scope === undefined ? 'CORE_BAD_OPTION' : 'CORE_BAD_PATH'
      await expect(devices(1, SCOPE, [settings])).rejects.toMatchObject({ code })
    }
  })
})

/** Pulls a whole feed in one page, and answers what came of it. */
async function pullReport(to: Device, from: Device): Promise<IngestReport> {
  const whole = new Uint8Array(0)
  const { batch } = await from.replica.readFeed({ after: 0n, scope: whole, shared: [whole] })
  return to.replica.ingest(batch)
}
