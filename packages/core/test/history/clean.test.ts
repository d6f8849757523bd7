import { setImmediate } from 'node:timers/promises'
import { type ActorId, timestampFromMs } from '@cis-memory/clock'
import type { MemoryStore, RowChange } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { createMemory, type EntryId, Replica } from '../../src/index.ts'
import { MAX_CLEAN_BATCH_ROWS } from '../../src/limits.ts'
import { historyRange } from '../../src/replica/rows.ts'
import { Forger } from '../support/forge.ts'
import { fsck } from '../support/fsck.ts'
import { Gate, intercepted } from '../support/store-doubles.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

const DAY_MS = 86_400_000
const PATH = 'config/timeout'

async function one(): Promise<Device> {
  return (await devices(1))[0] as Device
}

/** Writes `count` versions of a path, each on the one before. */
async function versions(device: Device, count: number, path = PATH, domain: 'public' | 'private' = 'public') {
  for (let i = 1; i <= count; i++) {
    const memory = device.memory[domain]
    await memory.put(path, `version ${i}`, { base: await memory.get(path) })
  }
}

async function valuesAt({ memory }: Device, path = PATH): Promise<unknown[]> {
  return (await collect(memory.public.history(path))).map(({ version }) => version.value)
}

function later(device: Device, days: number): void {
  device.runtime.nowMs += days * DAY_MS
}

