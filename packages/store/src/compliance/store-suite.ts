import assert from 'node:assert/strict'
import type { PartitionName, RowChange, RowRange, RowReader, Store } from '../store.ts'

/** How {@link storeSuite} reaches a test runner and the store under test. */
export interface StoreSuiteOptions {
  /** The host's test function; those of `node:test`, vitest and others fit. */
  readonly test: (name: string, run: () => Promise<void>) => unknown
  /** A new, empty store. The suite closes it. */
  readonly create: () => Promise<Store>
  /** Opens the store again that a test has closed. Without it the tests of durability are left out. */
  readonly reopen?: (closed: Store) => Promise<Store>
}

const EVERYTHING: RowRange = { gte: bytes(), lt: bytes(0xff, 0xff) }
const PARTITION_NAMES: readonly PartitionName[] = ['public', 'private', 'local']

/** Steps of the comparison with a model, and the number of different keys they touch. */
const MODEL_STEPS = 300
const MODEL_KEYS = 40

/**
 * What every store has to do, as tests: run it over your own implementation.
 *
 * @example
 * ```ts
 * import { test } from 'node:test'
 * storeSuite({ test, create: async () => new MemoryStore() })
 * ```
 */
export function storeSuite({ test, create, reopen }: StoreSuiteOptions): void {
  const withStore = (name: string, run: (store: Store) => Promise<void>): void => {
    test(name, async () => {
      const store = await create()
      try {
        await run(store)
      } finally {
        await store.close()
      }
    })
  }

  withStore('a store has an id of 16 bytes, a continuity and a durability', async (store) => {
    assert.equal(store.id.length, 16)
    assert.ok(['kept', 'first-open', 'copied-or-restored', 'unclean-stop'].includes(store.continuity))
    assert.ok(['disk', 'os'].includes(store.durability))
  })

  withStore('an absent row reads as undefined', async (store) => {
    assert.equal(await store.partition('public').get(bytes(1)), undefined)
    assert.deepEqual(await store.partition('public').getMany([bytes(1), bytes(2)]), [undefined, undefined])
    assert.deepEqual(await store.partition('public').getMany([]), [])
  })

  withStore('a row reads as it was written, empty keys and values included', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(), bytes(1)), put(bytes(7), bytes()), put(bytes(0xff, 0), bytes(0, 0xff))])
    assert.deepEqual(await rows.get(bytes()), bytes(1))
    assert.deepEqual(await rows.get(bytes(7)), bytes())
    assert.deepEqual(await rows.get(bytes(0xff, 0)), bytes(0, 0xff))
  })

  withStore('a value of a mebibyte reads as it was written', async (store) => {
    const value = Uint8Array.from({ length: 1024 * 1024 }, (_, i) => i % 251)
    await store.partition('public').write([put(bytes(1), value)])
    assert.deepEqual(await store.partition('public').get(bytes(1)), value)
  })

  withStore('getMany answers in the order asked, gaps and repetitions included', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(1), bytes(10)), put(bytes(2), bytes(20))])
    const values = await rows.getMany([bytes(2), bytes(9), bytes(1), bytes(2)])
    assert.deepEqual(values, [bytes(20), undefined, bytes(10), bytes(20)])
  })

  withStore('of several changes of one key in a batch the last one wins', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(1), bytes(1)), remove(bytes(1)), put(bytes(1), bytes(3))])
    await rows.write([put(bytes(2), bytes(1)), remove(bytes(2))])
    assert.deepEqual(await contentOf(rows), ['01=03'])
  })

  withStore('deleting an absent row and writing nothing are no errors', async (store) => {
    const rows = store.partition('public')
    await rows.write([remove(bytes(1))])
    await rows.write([])
    await rows.write([], { sync: true })
    assert.deepEqual(await contentOf(rows), [])
  })

  withStore('writes are applied in the order of the calls, awaited or not', async (store) => {
    const rows = store.partition('public')
    const writes = Array.from({ length: 200 }, (_, i) =>
      rows.write([put(bytes(1), bytes(i)), put(bytes(2, i), bytes(i))], { sync: i % 50 === 0 })
    )
    await Promise.all(writes)
    assert.deepEqual(await rows.get(bytes(1)), bytes(199))
    assert.equal((await contentOf(rows)).length, 201)
  })

  withStore('an acknowledged write is read at once', async (store) => {
    const rows = store.partition('public')
    for (let i = 0; i < 20; i++) {
      await rows.write([put(bytes(1), bytes(i))], { sync: false })
      assert.deepEqual(await rows.get(bytes(1)), bytes(i))
    }
  })

  withStore('keys and values given in are only borrowed for the call', async (store) => {
    const rows = store.partition('public')
    const key = bytes(1)
    const value = bytes(2)
    const first = rows.write([put(bytes(9), bytes(9))])
    const written = rows.write([put(key, value)])
    key[0] = 5
    value[0] = 5
    await Promise.all([first, written])
    assert.deepEqual(await contentOf(rows), ['01=02', '09=09'])
  })

  withStore("values read are the caller's to change", async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(1), bytes(2))])
    ;(await rows.get(bytes(1)))?.fill(9)
    for await (const row of rows.range(EVERYTHING)) {
      row.key.fill(9)
      row.value.fill(9)
    }
    for await (const key of rows.keys(EVERYTHING)) key.fill(9)
    assert.deepEqual(await contentOf(rows), ['01=02'])
  })

  withStore('a range has the rows from gte up to, and without, lt, in byte order', async (store) => {
    const rows = store.partition('public')
    const keys = [bytes(1), bytes(1, 0), bytes(1, 0xff), bytes(2), bytes(2, 0), bytes(0x80), bytes(3)]
    await rows.write(keys.map((key) => put(key, key)))
    assert.deepEqual(await contentOf(rows, { gte: bytes(1, 0), lt: bytes(2, 0) }), [
      '0100=0100',
      '01ff=01ff',
      '02=02'
    ])
    assert.deepEqual(await keysOf(rows, { gte: bytes(2), lt: bytes(0xff) }), ['02', '0200', '03', '80'])
  })

  withStore('a range can run backwards and stop after a number of rows', async (store) => {
    const rows = store.partition('public')
    await rows.write([1, 2, 3, 4].map((n) => put(bytes(n), bytes(n))))
    const range = { gte: bytes(1), lt: bytes(4) }
    assert.deepEqual(await keysOf(rows, { ...range, reverse: true }), ['03', '02', '01'])
    assert.deepEqual(await keysOf(rows, { ...range, limit: 2 }), ['01', '02'])
    assert.deepEqual(await keysOf(rows, { ...range, limit: 2, reverse: true }), ['03', '02'])
    assert.deepEqual(await keysOf(rows, { ...range, limit: 0 }), [])
  })

  withStore('a range whose end is not after its start is empty', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(2), bytes(2))])
    assert.deepEqual(await keysOf(rows, { gte: bytes(2), lt: bytes(2) }), [])
    assert.deepEqual(await keysOf(rows, { gte: bytes(3), lt: bytes(1) }), [])
    assert.deepEqual(await keysOf(rows, { gte: bytes(), lt: bytes() }), [])
  })

  withStore('a range over many pages misses no row and repeats none', async (store) => {
    const rows = store.partition('public')
    const count = 1500
    await rows.write(Array.from({ length: count }, (_, i) => put(bytes(i >> 8, i & 0xff), bytes(i & 0xff))))
    const forth = await contentOf(rows)
    assert.equal(forth.length, count)
    assert.equal(new Set(forth).size, count)
    assert.deepEqual(await contentOf(rows, { ...EVERYTHING, reverse: true }), forth.toReversed())
    assert.equal((await keysOf(rows, { ...EVERYTHING, limit: 700 })).length, 700)
  })

  withStore('a range that is being read does not see later writes', async (store) => {
    const rows = store.partition('public')
    await rows.write([1, 2, 3].map((n) => put(bytes(n), bytes(n))))
    const seen: string[] = []
    for await (const row of rows.range(EVERYTHING)) {
      if (seen.length === 0)
        await rows.write([remove(bytes(3)), put(bytes(2), bytes(9)), put(bytes(4), bytes(4))])
      seen.push(show(row))
    }
    assert.deepEqual(seen, ['01=01', '02=02', '03=03'])
  })

  withStore('a loop over a range can be left early', async (store) => {
    const rows = store.partition('public')
    await rows.write([1, 2, 3].map((n) => put(bytes(n), bytes(n))))
    for (let i = 0; i < 50; i++) for await (const _ of rows.range(EVERYTHING)) break
    assert.equal((await contentOf(rows)).length, 3)
  })

  withStore('a limit that is no count is a RangeError', async (store) => {
    const rows = store.partition('public')
    for (const limit of [-1, 1.5, Number.NaN]) {
      await assert.rejects(keysOf(rows, { ...EVERYTHING, limit }), RangeError)
    }
  })

  withStore('a row of one partition does not exist in the others', async (store) => {
    for (const name of PARTITION_NAMES) {
      await store.partition(name).write([put(bytes(1), new TextEncoder().encode(name))])
    }
    for (const name of PARTITION_NAMES) {
      const rows = store.partition(name)
      assert.deepEqual(await rows.get(bytes(1)), new TextEncoder().encode(name))
      assert.equal((await contentOf(rows)).length, 1)
    }
    await store.partition('private').write([remove(bytes(1))])
    assert.equal((await contentOf(store.partition('public'))).length, 1)
  })

  withStore('two handles of one partition reach the same rows', async (store) => {
    await store.partition('public').write([put(bytes(1), bytes(2))])
    assert.deepEqual(await store.partition('public').get(bytes(1)), bytes(2))
  })

  withStore('a partition that does not exist is a TypeError', async (store) => {
    for (const name of ['', 'meta', 'toString', undefined]) {
      assert.throws(() => store.partition(name as PartitionName), TypeError)
    }
  })

  withStore('a snapshot keeps the rows of its moment in every way of reading', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(1), bytes(1)), put(bytes(2), bytes(2))])
    const snapshot = rows.snapshot()
    await rows.write([put(bytes(1), bytes(9)), remove(bytes(2)), put(bytes(3), bytes(3))])
    assert.deepEqual(await snapshot.get(bytes(1)), bytes(1))
    assert.equal(await snapshot.get(bytes(3)), undefined)
    assert.deepEqual(await snapshot.getMany([bytes(2), bytes(3)]), [bytes(2), undefined])
    assert.deepEqual(await contentOf(snapshot), ['01=01', '02=02'])
    assert.deepEqual(await keysOf(snapshot, EVERYTHING), ['01', '02'])
    assert.deepEqual(await contentOf(rows), ['01=09', '03=03'])
    await snapshot.close()
  })

  withStore('a closed snapshot refuses reads, and may be closed twice', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(1), bytes(1))])
    const snapshot = rows.snapshot()
    await snapshot.close()
    await snapshot.close()
    await assert.rejects(snapshot.get(bytes(1)), { code: 'STORE_CLOSED' })
    await assert.rejects(snapshot.getMany([bytes(1)]), { code: 'STORE_CLOSED' })
    await assert.rejects(contentOf(snapshot), { code: 'STORE_CLOSED' })
    assert.deepEqual(await rows.get(bytes(1)), bytes(1))
  })

  withStore('a snapshot closes at the end of its block', async (store) => {
    const rows = store.partition('public')
    const snapshot = rows.snapshot()
    await snapshot[Symbol.asyncDispose]()
    await assert.rejects(snapshot.get(bytes(1)), { code: 'STORE_CLOSED' })
  })

  withStore('a closed store refuses everything but another close', async (store) => {
    const rows = store.partition('public')
    await rows.write([put(bytes(1), bytes(1))])
    const snapshot = rows.snapshot()
    await Promise.all([store.close(), store.close()])
    await store[Symbol.asyncDispose]()
    assert.throws(() => store.partition('public'), { code: 'STORE_CLOSED' })
    assert.throws(() => rows.snapshot(), { code: 'STORE_CLOSED' })
    for (const reader of [rows, snapshot]) {
      await assert.rejects(reader.get(bytes(1)), { code: 'STORE_CLOSED' })
      await assert.rejects(reader.getMany([bytes(1)]), { code: 'STORE_CLOSED' })
      await assert.rejects(contentOf(reader), { code: 'STORE_CLOSED' })
      await assert.rejects(keysOf(reader, EVERYTHING), { code: 'STORE_CLOSED' })
    }
    await assert.rejects(rows.write([put(bytes(1), bytes(2))]), { code: 'STORE_CLOSED' })
    await assert.rejects(rows.write([]), { code: 'STORE_CLOSED' })
    await snapshot.close()
  })

  withStore('closing refuses new work at once', async (store) => {
    const rows = store.partition('public')
    const closed = store.close()
    await assert.rejects(rows.get(bytes(1)), { code: 'STORE_CLOSED' })
    await assert.rejects(rows.write([put(bytes(1), bytes(2))]), { code: 'STORE_CLOSED' })
    await closed
  })

  withStore('a range in the middle of being read fails once the store is closed', async (store) => {
    const rows = store.partition('public')
    await rows.write([1, 2, 3].map((n) => put(bytes(n), bytes(n))))
    const range = rows.range(EVERYTHING)
    await range.next()
    await store.close()
    await assert.rejects(range.next(), { code: 'STORE_CLOSED' })
    assert.equal((await range.next()).done, true)
  })

  withStore('every way of reading agrees with a sorted map after any writes', async (store) => {
    const rows = store.partition('private')
    const model = new Map<string, string>()
    const random = generator(20_240_607)
    for (let step = 0; step < MODEL_STEPS; step++) {
      const changes = Array.from({ length: random(5) }, () => randomChange(random))
      await rows.write(changes, { sync: false })
      for (const change of changes) {
        if (change.type === 'put') model.set(hex(change.key), hex(change.value))
        else model.delete(hex(change.key))
      }
      const range = randomRange(random)
      assert.deepEqual(await contentOf(rows, range), modelRange(model, range))
    }
    const keys = Array.from({ length: MODEL_KEYS }, (_, n) => modelKey(n))
    const values = (await rows.getMany(keys)).map((value) => value && hex(value))
    assert.deepEqual(
      values,
      keys.map((key) => model.get(hex(key)))
    )
  })

  if (reopen === undefined) return

  test('a store opened again has its id, its rows and no doubt', async () => {
    const first = await create()
    await first.partition('public').write([put(bytes(1), bytes(1))])
    await first.partition('local').write([put(bytes(2), bytes(2))], { sync: false })
    await first.close()
    const second = await reopen(first)
    try {
      assert.deepEqual(second.id, first.id)
      assert.equal(second.continuity, 'kept')
      assert.deepEqual(await contentOf(second.partition('public')), ['01=01'])
      assert.deepEqual(await contentOf(second.partition('local')), ['02=02'])
    } finally {
      await second.close()
    }
  })

  test('closing waits for the writes in flight', async () => {
    const first = await create()
    const rows = first.partition('public')
    const writes = Array.from({ length: 300 }, (_, i) => rows.write([put(bytes(i >> 8, i & 0xff), bytes(i))]))
    await first.close()
    await Promise.all(writes)
    const second = await reopen(first)
    try {
      assert.equal((await contentOf(second.partition('public'))).length, 300)
    } finally {
      await second.close()
    }
  })
}

