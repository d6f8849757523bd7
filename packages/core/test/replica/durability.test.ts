import { timestampFromMs } from '@cis-memory/clock'
import { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { createMember } from '../../src/entry/records.ts'
import { adoptSpace, createSpace, deviceIdentity, Replica } from '../../src/index.ts'
import { decodeMessage } from '../../src/sync/messages.ts'
import { fsck } from '../support/fsck.ts'
import { Gate, intercepted } from '../support/store-doubles.ts'
import { collect, type Device, devices, openDevice, pull, syncAll, TestRuntime } from '../support/world.ts'
import { type Fate, sync } from '../sync/line.ts'

const WHOLE = new Uint8Array(0)
const ENTRY_ROW = 'E'.charCodeAt(0)
const EVERYTHING = { after: 0n, scope: WHOLE, shared: [WHOLE] }

/** A device over a store whose writes go through `onWrite`, with the store behind it. */
async function deviceOver(
  onWrite: Parameters<typeof intercepted>[1],
  durability: 'disk' | 'os' = 'disk'
): Promise<{ device: Device; behind: MemoryStore }> {
  const behind = new MemoryStore({ continuity: 'kept', durability })
  const runtime = new TestRuntime()
  await createSpace(behind, runtime, { space: 'acme', device: 'device' })
  return { device: await openDevice(intercepted(behind, onWrite), runtime), behind }
}

/** Everything a replica shows of a path to peers, readers and listeners. */
async function shownOf({ replica, memory }: Device, token: Uint8Array): Promise<unknown> {
  const page = await replica.readFeed(EVERYTHING)
  return {
    tip: replica.end.lsn,
    head: (await replica.headOf(replica.actor))?.last ?? 0,
    entries: page.batch.entries.length,
    single: (await replica.readPaths([token], [WHOLE])).entries.length,
    state: (await memory.public.get('key')).state
  }
}

describe('before the disk has a write', () => {
  it('P13: no peer, reader or listener is shown anything of it', async () => {
    const gate = new Gate()
    const { device } = await deviceOver(async (_partition, write) => {
      await gate.pass()
      await write()
    })
    const heard: string[] = []
    device.memory.addEventListener('entry:committed', (event) => heard.push(event.detail.path))
    const token = device.replica.view('public').codec.tokens.of('/acme/web/key' as never)
    const before = await shownOf(device, token)
    const arrived = gate.close()
    const writing = device.memory.public.put('key', 1)
    const withPrivate = device.memory.private.put('key', 2)
    await arrived
    expect(await shownOf(device, token)).toEqual(before)
    expect(heard).toEqual([])
    gate.open()
    await Promise.all([writing, withPrivate])
    expect(await shownOf(device, token)).toMatchObject({ head: 1, entries: 1, single: 1, state: 'value' })
    expect(heard).toEqual(['/acme/web/key', '/acme/web/key'])
  })

  it('P13: waits for it before sending, in durability os where a write is acknowledged earlier', async () => {
    let unsynced = 0
    const { device } = await deviceOver(async (_partition, write, options) => {
      await write()
      unsynced = options?.sync === true ? 0 : unsynced + 1
    }, 'os')
    await device.memory.public.put('key', 1)
    expect(unsynced).toBeGreaterThan(0)
    const page = await device.replica.readFeed(EVERYTHING)
    expect([page.batch.entries.length, unsynced]).toEqual([1, 0])
    await device.memory.public.put('key', 2)
    const token = device.replica.view('public').codec.tokens.of('/acme/web/key' as never)
    const single = await device.replica.readPaths([token], [WHOLE])
    expect([single.entries.length, unsynced]).toEqual([1, 0])
  })
})

describe('in durability os', () => {
  it('P11: who it is and where it belongs is on disk before anything else', async () => {
    const runtime = new TestRuntime()
    const behind = new MemoryStore({ continuity: 'kept', durability: 'os' })
    let synced = behind.copy()
    const store = intercepted(behind, async (_partition, write, options) => {
      await write()
      if (options?.sync === true) synced = behind.copy()
    })
    const { id } = await deviceIdentity(store, runtime)
    expect((await deviceIdentity(synced, runtime)).id).toBe(id)
    const { genesis } = await createSpace(store, runtime, { space: 'acme', device: 'device' })
    const { replica } = await openDevice(synced.copy(), runtime)
    expect(replica.space).toBe(genesis.space)
  })

  it('P13: a session says nothing of what others wrote, nor who writes here, before the disk has it', async () => {
    let unsynced = 0
    const [hub] = (await devices(1)) as [Device]
    const behind = new MemoryStore({ continuity: 'kept', durability: 'os' })
    const runtime = new TestRuntime()
    const { id } = await deviceIdentity(behind, runtime)
    const { replica: admin } = hub
    const member = { device: id, role: 'member', name: 'other' } as const
    await admin.addRecord(createMember(admin.key, admin.space, member, timestampFromMs(runtime.now())))
    await adoptSpace(behind, admin.exportSpace(), admin.membership.records())
    const store = intercepted(behind, async (partition, write, options) => {
      await write()
      if (partition === 'public') unsynced = options?.sync === true ? 0 : unsynced + 1
    })
    const device = await openDevice(store, runtime)
    expect(unsynced, 'it has begun to write as somebody').toBeGreaterThan(0)
    const atWord: [type: string, unsynced: number][] = []
    const fate: Fate = ({ by, frame }) => {
      if (by === 'dialer') atWord.push([decodeMessage(frame).type, unsynced])
      return frame
    }
    await sync(device, hub, { fate })
    await hub.memory.public.put('key', 1)
    // Only a head comes with this: the feed does not grow by it.
    const { batch } = await hub.replica.readFeed(EVERYTHING)
    await device.replica.ingest({ records: [], commits: batch.commits, entries: [] })
    expect(unsynced).toBeGreaterThan(0)
    await sync(device, hub, { fate })
    const told = atWord.filter(([type]) => type === 'auth' || type === 'echo')
    expect(told).toEqual(['auth', 'echo', 'auth', 'echo'].map((type) => [type, 0]))
  })
})

describe('after a write whose fate is unknown', () => {
  for (const domain of ['public', 'private'] as const) {
    for (const isKept of [true, false]) {
      const fate = isKept ? 'is on disk after all' : 'was lost'
      it(`P6: nothing is written in the ${domain} domain until the store is opened again, when it ${fate}`, async () => {
        let isBroken = false
        const { device, behind } = await deviceOver(async (partition, write) => {
          if (!isBroken || partition !== domain) return write()
          if (isKept) await write()
          throw new Error('the disk did not answer')
        })
        await device.memory[domain].put('key', 'before')
        isBroken = true
        await expect(device.memory[domain].put('key', 'unknown')).rejects.toThrow('the disk did not answer')
        isBroken = false
        await expect(device.memory[domain].put('other', 'after')).rejects.toMatchObject({
          code: 'CORE_CLOSED'
        })
        const again = await openDevice(behind.copy(), device.runtime)
        expect(again.replica.actor).toBe(device.replica.actor)
        expect(await again.memory[domain].get('key')).toMatchObject({ value: isKept ? 'unknown' : 'before' })
        await again.memory[domain].put('key', 'next')
        expect(await again.memory[domain].get('key')).toMatchObject({ state: 'value', value: 'next' })
        expect(await collect(again.memory[domain].history('key'))).toHaveLength(isKept ? 3 : 2)
        expect(await fsck(again.replica, again.store)).toEqual([])
      })
    }
  }

  it('P6: a plan or a peer that fails before the disk is asked does no harm', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await expect(a.replica.write('public', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    const { batch } = await b.replica.readFeed(EVERYTHING)
    const forged = {
      ...batch,
      records: batch.records.map((record) => ({ ...record, signature: new Uint8Array(64) }))
    }
    await expect(a.replica.ingest(forged)).rejects.toMatchObject({ code: 'SYNC_BAD_PROOF' })
    await a.memory.public.put('key', 1)
    expect(await a.memory.public.get('key')).toMatchObject({ value: 1 })
  })
})

describe('a batch that cannot be read to its end', () => {
  it('holds nothing in memory that is not in a row, so that the same batch is held when it comes again', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await b.memory.public.put('first', 1)
    await b.memory.public.put('second', 2)
    const { batch } = await b.replica.readFeed(EVERYTHING)
    const unknown = { ...batch, records: [] }
    const rows = a.store.partition('public')
    const { get } = rows
    let reads = 0
    const has = a.replica.view('public').codec.tokens.of('/acme/web/second' as never)
    Object.assign(rows, {
      get: async (key: Uint8Array) => {
        if (key[0] === 0x45 && Buffer.from(key.subarray(1)).equals(has) && reads++ === 0)
          throw new Error('damaged')
        return get.call(rows, key)
      }
    })
    await expect(a.replica.ingest(unknown)).rejects.toThrow('damaged')
    expect(a.replica.pendingCount).toBe(0)
    expect(await a.replica.ingest(unknown)).toMatchObject({ held: 2 })
    expect(await fsck(a.replica, a.store)).toEqual([])
    await pull(a, b)
    expect(await a.memory.public.get('second')).toMatchObject({ value: 2 })
  })
})

describe('a batch that the disk refuses', () => {
  it('P20: leaves how far its feed was read where it was, so that it is asked for again', async () => {
    const [a] = (await devices(1)) as [Device]
    await a.memory.public.put('key', 1)
    const behind = new MemoryStore({ continuity: 'kept' })
    let isFull = true
    const store = intercepted(behind, async (partition, write, _options, changes) => {
      const isOfEntries = partition === 'public' && changes.some(({ key }) => key[0] === ENTRY_ROW)
      if (isFull && isOfEntries) throw new Error('the disk is full')
      await write()
    })
    const { runtime } = a
    await adoptSpace(store, a.replica.exportSpace(), a.replica.membership.records())
    const refused = await openDevice(store, runtime)
    await expect(pull(refused, a)).rejects.toThrow('the disk is full')
    isFull = false
    const again = await openDevice(behind.copy(), runtime)
    const { instance } = a.replica
    expect(await again.replica.progressOf(instance, instance, WHOLE)).toEqual({ place: undefined, lsn: 0n })
    await pull(again, a)
    expect(await again.memory.public.get('key')).toMatchObject({ value: 1 })
    expect(await fsck(again.replica, again.store)).toEqual([])
  })
})

describe('a store that was opened before', () => {
  it('P15: an entry of our own that only a peer has makes us a new actor before the next write', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'before')
    const clone = await openDevice((a.store as MemoryStore).copy(), a.runtime)
    expect(clone.replica.actor).toBe(a.replica.actor)
    await a.memory.public.put('key', 'after the clone')
    await pull(b, a)
    const started: string[] = []
    clone.memory.addEventListener('epoch:started', ({ detail }) => started.push(detail.reason))
    const { batch } = await b.replica.readFeed(EVERYTHING)
    await clone.replica.ingest(batch)
    expect(started).toEqual(['written-elsewhere'])
    expect(await clone.memory.getNotices()).toMatchObject([{ kind: 'epoch', reason: 'written-elsewhere' }])
    expect(clone.replica.actor).not.toBe(a.replica.actor)
    expect(clone.replica.instance).not.toEqual(a.replica.instance)
    await clone.memory.public.put('other', 'of the clone')
    await clone.memory.private.put('other', 'of the clone')
    await a.memory.public.put('more', 'of the original')
    await syncAll([a, b, clone])
    for (const device of [a, b, clone]) {
      expect(await device.memory.public.get('key')).toMatchObject({ value: 'after the clone' })
      expect(await device.memory.public.get('other')).toMatchObject({ value: 'of the clone' })
      expect(device.replica.membership.isForked(a.replica.actor)).toBe(false)
      expect(await fsck(device.replica, device.store)).toEqual([])
    }
  })

  it('P15: private memory goes on as a new actor too, also when nothing is written before the next opening', async () => {
    const [{ memory, store, runtime }] = (await devices(1)) as [Device]
    const actorOf = async (device: Pick<Device, 'memory'>): Promise<unknown> => {
      const read = await device.memory.private.get('key')
      return read.state === 'value' ? read.version.actor : undefined
    }
    await memory.private.put('key', 'before the backup')
    const before = await actorOf({ memory })
    const restored = (store as MemoryStore).copy({ continuity: 'copied-or-restored' })
    await (await openDevice(restored, runtime)).replica.close()
    const again = await openDevice(restored.copy({ continuity: 'kept' }), runtime)
    await again.memory.private.get('key')
    await again.memory.private.put('key', 'after it')
    expect(await actorOf(again)).not.toBe(before)
  })

  it('P15: our own entries that come back from a peer change nothing', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 1)
    await a.memory.public.put('other', 1)
    await pull(b, a)
    const { actor } = a.replica
    const { batch } = await b.replica.readFeed(EVERYTHING)
    expect(await a.replica.ingest(batch)).toMatchObject({ applied: 0, known: 2 })
    expect(a.replica.actor).toBe(actor)
  })

  it('joins another space after a join that a crash ended, and keeps nothing of the first', async () => {
    const [wanted] = (await devices(1)) as [Device]
    const [other] = (await devices(1)) as [Device]
    let isCrashing = true
    const behind = new MemoryStore({ continuity: 'kept' })
    const store = intercepted(behind, async (partition, write) => {
      if (partition === 'local' && isCrashing) throw new Error('crash')
      await write()
    })
    await expect(
      adoptSpace(store, other.replica.exportSpace(), other.replica.membership.records())
    ).rejects.toThrow('crash')
    isCrashing = false
    await deviceIdentity(store, wanted.runtime)
    await adoptSpace(store, wanted.replica.exportSpace(), wanted.replica.membership.records())
    const replica = await Replica.open({ store, runtime: wanted.runtime })
    expect(replica.isMember(other.replica.device)).toBe(false)
    expect(await fsck(replica, store)).toEqual([])
    const page = await replica.readFeed(EVERYTHING)
    await wanted.replica.ingest(page.batch)
  })

  it('finishes the writes it has taken on before it is closed', async () => {
    const [a] = (await devices(1)) as [Device]
    const writes = Array.from({ length: 200 }, (_, i) => a.memory.public.put(`many/${i}`, i))
    await a.replica.close()
    await a.store.close()
    const outcomes = await Promise.allSettled(writes)
    expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([])
    await expect(a.memory.public.put('late', 1)).rejects.toMatchObject({ code: 'CORE_CLOSED' })
  })

  it('can be closed while conflicts are still being announced', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'a')
    await b.memory.public.put('key', 'b')
    const { batch } = await b.replica.readFeed(EVERYTHING)
    let reads = 0
    const rows = a.store.partition('public')
    const { get } = rows
    // The row of the conflict index that the announcement would read is gone with the store.
    Object.assign(rows, {
      get: (key: Uint8Array) => {
        if (key[0] !== 0x46 || reads++ === 0) return get.call(rows, key)
        return Promise.reject(new Error('closed'))
      }
    })
    const report = await a.replica.ingest(batch)
    expect(report.conflicts).toBe(1)
  })
})
