import { describe, expect, it } from 'vitest'
import { type AuditRecorder, recorderOf } from '../../src/audit/index.ts'
import type { AuditRecord, Domain, EntryId, Memory } from '../../src/index.ts'
import { auditKey } from '../../src/replica/rows.ts'
import { collect, type Device, devices, openDevice } from '../support/world.ts'

const NOW: EntryId = 'a'.repeat(32) as EntryId

async function open(): Promise<{ here: Device; memory: Memory; recorder: AuditRecorder }> {
  const [here] = (await devices(1, '/acme')) as [Device]
  return { here, memory: here.memory, recorder: recorderOf(here.memory.audit) as AuditRecorder }
}

function given(
  path: string,
  domain: Domain = 'public'
): { domain: Domain; path: string; entryIds: EntryId[] } {
  return { domain, path, entryIds: [NOW] }
}

async function seqs(records: AsyncIterable<AuditRecord>): Promise<number[]> {
  return (await collect(records)).map(({ seq }) => seq)
}

describe('what is on record', () => {
  it('can be read as it was recorded, with the time of this device', async () => {
    const { here, memory, recorder } = await open()
    const before = here.runtime.nowMs
    await memory.public.put('web/a', 1)
    await recorder.record({
      kind: 'delivery',
      agent: 'reviewer',
      scope: '/acme',
      memories: [given('/acme/web/a')]
    })
    await recorder.record({
      kind: 'refusal',
      agent: 'reviewer',
      scope: '/acme/web',
      conflicts: ['k7q2m4x9p3ab'],
      code: 'GUARD_CONFLICT_PENDING',
      of: 1
    })
    const [refusal, delivery] = await collect(memory.audit.list())
    expect(refusal).toEqual({
      seq: 2,
      at: expect.any(Number) as number,
      kind: 'refusal',
      agent: 'reviewer',
      scope: '/acme/web',
      conflictCount: 1,
      conflicts: ['k7q2m4x9p3ab'],
      memories: [],
      code: 'GUARD_CONFLICT_PENDING',
      of: 1
    })
    expect(delivery).toMatchObject({
      seq: 1,
      memories: [given('/acme/web/a')],
      code: undefined,
      of: undefined
    })
    expect(delivery?.at).toBeGreaterThanOrEqual(before)
  })

  it('names 64 conflicts of however many there were', async () => {
    const { memory, recorder } = await open()
    const conflicts = Array.from({ length: 100 }, (_, i) => String(i).padStart(12, 'a'))
    await recorder.record({ kind: 'refusal', scope: '/acme', conflicts })
    const [record] = await collect(memory.audit.list())
    expect(record).toMatchObject({ conflictCount: 100, conflicts: conflicts.slice(0, 64) })
  })

  it('tells names from what is live, deleted or replaced, and tokens when nothing here says the name', async () => {
    const { memory, recorder } = await open()
    await memory.public.put('gone', 1)
    await memory.public.delete('gone')
    await memory.private.put('own', 1)
    const memories = [given('/acme/gone'), given('/acme/own', 'private'), given('/acme/never')]
    await recorder.record({ kind: 'delivery', scope: '/acme', memories })
    const [record] = await collect(memory.audit.list())
    const [gone, own, never] = record?.memories ?? []
    expect([gone?.path, own?.path]).toEqual(['/acme/gone', '/acme/own'])
    expect(never?.path).toMatch(/^\/\0[0-9a-f]{64}$/)
  })

  it('holds no name below its scope, and is in no row that sync can read', async () => {
    const { here, recorder } = await open()
    await recorder.record({ kind: 'delivery', scope: '/acme', memories: [given('/acme/salary')] })
    const row = await here.store.partition('local').get(auditKey(1))
    expect(Buffer.from(row as Uint8Array).includes('salary')).toBe(false)
    expect(Buffer.from(row as Uint8Array).includes('/acme')).toBe(true)
    for (const partition of ['public', 'private'] as const) {
      expect(await here.store.partition(partition).get(auditKey(1))).toBeUndefined()
    }
  })

  it('is still there when the store is opened again', async () => {
    const { here, recorder } = await open()
    await recorder.record({ kind: 'check', scope: '/acme' })
    const again = await openDevice(here.store, here.runtime, '/acme')
    expect(await seqs(again.memory.audit.list())).toEqual([1])
    expect(await again.memory.audit.verify()).toMatchObject({ state: 'intact', records: 1 })
  })
})

