import { setImmediate } from 'node:timers/promises'
import { timestampFromMs } from '@cis-memory/clock'
import { MemoryStore } from '@cis-memory/store'
import { describe, expect, it } from 'vitest'
import { type Choice, type Conflict, createSpace } from '../../src/index.ts'
import { MAX_PARENTS, MAX_SEGMENT_BYTES } from '../../src/limits.ts'
import { type ForgedEntry, Forger } from '../support/forge.ts'
import { fsck } from '../support/fsck.ts'
import { Gate, intercepted } from '../support/store-doubles.ts'
import { collect, type Device, devices, openDevice, pull, syncAll, TestRuntime } from '../support/world.ts'

const LONG = 'x'.repeat(300)

/** Two devices that wrote different values at one path, and know it. */
async function contested(
  values: readonly [string, string] = ['a', 'b']
): Promise<[Device, Device, Conflict]> {
  const [a, b] = (await devices(2)) as [Device, Device]
  await a.memory.public.put('key', values[0])
  b.runtime.nowMs += 1000
  await b.memory.public.put('key', values[1])
  await syncAll([a, b])
  return [a, b, await a.memory.getConflict('key')]
}

describe('a choice', () => {
  it('is refused with labels that no reader would take, and nothing is written', async () => {
    const [a, , { id }] = await contested()
    const bad: [Choice, { agent?: string }][] = [
      [{ value: 'c', contentType: LONG }, {}],
      [{ value: 'c' }, { agent: LONG }],
      [{ keep: 'local' }, { agent: LONG }],
      [{ delete: true }, { agent: 'half a pair \ud800' }],
      [{} as Choice, {}]
    ]
    for (const [choice, options] of bad) {
      await expect(a.memory.resolveConflict(id, choice, options)).rejects.toMatchObject({
        code: 'CORE_BAD_OPTION'
      })
    }
    await expect(a.memory.undo('key', { agent: LONG })).rejects.toMatchObject({ code: 'CORE_BAD_OPTION' })
    expect((await a.memory.getConflict('key')).id).toBe(id)
  })

  it('is written as it was when it was made, whatever its caller does to the value afterwards', async () => {
    const [a, , { id }] = await contested()
    const value = { list: [1] }
    const resolving = a.memory.resolveConflict(id, { value })
    value.list.push(2)
    await resolving
    expect(await a.memory.public.get('key')).toMatchObject({ value: { list: [1] } })
  })

  it('of another value keeps what is said about the versions: the latest category and all tags', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'a', { category: 'old', tags: ['x', 'z'] })
    b.runtime.nowMs += 1000
    await b.memory.public.put('key', 'b', { category: 'rules', tags: ['x', 'y'] })
    await syncAll([a, b])
    const { id } = await a.memory.getConflict('key')
    await a.memory.resolveConflict(id, { value: 'c', contentType: 'text/markdown' })
    expect(await a.memory.public.get('key')).toMatchObject({
      value: 'c',
      version: { contentType: 'text/markdown', category: 'rules', tags: ['x', 'y', 'z'] }
    })
  })

  it('settles a conflict once, however many make one at the same time', async () => {
    const [a, b, { id }] = await contested()
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) =>
        a.memory.resolveConflict(id, i % 2 === 0 ? { keep: 'both' } : { value: i })
      )
    )
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'CORE_STALE_CONFLICT' })
    }
    await syncAll([a, b])
    expect(await collect(b.memory.getUnresolvedConflicts())).toEqual([])
  })

  it('of both writes beside what is there already, never over it', async () => {
    const [a, b, { id, versions }] = await contested()
    const [first] = versions
    const taken = `key~${first?.entryId.slice(0, 6)}`
    await a.memory.public.put(taken, 'there already')
    const { alsoWritten } = await a.memory.resolveConflict(id, { keep: 'both' })
    expect(alsoWritten).toEqual([`/acme/web/key~${first?.entryId.slice(0, 12)}`])
    await pull(b, a)
    expect(await b.memory.public.get(taken)).toMatchObject({ value: 'there already' })
    expect(await b.memory.public.get(alsoWritten[0] ?? '')).toMatchObject({ value: 'a' })
    expect(await b.memory.public.get('key')).toMatchObject({ value: 'b' })
  })

  it.each([
    ['of one byte each', 'n'.repeat(MAX_SEGMENT_BYTES)],
    ['with one of four bytes where it is cut', `${'n'.repeat(246)}\u{1f9e0}`.padEnd(253, 'n')],
    ['that join when they meet', '\u1112\u1161\u11ab'.normalize('NFC').repeat(85)]
  ])('of both shortens a name of characters %s, so that the id fits beside it', async (_, name) => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put(name, 'a')
    b.runtime.nowMs += 1000
    await b.memory.public.put(name, 'b')
    await syncAll([a, b])
    const { id } = await a.memory.getConflict(name)
    const { alsoWritten } = await a.memory.resolveConflict(id, { keep: 'both' })
    const [path = ''] = alsoWritten
    const [start = '', short] = (path.split('/').at(-1) ?? '').split('~')
    expect(name.startsWith(start) && start.isWellFormed()).toBe(true)
    expect(short).toHaveLength(6)
    expect(Buffer.byteLength(start)).toBeGreaterThan(MAX_SEGMENT_BYTES - '~123456'.length - 4)
    await pull(b, a)
    expect(await b.memory.public.get(path)).toMatchObject({ value: 'a' })
  })

  it('of both keeps apart two versions whose ids start alike', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const alike = idsThatStartAlike(b)
    for (const { forger, entry } of alike) await a.replica.ingest(forger.batch([entry]))
    const latest = new Forger(b.replica, b.replica.key, 3)
    const hlc = timestampFromMs(a.runtime.nowMs + 60_000)
    await a.replica.ingest(latest.batch([latest.entry('/acme/web/key', 1, { value: 'latest', hlc })]))
    const conflict = await a.memory.getConflict('key')
    expect(conflict.versions).toHaveLength(3)
    const { alsoWritten } = await a.memory.resolveConflict(conflict.id, { keep: 'both' })
    const values: unknown[] = []
    for (const path of alsoWritten) {
      const read = await a.memory.public.get(path)
      values.push(read.state === 'value' ? read.value : read.state)
    }
    expect(values.sort()).toEqual(['one', 'two'])
    expect(await fsck(a.replica, a.store)).toEqual([])
  })

  it('settles more versions than an entry can name in steps, and everybody follows', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const count = MAX_PARENTS + 40
    for (let i = 0; i < count; i++) {
      const forger = new Forger(b.replica, b.replica.key, i)
      await a.replica.ingest(forger.batch([forger.entry('/acme/web/key', 1, { value: `version ${i}` })]))
    }
    const conflict = await a.memory.getConflict('key')
    expect(conflict.versions).toHaveLength(count)
    const { entryId } = await a.memory.resolveConflict(conflict.id, { value: 'settled' })
    const rest = await a.memory.getConflict('key')
    expect(rest.versions).toHaveLength(count - MAX_PARENTS + 1)
    expect(rest.versions.at(-1)?.entryId).toBe(entryId)
    await a.memory.resolveConflict(rest.id, { keep: entryId })
    await pull(b, a)
    for (const device of [a, b]) {
      expect(await device.memory.public.get('key')).toMatchObject({ state: 'value', value: 'settled' })
      expect(await fsck(device.replica, device.store)).toEqual([])
    }
  })

  it('about versions nobody can open takes the name of their memory, which nothing else tells', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const forger = new Forger(b.replica)
    const lying = forger.entry('/acme/web/key', 1, { sealedPath: '/acme/web/other' })
    await a.replica.ingest(forger.batch([lying]))
    const [listed] = await collect(a.memory.getUnresolvedConflicts())
    expect(listed?.kind).toBe('unreadable')
    const id = listed?.id ?? ''
    expect(await a.memory.getConflict(id)).toMatchObject({ id })
    expect(await a.memory.getConflict('key')).toMatchObject({ id, path: '/acme/web/key' })
    await expect(a.memory.within('elsewhere').getConflict(id)).rejects.toMatchObject({
      code: 'CORE_CONFLICT_NOT_FOUND'
    })
    await expect(a.memory.resolveConflict(id, { value: 1 })).rejects.toMatchObject({
      code: 'CORE_AMBIGUOUS_CHOICE'
    })
    for (const path of ['another', '/acme/other/key']) {
      await expect(a.memory.resolveConflict(id, { value: 1 }, { path })).rejects.toMatchObject({
        code: path === 'another' ? 'CORE_STALE_CONFLICT' : 'CORE_BAD_PATH'
      })
    }
    for (const keep of ['local', 'remote', 'both', lying.header.id] as const) {
      await expect(a.memory.resolveConflict(id, { keep }, { path: 'key' })).rejects.toMatchObject({
        code: 'CORE_AMBIGUOUS_CHOICE'
      })
    }
    await a.memory.resolveConflict(id, { value: 'mine' }, { path: 'key' })
    await pull(b, a)
    for (const device of [a, b]) {
      expect(await device.memory.public.get('key')).toMatchObject({ value: 'mine' })
      expect(await collect(device.memory.getUnresolvedConflicts())).toEqual([])
    }
  })

  it('to delete settles versions nobody can open, and writing by path does', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const forger = new Forger(b.replica)
    const lying = [1, 2].map((n) => forger.entry(`/acme/web/key-${n}`, n, { sealedPath: '/acme/web/other' }))
    await a.replica.ingest(forger.batch(lying))
    const { id } = await a.memory.getConflict('key-1')
    const { path } = await a.memory.resolveConflict(id, { delete: true }, { path: '/acme/web/key-1' })
    expect(path).toBe('/acme/web/key-1')
    await a.memory.public.put('key-2', 'mine', { base: await a.memory.public.get('key-2') })
    expect(await collect(a.memory.getUnresolvedConflicts())).toEqual([])
  })
})