function bytes(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

function put(key: Uint8Array, value: Uint8Array): RowChange {
  return { type: 'put', key, value }
}

function remove(key: Uint8Array): RowChange {
  return { type: 'delete', key }
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString('hex')
}

function show(row: { readonly key: Uint8Array; readonly value: Uint8Array }): string {
  return `${hex(row.key)}=${hex(row.value)}`
}

async function contentOf(reader: RowReader, range: RowRange = EVERYTHING): Promise<string[]> {
  const rows: string[] = []
  for await (const row of reader.range(range)) rows.push(show(row))
  return rows
}

async function keysOf(reader: RowReader, range: RowRange): Promise<string[]> {
  const keys: string[] = []
  for await (const key of reader.keys(range)) keys.push(hex(key))
  return keys
}

/** Whole numbers below a bound, the same ones in every run (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

/** Keys of one and two bytes, so that some are the beginning of others. */
function modelKey(n: number): Uint8Array {
  return n % 2 === 0 ? bytes(n * 5) : bytes(n * 5, n)
}

function randomChange(random: (below: number) => number): RowChange {
  const key = modelKey(random(MODEL_KEYS))
  return random(3) === 0 ? remove(key) : put(key, bytes(random(256), random(256)))
}

function randomRange(random: (below: number) => number): RowRange {
  return {
    gte: modelKey(random(MODEL_KEYS)),
    lt: modelKey(random(MODEL_KEYS)),
    reverse: random(2) === 0,
    ...(random(2) === 0 ? { limit: random(10) } : {})
  }
}

function modelRange(model: ReadonlyMap<string, string>, range: RowRange): string[] {
  const within = [...model].filter(([key]) => key >= hex(range.gte) && key < hex(range.lt))
  const rows = within.map(([key, value]) => `${key}=${value}`).sort()
  return (range.reverse ? rows.toReversed() : rows).slice(0, range.limit)
}
