import { describe, expect, it } from 'vitest'
import type { ConflictSettings, Merge, MergeRequest, Merger, Version } from '../../src/index.ts'
import { MAX_RATIONALE_BYTES } from '../../src/limits.ts'
import { Forger } from '../support/forge.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

const SCOPE = '/acme/web'
const MERGE: Merge = { value: 'a and b', model: 'scripted 1', promptHash: 'abc', rationale: 'both matter' }

/** Two devices that changed one text without having seen each other, and know it. */
async function contested(
  settings: ConflictSettings = { mode: 'ai_merge', auto: true }
): Promise<[Device, Device, string]> {
  const [a, b] = (await devices(2, SCOPE, [settings])) as [Device, Device]
  await a.memory.public.put('key', 'start', { category: 'notes' })
  await syncAll([a, b])
  for (const [device, value] of [[a, 'a'] as const, [b, 'b'] as const]) {
    await device.memory.public.get('key')
    await device.memory.public.put('key', value, { category: 'notes', tags: [value] })
    b.runtime.nowMs = a.runtime.nowMs + 1000
  }
  await syncAll([a, b])
  return [a, b, (await a.memory.getConflict('key')).id]
}

function answering(merge: Partial<Merge> = {}): Merger {
  return async () => ({ ...MERGE, ...merge })
}

/** What reads of a path give: its state, and the value if there is one. */
async function seen({ memory }: Device, path: string): Promise<unknown[]> {
  const read = await memory.public.get(path)
  return read.state === 'value' ? [read.state, read.value] : [read.state]
}