describe('a version', () => {
  it('that has expired is still part of its conflict', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    await a.memory.public.put('key', 'short', { expiresAt: a.runtime.nowMs + 1000 })
    await b.memory.public.put('key', 'long')
    await syncAll([a, b])
    a.runtime.nowMs += 5000
    const conflict = await a.memory.getConflict('key')
    expect(conflict.versions).toHaveLength(2)
    await a.memory.resolveConflict(conflict.id, { keep: 'local' })
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'absent' })
  })

  it('P30: with other tags, category or expiry is another version, and with all of them the same is not', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const later = a.runtime.nowMs + 1_000_000
    await a.memory.public.put('tagged', { x: 1, y: 2 }, { tags: ['one'] })
    await b.memory.public.put('tagged', { y: 2, x: 1 }, { tags: ['two'] })
    await a.memory.public.put('filed', 1, { category: 'notes' })
    await b.memory.public.put('filed', 1, { category: 'rules' })
    await a.memory.public.put('fleeting', 1, { expiresAt: later })
    await b.memory.public.put('fleeting', 1, { expiresAt: later + 1 })
    const same = { tags: ['one'], category: 'notes', expiresAt: later }
    await a.memory.public.put('same', { x: 1, y: 2 }, same)
    await b.memory.public.put('same', { y: 2, x: 1 }, same)
    await syncAll([a, b])
    for (const path of ['tagged', 'filed', 'fleeting']) {
      expect(await a.memory.public.get(path), path).toMatchObject({ state: 'conflict' })
    }
    expect((await a.memory.public.get('same')).state).toBe('value')
  })
})

