import { type ActorId, timestampFromMs } from '@cis-memory/clock'
import type { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { type Commit, signCommit } from '../../src/entry/commit.ts'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { merkleLeaf } from '../../src/entry/merkle.ts'
import { createFork } from '../../src/entry/records.ts'
import type { SpaceId } from '../../src/entry/space-keys.ts'
import type { Batch } from '../../src/sync/batch.ts'
import { type ForgedEntry, Forger } from '../support/forge.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

const FROM_THE_START = {
  after: 0n,
  scope: new Uint8Array(0),
  shared: [new Uint8Array(0)]
}

/** A batch whose commits have signatures that do not hold. */
function misattested(batch: Batch): Batch {
  const spoil = (commit: Commit): Commit => ({
    ...commit,
    signature: commit.signature.map((byte) => byte ^ 1)
  })
  return {
    ...batch,
    commits: batch.commits.map(({ commit, leaves }) => ({ commit: spoil(commit), leaves })),
    entries: batch.entries.map((entry) => ({ ...entry, commit: spoil(entry.commit) }))
  }
}

async function pair(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

describe('ingest', () => {
  it('P26: refuses a whole batch for one wrong byte, and keeps nothing of it', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const entries = [forger.entry('/acme/web/x', 1), forger.entry('/acme/web/y', 2)]
    const good = forger.batch(entries)
    const [first] = good.entries as [Batch['entries'][number]]
    const flipped = first.cipher.slice()
    flipped[30] = (flipped[30] as number) ^ 1
    const { commit } = first
    const leaves = entries.map(({ header }) => merkleLeaf(header.digest))
    const other = forger.entry('/acme/web/z', 1, { hlc: first.header.hlc })
    const signature = commit.signature.slice()
    signature[5] = (signature[5] as number) ^ 1
    const bad: Batch[] = [
      { ...good, entries: [...good.entries.slice(1), { ...first, cipher: flipped }] },
      { ...good, entries: [{ ...first, cipher: first.cipher.subarray(1) }] },
      { ...good, entries: [{ ...first, path: new Uint8Array(16) }] },
      { ...good, entries: [{ ...first, path: new Uint8Array(0) }] },
      { ...good, entries: [{ ...first, path: undefined }] },
      {
        ...good,
        commits: [
          {
            commit: { ...commit, signature },
            leaves: undefined
          }
        ]
      },
      { ...good, commits: [{ commit, leaves: [new Uint8Array(16)] }] },
      { ...good, commits: [{ commit, leaves }], entries: [{ ...other, commit, path: undefined }] },
      { ...good, records: [{ ...forger.epoch, signature: new Uint8Array(64) }] }
    ]
    const tip = a.replica.end.lsn
    for (const batch of bad) {
      await expect(a.replica.ingest(batch)).rejects.toMatchObject({ code: 'SYNC_BAD_PROOF' })
    }
    expect(a.replica.end.lsn).toBe(tip)
    expect(await a.replica.ingest(good)).toMatchObject({ applied: 2, held: 0 })
    expect(await a.replica.ingest(good)).toMatchObject({ applied: 0, known: 2 })
  })

  it('takes the commit of a head, too, with no other signature than the one it has checked', async () => {
    const [a, b] = await pair()
    await b.memory.public.put('key', 'b')
    const { batch } = await b.replica.readFeed(FROM_THE_START)
    await a.replica.ingest({ ...batch, entries: [] })
    await expect(a.replica.ingest(misattested(batch))).rejects.toMatchObject({
      code: 'SYNC_BAD_PROOF'
    })
    expect(await a.replica.ingest(batch)).toMatchObject({ applied: 1 })
  })

  it('lets nothing that came without a proof stand in the way of the same with one', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const hlc = timestampFromMs(a.runtime.nowMs + 86_400_000)
    const batch = forger.batch([forger.entry('/acme/web/key', 1, { hlc })])
    expect(await a.replica.ingest({ ...misattested(batch), records: [] })).toMatchObject({ held: 1 })
    expect(await a.replica.ingest(batch)).toMatchObject({ held: 1 })
    expect(a.replica.pendingCount).toBe(1)
    a.runtime.nowMs += 86_400_000
    await a.replica.ingest({ records: [], commits: [], entries: [] })
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'value', value: 'forged 1' })
  })

  it('P9: holds an entry until every dot of its context is proven, then applies it', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    await b.memory.public.put('key', 'b')
    const context = new Map([[b.replica.actor, 1]])
    b.runtime.nowMs += 5000
    const entry = forger.entry('/acme/web/key', 1, { context, value: 'after b' })
    expect(await a.replica.ingest(forger.batch([entry]))).toMatchObject({ applied: 0, held: 1 })
    expect(a.replica.pendingCount).toBe(1)
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'absent' })
    await pull(a, b)
    expect(a.replica.pendingCount).toBe(0)
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'value', value: 'after b' })
  })

  it('P9: never lets a claim about writes that do not exist bury the writes to come', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const context = new Map([[a.replica.actor, 1_000_000]])
    const inflated = forger.entry('/acme/web/key', 1, { context })
    await a.memory.public.put('key', 'mine')
    expect(await a.replica.ingest(forger.batch([inflated]))).toMatchObject({ held: 1 })
    expect(await a.memory.public.get('key')).toMatchObject({ value: 'mine' })
  })

  it('holds what an unknown device or a non-member wrote until its records come', async () => {
    const [a, b] = await pair()
    const stranger = new DeviceKey(new Uint8Array(32).fill(3))
    const forger = new Forger(b.replica, stranger)
    const batch = forger.batch([forger.entry('/acme/web/key', 1)])
    expect(await a.replica.ingest({ ...batch, records: [] })).toMatchObject({ held: 1 })
    expect(await a.replica.ingest(batch)).toMatchObject({ applied: 0 })
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'absent' })
    const { createMember } = await import('../../src/entry/records.ts')
    const member = createMember(
      a.replica.key,
      a.replica.space,
      { device: stranger.id, role: 'member', name: 'late' },
      timestampFromMs(a.runtime.now())
    )
    await a.replica.ingest({ records: [...batch.records, member], commits: [], entries: [] })
    expect(await a.memory.public.get('key')).toMatchObject({
      state: 'value',
      version: { deviceName: 'late' }
    })
  })

  it('refuses what a member has signed for another space, also before it knows the writer', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const batch = forger.batch([forger.entry('/acme/web/key', 1, { space: 'f'.repeat(32) as SpaceId })])
    for (const records of [[], batch.records]) {
      await expect(a.replica.ingest({ ...batch, records })).rejects.toMatchObject({
        code: 'SYNC_BAD_PROOF'
      })
    }
    expect(a.replica.pendingCount).toBe(0)
  })

  it('takes no member record from somebody who is no admin', async () => {
    const [a, b] = await pair()
    const { createMember } = await import('../../src/entry/records.ts')
    const friend = new DeviceKey(new Uint8Array(32).fill(4))
    const member = createMember(
      b.replica.key,
      b.replica.space,
      { device: friend.id, role: 'member', name: 'friend' },
      timestampFromMs(0)
    )
    await a.replica.ingest({ records: [member], commits: [], entries: [] })
    expect(a.replica.isMember(friend.id)).toBe(false)
  })

  it('delays an entry dated far ahead until its time, and loses nothing by it', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const hlc = timestampFromMs(a.runtime.nowMs + 3600_000)
    const entry = forger.entry('/acme/web/key', 1, { hlc, value: 'tomorrow' })
    expect(await a.replica.ingest(forger.batch([entry]))).toMatchObject({ held: 1 })
    a.runtime.nowMs += 3600_000
    const received = new Promise((resolve) => a.memory.addEventListener('entry:received', resolve))
    a.runtime.fireTimers()
    await received
    expect(await a.memory.public.get('key')).toMatchObject({ value: 'tomorrow' })
  })

  it('keeps held entries across a restart', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    await b.memory.public.put('key', 'b')
    const entry = forger.entry('/acme/web/key', 1, { context: new Map([[b.replica.actor, 1]]) })
    await a.replica.ingest(forger.batch([entry]))
    const again = await openDevice(a.store, a.runtime)
    expect(again.replica.pendingCount).toBe(1)
    await pull(again, b)
    expect(again.replica.pendingCount).toBe(0)
  })

  it('P28: bounds what it holds, and reads a feed again whose held entries it dropped', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const ghost = 'f'.repeat(32) as ActorId
    const feed = new Uint8Array(16).fill(2)
    const scope = new Uint8Array(0)
    const told = { lsn: 65n, mark: new Uint8Array(8).fill(3) }
    const reading = { store: feed, known: undefined, isContinued: false, told, feed, scope }
    const lsn = async (): Promise<bigint> => (await a.replica.progressOf(feed, feed, scope)).lsn
    const entries = Array.from({ length: 64 }, (_, i) =>
      forger.entry(`/acme/web/k${i}`, i + 1, { context: new Map([[ghost, 1]]) })
    )
    const { MAX_HELD_ENTRIES } = await import('../../src/limits.ts')
    await a.replica.ingest(forger.batch(entries), { ...reading, after: 0n, next: 64n })
    expect(await lsn()).toBe(64n)
    // They come again from a store that goes by the name of the first: it is the one to be asked again.
    const other = { ...reading, known: told, told: { lsn: 66n, mark: new Uint8Array(8).fill(4) } }
    await a.replica.ingest(forger.batch(entries), { ...other, after: 0n, next: 64n })
    expect(await lsn()).toBe(64n)
    let n = 65
    while (a.replica.pendingCount < MAX_HELD_ENTRIES) {
      const more = Array.from({ length: 64 }, () =>
        forger.entry(`/acme/web/k${n}`, n++, { context: new Map([[ghost, 1]]) })
      )
      await a.replica.ingest(forger.batch(more))
    }
    const last = forger.entry('/acme/web/last', n, { context: new Map([[ghost, 1]]) })
    await a.replica.ingest(forger.batch([last]))
    expect(a.replica.pendingCount).toBe(MAX_HELD_ENTRIES)
    expect(await lsn()).toBe(0n)
    const next = forger.batch([forger.entry('/acme/web/next', n + 1)])
    await a.replica.ingest(next, { ...other, after: 64n, next: 65n })
    expect(await lsn(), 'the reading that was under way goes on').toBe(0n)
    await a.replica.ingest(next, { ...other, after: 0n, next: 65n })
    expect(await lsn(), 'it was read from the start').toBe(65n)
  }, 60_000)

  it('shows what it cannot open, and lets it block rather than vanish', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const lying = forger.entry('/acme/web/key', 1, { sealedPath: '/acme/web/other' })
    await a.memory.public.put('key', 'readable')
    expect(await a.replica.ingest(forger.batch([lying]))).toMatchObject({ applied: 1, conflicts: 1 })
    const conflict = await a.memory.getConflict('key')
    expect(conflict.kind).toBe('unreadable')
    expect(conflict.versions.map((version) => version.kind).sort()).toEqual(['unreadable', 'value'])
    await a.memory.resolveConflict(conflict.id, { keep: 'local' })
    expect(await a.memory.public.get('key')).toMatchObject({ value: 'readable' })
  })

  it('tells the scope it lies in, and no other, of a version that nobody here can open', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const heard: string[] = []
    const inScope = new Promise<void>((resolve) => {
      a.memory.addEventListener('conflict:found', () => resolve())
    })
    a.memory.within('elsewhere').addEventListener('conflict:found', () => heard.push('elsewhere'))
    const lying = forger.entry('/acme/web/key', 1, { sealedPath: '/acme/web/other' })
    await a.replica.ingest(forger.batch([lying]))
    await inScope
    expect(heard).toEqual([])
  })

  it('P16: keeps both entries of a fork, keeps the proof, and tells every replica', async () => {
    const [a, b] = await pair()
    const forger = new Forger(b.replica)
    const one = forger.entry('/acme/web/key', 1, { value: 'one' })
    const two = forger.entry('/acme/web/key', 1, { value: 'two' })
    const forked = new Promise<string>((resolve) => {
      a.memory.addEventListener('fork:found', (event) => resolve(event.detail.actor))
    })
    await a.replica.ingest(forger.batch([one]))
    await a.replica.ingest(forger.batch([two]))
    expect(await forked).toBe(forger.actor)
    expect((await a.memory.getConflict('key')).kind).toBe('fork')
    await syncAll([a, b])
    expect(b.replica.membership.isForked(forger.actor)).toBe(true)
    const conflict = await b.memory.getConflict('key')
    expect(conflict.versions.map((version) => version.value).sort()).toEqual(['one', 'two'])
    await b.memory.resolveConflict(conflict.id, { value: 'settled' })
    await pull(a, b)
    expect(await a.memory.public.get('key')).toMatchObject({ value: 'settled' })
  })

  it.each([
    ['after it', ['here', 'next']],
    ['before it', ['next', 'here']],
    ['after it, though others have come since', ['here', 'far', 'next']],
    ['before it, though others have come since', ['next', 'far', 'here']]
  ] as const)(
    'P16: proves a fork by a commit that goes on from another than the one that comes %s',
    async (_, order) => {
      const [a, b] = await pair()
      const forger = new Forger(b.replica)
      const [first, second, seventh] = [1, 2, 7].map((n) => [forger.entry(`/acme/web/${n}`, n)]) as [
        [ForgedEntry],
        [ForgedEntry],
        [ForgedEntry]
      ]
      const other = forger.commit([forger.entry('/acme/web/other', 1)])
      const batches = {
        here: forger.batch(first),
        next: forger.batch(second, second, other.id),
        far: forger.batch(seventh)
      }
      for (const which of order) await a.replica.ingest(batches[which])
      expect(await a.memory.getNotices()).toMatchObject([{ kind: 'fork', actor: forger.actor }])
      await syncAll([a, b])
      expect(b.replica.membership.isForked(forger.actor)).toBe(true)
    }
  )

  it('P15: goes on as a new actor once a fork of its own is proven to it', async () => {
    const [a] = await pair()
    await a.memory.public.put('key', 1)
    const { actor, key, membership } = a.replica
    const commit = (root: number): Commit =>
      signCommit(key, {
        space: a.replica.space,
        actor,
        first: 1,
        size: 1,
        root: new Uint8Array(16).fill(root),
        previous: undefined,
        hlc: timestampFromMs(a.replica.runtime.now())
      })
    await a.replica.ingest({ records: [createFork(commit(1), commit(2))], commits: [], entries: [] })
    expect(a.replica.actor).not.toBe(actor)
    expect(membership.hasSuccessor(actor)).toBe(true)
  })

  it('P22: serves a scope completely, and nothing beside it', async () => {
    const [a] = await pair()
    const { createMemory } = await import('../../src/index.ts')
    const root = createMemory(a.replica, '/')
    for (const path of ['/acme/web/in', '/acme/web/deep/in', '/acme/website/out', '/acme/we/out', '/acme']) {
      await root.public.put(path, path)
    }
    const paths = await import('../../src/entry/path.ts')
    const scope = a.replica.view('public').codec.tokens.of(paths.parsePath('/acme/web'))
    const whole = new Uint8Array(0)
    const entriesFor = async (asked: Uint8Array, shared: readonly Uint8Array[]): Promise<number> => {
      const page = await a.replica.readFeed({ after: 0n, scope: asked, shared })
      return page.batch.entries.length
    }
    expect(await entriesFor(scope, [whole])).toBe(2)
    expect(await entriesFor(whole, [scope])).toBe(2)
    expect(await entriesFor(whole, [])).toBe(0)
    expect(await entriesFor(whole, [whole])).toBe(5)
  })

  it('P22: leaves what is written while a page is read to the page after it', async () => {
    const [a] = await pair()
    await a.memory.public.put('before', 1)
    const whole = new Uint8Array(0)
    const read = (after: bigint) => a.replica.readFeed({ after, scope: whole, shared: [whole] })
    const rows = a.store.partition('public')
    const { get } = rows
    let isWritten = false
    Object.assign(rows, {
      get: async (key: Uint8Array) => {
        if (!isWritten) {
          isWritten = true
          await a.memory.public.put('meanwhile', 2)
        }
        return get.call(rows, key)
      }
    })
    const page = await read(0n)
    const next = await read(page.next)
    expect([page, next].map(({ batch }) => batch.entries.length)).toEqual([1, 1])
  })
})