describe('cleaning the history', () => {
  it('deletes what was replaced longer ago than it is kept, but for what an undo brings back', async () => {
    const a = await one()
    await versions(a, 5)
    later(a, 31)
    const { bytes, ...cleaned } = await a.memory.cleanHistory()
    expect(cleaned).toEqual({ memories: 1, versions: 3, unproven: 0 })
    expect(bytes).toBeGreaterThan(3 * 200)
    expect(await valuesAt(a)).toEqual(['version 5', 'version 4'])
    await a.memory.undo(PATH)
    expect(await a.memory.public.get(PATH)).toMatchObject({ value: 'version 4' })
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('keeps for its days what was replaced a moment ago, however long ago it was written', async () => {
    const a = await one()
    await versions(a, 3)
    later(a, 365)
    await versions(a, 2)
    later(a, 29)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 2 })
    expect(await valuesAt(a)).toEqual(['version 2', 'version 1', 'version 3'])
    later(a, 2)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 1 })
  })

  it('counts the days from when a version was replaced here, not from when its successor was written elsewhere', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await versions(a, 1)
    await pull(b, a)
    for (let i = 0; i < 3; i++) await b.memory.public.put(PATH, i, { base: await b.memory.public.get(PATH) })
    later(a, 365)
    await pull(a, b)
    later(a, 29)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 0, unproven: 0 })
    later(a, 2)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 0, unproven: 1 })
  })

  it('keeps as many versions as its owner says, whatever their age', async () => {
    const a = await one()
    await versions(a, 8)
    const replica = await Replica.open({ store: a.store, runtime: a.runtime, history: { keepVersions: 4 } })
    later(a, 91)
    expect(await createMemory(replica, '/acme/web').cleanHistory()).toMatchObject({ versions: 3 })
    expect(await valuesAt(a)).toEqual(['version 8', 'version 7', 'version 6', 'version 5', 'version 4'])
  })

  it('leaves an open conflict all of its history, and its common ancestor with it', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await versions(a, 4)
    await syncAll([a, b])
    await versions(a, 3)
    await b.memory.public.put(PATH, 'other', { base: await b.memory.public.get(PATH) })
    await syncAll([a, b])
    const { id } = await a.memory.getConflict(PATH)
    later(a, 100)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 0, unproven: 0 })
    expect(await a.memory.commonAncestor(id)).toMatchObject({ value: 'version 4' })
    await a.memory.resolveConflict(id, { keep: 'local' })
    later(a, 31)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 6 })
    await a.memory.undo(PATH)
    expect((await a.memory.getConflict(PATH)).versions.map(({ value }) => value).sort()).toEqual([
      'other',
      'version 3'
    ])
  })

  it('P12: keeps what only a context says was replaced', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await versions(a, 3)
    const forger = new Forger(b.replica)
    const seen = new Map<ActorId, number>([[a.replica.actor, 3]])
    const hlc = timestampFromMs(a.runtime.nowMs + 1000)
    await a.replica.ingest(forger.batch([forger.entry(`/acme/web/${PATH}`, 1, { context: seen, hlc })]))
    expect(await a.memory.public.get(PATH)).toMatchObject({ value: 'forged 1' })
    later(a, 31)
    expect(await a.memory.cleanHistory()).toMatchObject({ versions: 0, unproven: 3 })
    expect(await valuesAt(a)).toHaveLength(4)
  })

  it('judges a deleted version again that a peer still had, and lets it do no harm', async () => {
    const [a, b, c] = (await devices(3)) as [Device, Device, Device]
    await versions(a, 1)
    await syncAll([a, c])
    await versions(a, 3)
    await syncAll([a, b])
    later(a, 31)
    later(b, 31)
    for (const device of [a, b]) await device.memory.cleanHistory()
    expect(await valuesAt(a)).toEqual(['version 3', 'version 2'])
    // c has been away, and has shown nobody but a what it has.
    await pull(b, c)
    expect(await b.memory.public.get(PATH)).toMatchObject({ value: 'version 3' })
    await syncAll([a, b, c])
    for (const device of [a, b, c]) {
      expect(await device.memory.public.get(PATH)).toMatchObject({ value: 'version 3' })
      expect(await fsck(device.replica, device.store)).toEqual([])
    }
  })

  it('still proves to others what it serves, and who has written what', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await versions(a, 20)
    later(a, 31)
    later(b, 31)
    await a.memory.cleanHistory()
    const reopened = await openDevice(a.store, a.runtime)
    await syncAll([reopened, b])
    expect(await b.memory.public.get(PATH)).toMatchObject({ value: 'version 20' })
    expect(reopened.replica.actor, 'it knows its own commits again').toBe(a.replica.actor)
  })

  it('stays within its scope and the domain it is told', async () => {
    const a = await one()
    for (const path of ['config/a', 'config/b/c', 'configuration', 'config']) await versions(a, 3, path)
    await versions(a, 3, 'config/a', 'private')
    later(a, 31)
    const config = a.memory.within('config')
    expect(await config.cleanHistory({ domain: 'public' })).toMatchObject({ memories: 3, versions: 3 })
    expect(await config.cleanHistory()).toMatchObject({ memories: 1, versions: 1 })
    expect(await a.memory.cleanHistory()).toMatchObject({ memories: 1, versions: 1 })
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('tells beforehand what it would delete, and deletes nothing then', async () => {
    const a = await one()
    await versions(a, 5)
    later(a, 31)
    const promised = await a.memory.cleanHistory({ dryRun: true })
    expect(await valuesAt(a)).toHaveLength(5)
    expect(await a.memory.cleanHistory()).toEqual(promised)
  })

  it('refuses settings that would keep less than the least, before it opens anything', async () => {
    const { store, runtime } = await one()
    for (const history of [
      { keepDays: 29 },
      { keepDays: Number.NaN },
      { keepVersions: -1 },
      { keepVersions: 1.5 }
    ]) {
      await expect(Replica.open({ store, runtime, history })).rejects.toMatchObject({
        code: 'CORE_BAD_OPTION'
      })
    }
  })
})

