import { setImmediate } from 'node:timers/promises'
import { CorruptRowError, MemoryStore, type RowReader } from '@cis-memory/store'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AuditLog } from '../../src/audit/audit-log.ts'
import {
  type AuditBody,
  type AuditRow,
  decodeAuditRow,
  encodeAuditRow,
  nextRow
} from '../../src/audit/audit-record.ts'
import { type AuditHead, verifyChain } from '../../src/audit/verify-chain.ts'
import { DeviceKey } from '../../src/entry/ed25519.ts'
import { auditKey, auditSealKey } from '../../src/replica/rows.ts'
import { Gate, intercepted } from '../support/store-doubles.ts'
import { collect, TestRuntime } from '../support/world.ts'

const DAY_MS = 24 * 3600 * 1000
const key = new DeviceKey(new Uint8Array(32).fill(7))
const runtime = new TestRuntime()

function body(fields: Partial<AuditBody> = {}): AuditBody {
  return {
    kind: 'check',
    agent: 'reviewer',
    scope: '/acme',
    conflictCount: 0,
    conflicts: [],
    places: [],
    code: undefined,
    of: undefined,
    ...fields
  }
}

function openLog(store: MemoryStore, retentionMs = Number.POSITIVE_INFINITY): AuditLog {
  return new AuditLog({ rows: store.partition('local'), key, runtime, retentionMs })
}

/** A store whose log has this many records. */
async function logOf(count: number): Promise<{ store: MemoryStore; log: AuditLog }> {
  const store = new MemoryStore()
  const log = openLog(store)
  for (let i = 0; i < count; i++) await log.append(body({ agent: `agent ${i}` }))
  return { store, log }
}

async function rowAt(store: MemoryStore, seq: number): Promise<AuditRow> {
  return decodeAuditRow(seq, (await store.partition('local').get(auditKey(seq))) as Uint8Array)
}

async function putRow(store: MemoryStore, row: AuditRow): Promise<void> {
  await store.partition('local').write([{ type: 'put', key: auditKey(row.seq), value: encodeAuditRow(row) }])
}

async function remove(store: MemoryStore, ...keys: Uint8Array[]): Promise<void> {
  await store.partition('local').write(keys.map((key) => ({ type: 'delete', key })))
}

async function headOf(log: AuditLog): Promise<AuditHead> {
  const verdict = await log.verify({})
  if (verdict.state !== 'intact' || verdict.head === undefined) throw new Error('expected a head')
  return verdict.head
}

describe('a log', () => {
  it('has nothing and is intact before the first record', async () => {
    const { log } = await logOf(0)
    expect(await log.verify({})).toEqual({ state: 'intact', records: 0, head: undefined, noted: undefined })
    expect(await collect(log.records())).toEqual([])
  })

  it('numbers records from 1 without gaps, in the order of the calls, and goes on after it was opened again', async () => {
    const { store, log } = await logOf(2)
    const numbers = await Promise.all([1, 2, 3].map((n) => log.append(body({ agent: `parallel ${n}` }))))
    expect(numbers).toEqual([3, 4, 5])
    expect(await openLog(store).append(body())).toBe(6)
    const records = await collect(log.records())
    expect(records.map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1])
    expect(records[2]).toMatchObject({ agent: 'parallel 2', kind: 'check', scope: '/acme' })
    expect(await log.verify({})).toMatchObject({ state: 'intact', records: 6, head: { seq: 6 } })
  })

  it('answers a call once the disk has the record, and not before', async () => {
    const gate = new Gate()
    const store = new MemoryStore()
    const slow = intercepted(store, async (_, write) => {
      await gate.pass()
      return write()
    })
    const log = new AuditLog({ rows: slow.partition('local'), key, runtime, retentionMs: DAY_MS })
    const arrived = gate.close()
    let isAnswered = false
    const appended = log.append(body()).then(() => {
      isAnswered = true
    })
    await arrived
    await setImmediate() // whatever did not wait has happened by now
    expect([isAnswered, (await collect(openLog(store).records())).length]).toEqual([false, 0])
    gate.open()
    await appended
    expect(await collect(openLog(store).records())).toHaveLength(1)
  })

  it('adds nothing after a batch whose fate is unknown, and a whole chain is there when it is opened again', async () => {
    for (const isKept of [true, false]) {
      const { store, log } = await logOf(3)
      const failing = intercepted(store, async (_, write) => {
        if (isKept) await write()
        throw new Error('no space left')
      })
      const unlucky = new AuditLog({ rows: failing.partition('local'), key, runtime, retentionMs: DAY_MS })
      await expect(unlucky.append(body())).rejects.toThrow('no space left')
      await expect(unlucky.append(body())).rejects.toMatchObject({ code: 'CORE_CLOSED' })
      const records = isKept ? 4 : 3
      expect(await log.verify({})).toMatchObject({ state: 'intact', records })
      expect(await openLog(store).append(body())).toBe(records + 1)
    }
  })

  it('takes no more once it is closed', async () => {
    const { log } = await logOf(1)
    const last = log.append(body())
    await log.close()
    expect(await last).toBe(2)
    await expect(log.append(body())).rejects.toMatchObject({ code: 'CORE_CLOSED' })
  })
})