describe('a merger', () => {
  it('is given the conflict with all its versions, their common ancestor, and the caller’s signal', async () => {
    const [a, , id] = await contested()
    const { signal } = new AbortController()
    let request: MergeRequest | undefined
    const merger: Merger = async (given) => {
      request = given
      return MERGE
    }
    await a.memory.proposeMerge(id, merger, { signal })
    expect(request?.conflict.versions.map(({ value }) => value)).toEqual(['a', 'b'])
    expect(request?.ancestor).toMatchObject({ value: 'start' })
    expect(request?.signal).toBe(signal)
  })

  it('may answer late: what it made of versions that are others by then is not kept', async () => {
    const [a, b, id] = await contested()
    const merger: Merger = async () => {
      const { id: current } = await b.memory.getConflict('key')
      await b.memory.resolveConflict(current, { value: 'settled meanwhile' })
      await pull(a, b)
      return MERGE
    }
    await expect(a.memory.proposeMerge(id, merger)).rejects.toMatchObject({ code: 'CORE_STALE_CONFLICT' })
    await expect(a.memory.getProposal(id)).rejects.toMatchObject({ code: 'CORE_STALE_CONFLICT' })
    expect(await seen(a, 'key')).toEqual(['value', 'settled meanwhile'])
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('may fail or be given up: nothing is stored, and its own error comes out', async () => {
    const [a, , id] = await contested()
    const failing: Merger = async () => {
      throw new Error('the model is down')
    }
    await expect(a.memory.proposeMerge(id, failing)).rejects.toThrow('the model is down')
    const controller = new AbortController()
    const abandoned: Merger = async () => {
      controller.abort(new Error('the owner left'))
      return MERGE
    }
    await expect(a.memory.proposeMerge(id, abandoned, controller)).rejects.toThrow('the owner left')
    expect(await a.memory.getProposal(id)).toBeUndefined()
  })

  const unusable: [string, Partial<Record<keyof Merge, unknown>>, string][] = [
    ['no value', { value: undefined }, 'CORE_BAD_VALUE'],
    ['a value that is no JSON', { value: { at: new Date() } }, 'CORE_BAD_VALUE'],
    ['a value that is too large', { value: 'x'.repeat(2 ** 21) }, 'CORE_VALUE_TOO_LARGE'],
    ['no model', { model: undefined }, 'CORE_BAD_OPTION'],
    ['a model that is no text', { model: { toString: () => 'x' } }, 'CORE_BAD_OPTION'],
    ['half a character', { promptHash: '\ud800' }, 'CORE_BAD_OPTION'],
    ['a long content type', { contentType: 'x'.repeat(300) }, 'CORE_BAD_OPTION'],
    ['a novel for a reason', { rationale: 'x'.repeat(MAX_RATIONALE_BYTES + 1) }, 'CORE_BAD_OPTION']
  ]
  it.each(unusable)('that answers with %s is refused', async (_name, merge, code) => {
    const [a, , id] = await contested()
    await expect(a.memory.proposeMerge(id, answering(merge as Partial<Merge>))).rejects.toMatchObject({
      code
    })
    expect(await a.memory.getProposal(id)).toBeUndefined()
  })

  it('has to be asked about a conflict that is there', async () => {
    const [a, , id] = await contested()
    await expect(a.memory.proposeMerge('aaaaaaaaaaaa', answering())).rejects.toMatchObject({
      code: 'CORE_CONFLICT_NOT_FOUND'
    })
    await expect(a.memory.within('elsewhere').proposeMerge(id, answering())).rejects.toMatchObject({
      code: 'CORE_CONFLICT_NOT_FOUND'
    })
  })
})

describe('a proposal', () => {
  it('is kept across restarts with its model and prompt, and is not sent to anybody', async () => {
    const [a, b, id] = await contested({ mode: 'manual' })
    const head = (): Promise<unknown> => a.replica.headOf(a.replica.actor)
    const before = [await head(), a.replica.end.lsn]
    const proposal = await a.memory.proposeMerge(id, answering({ value: { all: [1, 'two'] } }))
    expect(proposal).toMatchObject({
      conflictId: id,
      path: '/acme/web/key',
      value: { all: [1, 'two'] },
      contentType: 'application/json',
      model: 'scripted 1',
      promptHash: 'abc',
      rationale: 'both matter',
      refusedAt: undefined
    })
    expect([await head(), a.replica.end.lsn], 'nothing to sync').toEqual(before)
    const again = await openDevice(a.store, a.runtime)
    expect(await again.memory.getProposal(id)).toEqual(proposal)
    await syncAll([a, b])
    expect(await b.memory.getProposal(id)).toBeUndefined()
  })

  it('changes nothing where people decide, and is written once it is accepted', async () => {
    const [a, b, id] = await contested({ mode: 'manual' })
    await a.memory.proposeMerge(id, answering())
    expect(await seen(a, 'key')).toEqual(['conflict'])
    await a.memory.resolveConflict(id, { keep: 'proposal' }, { agent: 'owner' })
    await pull(b, a)
    expect(await b.memory.public.get('key')).toMatchObject({
      value: 'a and b',
      version: { category: 'notes', tags: ['a', 'b'], agent: 'owner' }
    })
    expect(await fsck(a.replica, a.store)).toEqual([])
    await a.memory.undo('key')
    const values = (await a.memory.getConflict('key')).versions.map(({ value }) => value)
    expect(values, 'P34').toEqual(['a', 'b'])
  })

  it('is read where the policy says so, for exactly these versions, and settles them with the next put', async () => {
    const [a, b, id] = await contested()
    expect(await seen(a, 'key')).toEqual(['conflict'])
    await a.memory.proposeMerge(id, answering())
    const read = await a.memory.public.get('key')
    expect(read).toMatchObject({
      value: 'a and b',
      version: { value: 'a and b', tags: ['a', 'b'] },
      settledBy: { mode: 'ai_merge', conflict: { id }, proposal: { model: 'scripted 1' } }
    })
    expect((await collect(a.memory.getSettledConflicts()))[0]?.settledBy).toEqual({
      by: 'policy',
      mode: 'ai_merge'
    })
    await using snapshot = a.memory.snapshot()
    await b.memory.public.put('key', 'c', { base: await b.memory.public.get('key') })
    await pull(a, b)
    expect(await seen(a, 'key')).toEqual(['value', 'c'])
    expect(await snapshot.get('public', 'key'), 'a snapshot stays as it was').toMatchObject({
      value: 'a and b'
    })
    await a.memory.public.put('key', 'd')
  })

  it('waits for its owner where the policy does not say that it may be read, and is announced to nobody', async () => {
    const [a, , id] = await contested({ policies: [{ mode: 'ai_merge' }] })
    const heard: string[] = []
    for (const type of ['conflict:found', 'conflict:settled'] as const) {
      a.memory.addEventListener(type, () => heard.push(type))
    }
    await a.memory.proposeMerge(id, answering())
    expect(await seen(a, 'key')).toEqual(['conflict'])
    expect(heard).toEqual([])
    await a.memory.resolveConflict(id, { keep: 'proposal' })
    expect(await seen(a, 'key')).toEqual(['value', 'a and b'])
  })

  it('is nothing to go by as soon as another version has come', async () => {
    const [a, b, id] = await contested()
    await a.memory.proposeMerge(id, answering())
    const forger = new Forger(b.replica)
    const late = forger.entry('/acme/web/key', 1, { value: 'c' })
    await a.replica.ingest(forger.batch([late]))
    expect(await seen(a, 'key')).toEqual(['conflict'])
    await expect(a.memory.resolveConflict(id, { keep: 'proposal' })).rejects.toMatchObject({
      code: 'CORE_STALE_CONFLICT'
    })
    const { id: current } = await a.memory.getConflict('key')
    await expect(a.memory.resolveConflict(current, { keep: 'proposal' })).rejects.toMatchObject({
      code: 'CORE_PROPOSAL_NOT_FOUND'
    })
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('that is refused is contested again, stays known, and makes room for another', async () => {
    const [a, , id] = await contested()
    const heard: string[] = []
    a.memory.addEventListener('conflict:found', () => heard.push('found'))
    a.memory.addEventListener('conflict:settled', ({ detail }) => heard.push(detail.by))
    await expect(a.memory.refuseProposal(id)).rejects.toMatchObject({ code: 'CORE_PROPOSAL_NOT_FOUND' })
    await a.memory.proposeMerge(id, answering())
    await a.memory.refuseProposal(id)
    await a.memory.refuseProposal(id)
    expect(await seen(a, 'key')).toEqual(['conflict'])
    expect((await a.memory.getProposal(id))?.refusedAt).toBeGreaterThan(0)
    await expect(a.memory.resolveConflict(id, { keep: 'proposal' })).rejects.toMatchObject({
      code: 'CORE_PROPOSAL_NOT_FOUND'
    })
    await a.memory.proposeMerge(id, answering({ value: 'better' }))
    expect(await seen(a, 'key')).toEqual(['value', 'better'])
    expect(heard).toEqual(['ai_merge', 'found', 'ai_merge'])
  })

  it('is found by a search from then on, and what it merged is not', async () => {
    const [a, , id] = await contested()
    const found = async (query: string): Promise<number> => (await collect(a.memory.search(query))).length
    expect([await found('start'), await found('reconciled')]).toEqual([0, 0])
    await a.memory.proposeMerge(id, answering({ value: 'reconciled' }))
    expect(await found('reconciled')).toBe(1)
    await a.memory.refuseProposal(id)
    expect(await found('reconciled')).toBe(0)
  })
})

describe('the common ancestor', () => {
  it('is the latest version that all sides come from, by id or path, and none when they share no past', async () => {
    const [a, b, id] = await contested()
    const ancestors: (Version | undefined)[] = [
      await a.memory.commonAncestor(id),
      await b.memory.commonAncestor('key')
    ]
    expect(ancestors.map((version) => version?.value)).toEqual(['start', 'start'])
    await a.memory.public.put('new', 1)
    await b.memory.public.put('new', 2)
    await syncAll([a, b])
    expect(await a.memory.commonAncestor('new')).toBeUndefined()
    await expect(a.memory.commonAncestor('nowhere')).rejects.toMatchObject({
      code: 'CORE_CONFLICT_NOT_FOUND'
    })
  })
})