describe('list', () => {
  async function openSome(): Promise<Memory> {
    const { memory, recorder } = await open()
    await recorder.record({ kind: 'check', agent: 'one', scope: '/acme' }) // 1
    await recorder.record({
      kind: 'delivery',
      agent: 'one',
      scope: '/acme',
      memories: [given('/acme/web/a'), given('/acme/web/a', 'private'), given('/acme/website/b')]
    }) // 2
    await recorder.record({ kind: 'check', agent: 'two', scope: '/acme/website' }) // 3
    await recorder.record({ kind: 'delivery', agent: 'two', scope: '/acme/web/x' }) // 4
    await recorder.record({ kind: 'delivery', scope: '/acme', memories: [given('/acme/web/a', 'private')] }) // 5
    for (const path of ['web/a', 'website/b']) await memory.public.put(path, 1)
    await memory.private.put('web/a', 1)
    return memory
  }

  it('picks by agent, kind, time, and by the memory they are about, segment by segment', async () => {
    const { audit } = await openSome()
    const [, fourth] = await collect(audit.list())
    expect(await seqs(audit.list())).toEqual([5, 4, 3, 2, 1])
    expect(await seqs(audit.list({ agent: 'one' }))).toEqual([2, 1])
    expect(await seqs(audit.list({ kind: 'check' }))).toEqual([3, 1])
    expect(await seqs(audit.list({ since: fourth?.at as number }))).toEqual([5, 4])
    expect(await seqs(audit.list({ path: 'web/a' }))).toEqual([5, 2])
    expect(await seqs(audit.list({ path: 'web/a', domain: 'public' }))).toEqual([2])
    expect(await seqs(audit.list({ path: 'web' }))).toEqual([])
    await expect(collect(audit.list({ path: '/other/a' }))).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
  })

  it('shows a narrower handle what concerns its scope, and no memory outside it', async () => {
    const memory = await openSome()
    const records = await collect(memory.within('web').audit.list())
    expect(records.map(({ seq }) => seq)).toEqual([5, 4, 2, 1])
    expect(records[2]?.memories).toEqual([given('/acme/web/a'), given('/acme/web/a', 'private')])
    expect(await seqs(memory.within('api').audit.list())).toEqual([1])
  })

  it('of one domain shows no memory of the other, and no record that is about that alone', async () => {
    const { audit } = await openSome()
    const records = await collect(audit.list({ domain: 'public' }))
    expect(records.map(({ seq }) => seq)).toEqual([4, 3, 2, 1])
    expect(JSON.stringify(records)).not.toContain('private')
  })
})

describe('the means to record', () => {
  it('is given for a genuine trail alone', async () => {
    const { memory } = await open()
    const { audit } = memory
    const lookAlikes = [
      undefined,
      null,
      {},
      memory,
      { ...audit },
      new Proxy(audit, {}),
      Object.create(audit) as unknown,
      Object.create(Object.getPrototypeOf(audit) as object) as unknown
    ]
    for (const lookAlike of lookAlikes) expect(recorderOf(lookAlike)).toBeUndefined()
    expect(recorderOf(audit)).toBeDefined()
  })

  it('is not part of the trail, nor can the trail or the recorder be patched', async () => {
    const { memory, recorder } = await open()
    const trail = Object.getPrototypeOf(memory.audit) as object
    expect(Object.getOwnPropertyNames(trail).sort()).toEqual(['constructor', 'list', 'verify'])
    for (const target of [trail, trail.constructor, recorder]) {
      expect(() => Object.assign(target, { record: async () => 1 })).toThrow(TypeError)
    }
  })

  it('refuses a scope or a path that is none', async () => {
    const { recorder } = await open()
    for (const event of [
      { kind: 'check', scope: 'acme' } as const,
      { kind: 'delivery', scope: '/acme', memories: [given('//')] } as const
    ]) {
      await expect(recorder.record(event)).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    }
  })
})