describe('undo', () => {
  it('of an undo is what was before it', async () => {
    const [a, b, { id }] = await contested()
    await a.memory.resolveConflict(id, { value: 'settled' })
    await a.memory.undo('key')
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'conflict' })
    await a.memory.undo('key')
    expect(await a.memory.public.get('key')).toMatchObject({ state: 'value', value: 'settled' })
    await a.memory.undo('key')
    await pull(b, a)
    const values = (await b.memory.getConflict('key')).versions.map(({ value }) => value)
    expect(values.sort()).toEqual(['a', 'b'])
  })

  it('P18: is refused when something was written there since it was asked for', async () => {
    const gate = new Gate()
    const store = new MemoryStore({ continuity: 'kept' })
    const runtime = new TestRuntime()
    await createSpace(store, runtime, { space: 'acme', device: 'device' })
    const slow = intercepted(store, (_partition, write) => gate.pass().then(write))
    const { memory } = await openDevice(slow, runtime)
    await memory.public.put('key', 'first')
    await memory.public.put('key', 'second')
    const isWriting = gate.close()
    const third = memory.public.put('key', 'third')
    await isWriting
    const undone = memory.undo('key')
    // What it takes back is what is there now; the lock is with the write.
    await setImmediate()
    gate.open()
    await third
    await expect(undone).rejects.toMatchObject({ code: 'CORE_STALE_BASE' })
    expect(await memory.public.get('key')).toMatchObject({ value: 'third' })
  })

  it('of both brings the conflict back, and leaves what was written beside it', async () => {
    const [a, , { id }] = await contested()
    const { alsoWritten } = await a.memory.resolveConflict(id, { keep: 'both' })
    await a.memory.undo('key')
    expect((await a.memory.getConflict('key')).versions).toHaveLength(2)
    expect(await a.memory.public.get(alsoWritten[0] ?? '')).toMatchObject({ value: 'a' })
  })

  it('of a path in conflict, or after somebody wrote in between, writes nothing', async () => {
    const [a] = await contested()
    await expect(a.memory.undo('key')).rejects.toMatchObject({ code: 'CORE_NOT_FOUND' })
    await a.memory.public.put('other', 1)
    await a.memory.public.put('other', 2)
    const outcomes = await Promise.allSettled([a.memory.public.put('other', 3), a.memory.undo('other')])
    const kept = outcomes[1]?.status === 'fulfilled' ? 1 : 3
    expect(await a.memory.public.get('other')).toMatchObject({ value: kept })
  })
})

/** Two siblings by different actors whose ids have the same first 6 digits, as somebody could search for. */
function idsThatStartAlike(device: Device): { forger: Forger; entry: ForgedEntry }[] {
  const forgers = [
    new Forger(device.replica, device.replica.key, 1),
    new Forger(device.replica, device.replica.key, 2)
  ]
  const found = new Map<string, ForgedEntry>()
  const now = device.runtime.nowMs
  for (let i = 0; ; i++) {
    for (const [at, forger] of forgers.entries()) {
      const hlc = timestampFromMs(now + (i % 1000))
      const entry = forger.entry('/acme/web/key', 1 + Math.floor(i / 1000), {
        value: at === 0 ? 'one' : 'two',
        hlc
      })
      const start = entry.header.id.slice(0, 6)
      const other = found.get(`${1 - at} ${start}`)
      found.set(`${at} ${start}`, entry)
      if (other === undefined) continue
      const pair = at === 0 ? [entry, other] : [other, entry]
      return pair.map((each, index) => ({ forger: forgers[index] as Forger, entry: each as ForgedEntry }))
    }
  }
}