describe('verify', () => {
  const COUNT = 6
  const seq = fc.integer({ min: 1, max: COUNT })

  it('names the record of which any byte was altered', async () => {
    const part = fc.constantFrom('previous', 'digest', 'body')
    await fc.assert(
      fc.asyncProperty(
        seq,
        part,
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        async (at, field, place, flip) => {
          const { store, log } = await logOf(COUNT)
          const row = await rowAt(store, at)
          const bytes = row[field].slice()
          const index = place % bytes.length
          bytes[index] = (bytes[index] as number) ^ flip
          await putRow(store, { ...row, [field]: bytes })
          const expected = { state: 'broken', seq: at, problem: 'altered', records: at - 1 }
          expect(await log.verify({})).toEqual(expected)
        }
      )
    )
  })

  it('names the record that was replaced by another which is whole in itself', async () => {
    await fc.assert(
      fc.asyncProperty(seq, async (at) => {
        const { store, log } = await logOf(COUNT)
        const { seq, previous } = await rowAt(store, at)
        const forged = nextRow({ seq: seq - 1, digest: previous }, Uint8Array.of(0x80))
        await putRow(store, forged)
        expect(await log.verify({})).toMatchObject({ state: 'broken', seq: at, problem: 'altered' })
      })
    )
  })

  it('names a row that holds something else altogether', async () => {
    const { store, log } = await logOf(COUNT)
    await store.partition('local').write([{ type: 'put', key: auditKey(3), value: Uint8Array.of(1, 2, 3) }])
    expect(await log.verify({})).toEqual({ state: 'broken', seq: 3, problem: 'altered', records: 2 })
  })

  it('names the first record that is gone, at the end and at the start as well', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(seq, { minLength: 1 }), async (gone) => {
        const { store, log } = await logOf(COUNT)
        await remove(store, ...gone.map(auditKey))
        const first = Math.min(...gone)
        expect(await log.verify({})).toEqual({
          state: 'broken',
          seq: first,
          problem: 'missing',
          records: first - 1
        })
      })
    )
  })

  it('names the earlier of two records that were swapped', async () => {
    const { store, log } = await logOf(COUNT)
    const [third, fourth] = [await rowAt(store, 3), await rowAt(store, 4)]
    await putRow(store, { ...fourth, seq: 3 })
    await putRow(store, { ...third, seq: 4 })
    expect(await log.verify({})).toMatchObject({ state: 'broken', seq: 3, problem: 'altered' })
  })

  it('names a record that was added behind the end', async () => {
    const { store, log } = await logOf(COUNT)
    await putRow(store, nextRow(await rowAt(store, COUNT), (await rowAt(store, COUNT)).body))
    expect(await log.verify({})).toMatchObject({ state: 'broken', seq: COUNT + 1, problem: 'altered' })
  })

  it('says so when the seal is gone or another device has signed it, and nothing is added then', async () => {
    const { store } = await logOf(COUNT)
    const stranger = new DeviceKey(new Uint8Array(32).fill(8))
    const other = new MemoryStore()
    await new AuditLog({ rows: other.partition('local'), key: stranger, runtime, retentionMs: 1 }).append(
      body()
    )
    const foreign = (await other.partition('local').get(auditSealKey())) as Uint8Array
    for (const seal of [undefined, foreign]) {
      const copy = store.copy()
      const rows = copy.partition('local')
      if (seal === undefined) await remove(copy, auditSealKey())
      else await rows.write([{ type: 'put', key: auditSealKey(), value: seal }])
      const log = openLog(copy)
      expect(await log.verify({})).toEqual({ state: 'broken', seq: 1, problem: 'unsigned', records: 0 })
      await expect(log.append(body())).rejects.toMatchObject({ code: 'CORE_AUDIT_DAMAGED' })
      expect(await collect(log.records())).toHaveLength(COUNT)
    }
  })

  it('names the row that failed authentication, unless one before it is gone', async () => {
    const { store, log } = await logOf(COUNT)
    const corruptAt = (at: Uint8Array): RowReader => {
      const rows = store.partition('local')
      return {
        get: (key) =>
          Buffer.compare(key, at) === 0 ? Promise.reject(new CorruptRowError('local', key)) : rows.get(key),
        getMany: (keys) => rows.getMany(keys),
        keys: (range) => rows.keys(range),
        async *range(range) {
          for await (const row of rows.range(range)) {
            if (Buffer.compare(row.key, at) === 0) throw new CorruptRowError('local', row.key)
            yield row
          }
        }
      }
    }
    const verdict = (at: Uint8Array): Promise<unknown> => verifyChain(corruptAt(at), key.id, {})
    expect(await verdict(auditKey(4))).toEqual({ state: 'broken', seq: 4, problem: 'unreadable', records: 3 })
    expect(await verdict(auditSealKey())).toMatchObject({ state: 'broken', seq: 1, problem: 'unsigned' })
    await remove(store, auditKey(3))
    expect(await verdict(auditKey(4))).toEqual({ state: 'broken', seq: 3, problem: 'missing', records: 2 })
    expect(await log.verify({})).toMatchObject({ seq: 3 })
  })

  it('passes on the reason of whoever stops it', async () => {
    const { log } = await logOf(COUNT)
    const reason = new Error('enough')
    await expect(log.verify({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  })
})

describe('a head that was noted', () => {
  it('is found as long as the log goes on from it', async () => {
    const { log } = await logOf(3)
    const noted = await headOf(log)
    expect(await log.verify({ noted })).toMatchObject({ state: 'intact', noted: 'found' })
    await log.append(body())
    expect(await log.verify({ noted })).toMatchObject({ state: 'intact', noted: 'found', head: { seq: 4 } })
  })

  it('shows that an older copy of the whole log was put back, which the log itself cannot', async () => {
    const { store, log } = await logOf(3)
    const older = store.copy()
    await log.append(body())
    await log.append(body())
    const noted = await headOf(log)
    expect(await openLog(older).verify({})).toMatchObject({ state: 'intact' })
    expect(await openLog(older).verify({ noted })).toEqual({
      state: 'broken',
      seq: 4,
      problem: 'missing',
      records: 3
    })
    const empty = openLog(new MemoryStore())
    expect(await empty.verify({ noted })).toMatchObject({ state: 'broken', seq: 1, problem: 'missing' })
  })

  it('shows that the log was written anew, by the device itself as well', async () => {
    const { log } = await logOf(3)
    const noted = await headOf(log)
    const anew = await logOf(5)
    expect(await anew.log.verify({ noted })).toEqual({
      state: 'broken',
      seq: 3,
      problem: 'rewritten',
      records: 2
    })
  })
})

describe('retention', () => {
  async function agedLog(retentionMs: number): Promise<{ store: MemoryStore; log: AuditLog }> {
    const store = new MemoryStore()
    const log = openLog(store, retentionMs)
    for (let day = 0; day < 10; day++) {
      await log.append(body())
      runtime.nowMs += DAY_MS
    }
    return { store, log }
  }

  it('lets go of what is older than its age, and the chain can be verified from there', async () => {
    const { store, log } = await agedLog(3.5 * DAY_MS)
    await log.append(body())
    expect((await collect(log.records())).map(({ seq }) => seq)).toEqual([11, 10, 9, 8])
    expect(await log.verify({})).toMatchObject({ state: 'intact', records: 4, head: { seq: 11 } })
    expect(await openLog(store).append(body())).toBe(12)
    expect(await log.verify({})).toMatchObject({ state: 'intact', head: { seq: 12 } })
  })

  it('still shows when the first record that is left is removed or replaced', async () => {
    const { store, log } = await agedLog(3.5 * DAY_MS)
    await log.append(body())
    const changed = store.copy()
    await putRow(changed, nextRow({ seq: 7, digest: new Uint8Array(32) }, (await rowAt(store, 8)).body))
    expect(await openLog(changed).verify({})).toMatchObject({ state: 'broken', seq: 8, problem: 'altered' })
    await remove(store, auditKey(8))
    expect(await log.verify({})).toMatchObject({ state: 'broken', seq: 8, problem: 'missing' })
  })

  it('finds a head that was noted where the log starts, and says that an older one cannot be found', async () => {
    const { store, log } = await agedLog(Number.POSITIVE_INFINITY)
    const heads: AuditHead[] = []
    for (const seq of [6, 7]) {
      heads.push({ seq, digest: Buffer.from((await rowAt(store, seq)).digest).toString('hex') })
    }
    const [sixth, seventh] = heads as [AuditHead, AuditHead]
    await openLog(store, 3.5 * DAY_MS).append(body())
    expect(await log.verify({ noted: seventh })).toMatchObject({ state: 'intact', noted: 'found' })
    expect(await log.verify({ noted: sixth })).toMatchObject({ state: 'intact', noted: 'too-old' })
    const forged = { seq: 7, digest: '0'.repeat(64) }
    expect(await log.verify({ noted: forged })).toMatchObject({
      state: 'broken',
      seq: 7,
      problem: 'rewritten'
    })
  })

  it('lets go of nothing behind a record that is missing or altered: it would hide the trace', async () => {
    for (const tamper of [
      (store: MemoryStore) => remove(store, auditKey(3)),
      async (store: MemoryStore) => putRow(store, { ...(await rowAt(store, 3)), body: Uint8Array.of(0x80) })
    ]) {
      const { store } = await agedLog(Number.POSITIVE_INFINITY)
      await tamper(store)
      const log = openLog(store, DAY_MS)
      for (let i = 0; i < 3; i++) await log.append(body())
      expect(await log.verify({})).toMatchObject({ state: 'broken', seq: 3, records: 0 })
      for (const left of [4, 13]) expect((await rowAt(store, left)).seq).toBe(left)
    }
  })

  it('takes a few old records with each new one, until all are gone', async () => {
    const { store } = await logOf(150)
    runtime.nowMs += 10 * DAY_MS
    const log = openLog(store, DAY_MS)
    const left: number[] = []
    for (let i = 0; i < 4; i++) {
      await log.append(body())
      left.push((await collect(log.records())).length)
    }
    expect(left).toEqual([87, 24, 3, 4])
    expect(await log.verify({})).toMatchObject({ state: 'intact', records: 4 })
  })
})