describe('a long cleaning', () => {
  const COUNT = 2 * MAX_CLEAN_BATCH_ROWS + 40

  /** A device over a store whose writes of more than one deletion go through a gate. */
  async function gated(
    onDeletion: (deletions: number) => Promise<void>,
    over?: Pick<Device, 'store' | 'runtime'>
  ): Promise<Device> {
    const { store, runtime } = over ?? (await one())
    const real = intercepted(store as MemoryStore, async (_partition, write, _options, changes) => {
      const deletions = changes.filter(isDeletionOfHistory).length
      if (deletions > 1) await onDeletion(deletions)
      await write()
    })
    return openDevice(real, runtime)
  }

  function isDeletionOfHistory({ type, key }: RowChange): boolean {
    return type === 'delete' && String.fromCharCode(key[0] as number) === 'Y'
  }

  it('deletes in bounded batches, between which others write', async () => {
    const batches: number[] = []
    let written: Promise<unknown> | undefined
    const a: Device = await gated(async (deletions) => {
      batches.push(deletions)
      written ??= a.memory.public.put('elsewhere', 'meanwhile')
    })
    await versions(a, COUNT)
    later(a, 31)
    let writtenAfter: number | undefined
    const cleaning = a.memory.cleanHistory()
    while (written === undefined) await Promise.resolve()
    void written.then(() => {
      writtenAfter = batches.length
    })
    expect(await cleaning).toMatchObject({ versions: COUNT - 2 })
    expect(batches).toEqual([MAX_CLEAN_BATCH_ROWS, MAX_CLEAN_BATCH_ROWS, 38])
    expect(writtenAfter, 'it waited for one batch').toBe(1)
  }, 60_000)

  it('goes on where it was stopped, and leaves a conflict that comes meanwhile the history it finds', async () => {
    const gate = new Gate()
    const [{ store, runtime }, b] = (await devices(2)) as [Device, Device]
    const a = await gated(() => gate.pass(), { store, runtime })
    await versions(a, COUNT)
    later(a, 31)
    const controller = new AbortController()
    const atGate = gate.close()
    const cleaning = a.memory.cleanHistory({ signal: controller.signal })
    await atGate
    controller.abort(new Error('enough'))
    gate.open()
    await expect(cleaning).rejects.toThrow('enough')
    expect(await valuesAt(a), 'the oldest have gone').toHaveLength(COUNT - MAX_CLEAN_BATCH_ROWS)
    await b.memory.public.put(PATH, 'concurrent')
    const whole = new Uint8Array(0)
    const query = { after: 0n, scope: whole, shared: [whole] }
    const { batch } = await b.replica.readFeed(query)
    const again = gate.close()
    const second = a.memory.cleanHistory()
    await again
    const arriving = a.replica.ingest(batch)
    gate.open()
    expect(await arriving).toMatchObject({ conflicts: 1 })
    expect(await second).toMatchObject({ versions: MAX_CLEAN_BATCH_ROWS })
    expect(await valuesAt(a)).toHaveLength(COUNT - 2 * MAX_CLEAN_BATCH_ROWS + 1)
  }, 60_000)

  it('keeps what curated memory links to once it is brought back meanwhile', async () => {
    const gate = new Gate()
    const a = await gated(() => gate.pass())
    await versions(a, 300)
    const { entryId } = await a.memory.curateFromPublic(PATH, { mode: 'copy', as: 'mine' })
    await versions(a, COUNT - 300)
    await a.memory.curateFromPublic(PATH, { mode: 'copy', as: 'mine' })
    later(a, 31)
    const atGate = gate.close()
    const cleaning = a.memory.cleanHistory({ domain: 'public' })
    await atGate
    const restoring = a.memory.restore('mine', { entryId: entryId as EntryId }, { domain: 'private' })
    // It reads in microtasks alone, and waits for the lock by then.
    await setImmediate()
    gate.open()
    await restoring
    expect(await cleaning).toMatchObject({ versions: COUNT - 3 })
    expect(await valuesAt(a)).toContain('version 300')
  }, 60_000)

  it('starts no batch once its memory is closing', async () => {
    const gate = new Gate()
    const a = await gated(() => gate.pass())
    await versions(a, COUNT)
    later(a, 31)
    const atGate = gate.close()
    const cleaning = a.memory.cleanHistory()
    await atGate
    const closing = a.replica.close()
    gate.open()
    await expect(cleaning).rejects.toMatchObject({ code: 'CORE_CLOSED' })
    await closing
    expect(await valuesAt(a)).toHaveLength(COUNT - MAX_CLEAN_BATCH_ROWS)
  }, 60_000)
})

it('leaves a path alone whose history has a damaged row, and cleans the others', async () => {
  const a = await one()
  await versions(a, 3, 'damaged')
  await versions(a, 3, 'whole')
  const rows = a.store.partition('public')
  const damaged = a.replica.view('public').codec.tokens.of('/acme/web/damaged' as never)
  const range = rows.range.bind(rows)
  rows.range = (asked) => {
    const isDamaged = Buffer.compare(asked.gte, historyRange(damaged).gte) === 0
    if (isDamaged) throw Object.assign(new Error('damaged'), { code: 'STORE_CORRUPT_ROW', key: asked.gte })
    return range(asked)
  }
  later(a, 31)
  expect(await a.memory.cleanHistory()).toMatchObject({ memories: 1, versions: 1 })
})