describe('continuity', () => {
  it('P15: goes on as a new actor after a restore or a copy, and as the same one after a clean stop', async () => {
    const [a] = await pair()
    await a.memory.public.put('key', 1)
    const actor = a.replica.actor
    const kept = await openDevice(a.store, a.runtime)
    expect(kept.replica.actor).toBe(actor)
    Object.defineProperty(a.store, 'continuity', { value: 'copied-or-restored' })
    const restored = await openDevice(a.store, a.runtime)
    expect(restored.replica.actor).not.toBe(actor)
    expect(restored.replica.instance).not.toEqual(kept.replica.instance)
    await restored.memory.public.get('key')
    await restored.memory.public.put('key', 2)
    expect(await restored.memory.public.get('key')).toMatchObject({ state: 'value', value: 2 })
  })

  it('P15: a peer that proves a write we do not have makes us a new actor before the next write', async () => {
    const [a, b] = await pair()
    const backup = (a.store as MemoryStore).copy()
    await a.memory.public.put('key', 'lost here')
    await pull(b, a)
    const head = await b.replica.headOf(a.replica.actor)
    const forgetful = await openDevice(backup, a.runtime)
    const before = forgetful.replica.actor
    await forgetful.replica.recogniseHead(head as never)
    expect(before).toBe(a.replica.actor)
    expect(forgetful.replica.actor).not.toBe(before)
    await forgetful.memory.public.put('key', 'written after')
    await syncAll([forgetful, b])
    const conflict = await b.memory.getConflict('key')
    expect(conflict.versions.map((version) => version.value).sort()).toEqual(['lost here', 'written after'])
  })

  it('P15: a head we have does not make us anybody else', async () => {
    const [a, b] = await pair()
    await a.memory.public.put('key', 1)
    await pull(b, a)
    const head = await b.replica.headOf(a.replica.actor)
    await a.memory.public.put('key', 2)
    const actor = a.replica.actor
    await a.replica.recogniseHead(head as never)
    expect(a.replica.actor).toBe(actor)
  })

  it('P24: the public partition holds no row of private memory', async () => {
    const [a] = await pair()
    const rows = a.store.partition('public')
    const all = { gte: new Uint8Array(0), lt: new Uint8Array(400).fill(0xff) }
    const before = (await collect(rows.keys(all))).length
    await a.memory.private.put('key', 'canary')
    await a.memory.private.delete('key')
    expect((await collect(rows.keys(all))).length).toBe(before)
    const page = await a.replica.readFeed({
      after: 0n,
      scope: new Uint8Array(0),
      shared: [new Uint8Array(0)]
    })
    expect(page.batch.entries).toEqual([])
  })
})
