import { describe, expect, it } from 'vitest'
import { applyUpdate, Doc, encodeStateAsUpdate, Array as YArray, Map as YMap, Text as YText } from 'yjs'
import { loadYjs } from '../../src/documents/merge.ts'
import { type Overwrite, overwrites } from '../../src/documents/overwritten.ts'
import type { MemoryDoc, MemoryEvents } from '../../src/index.ts'
import { type Device, devices, pull, syncAll } from '../support/world.ts'

type Told = MemoryEvents['document:overwritten']['detail']

/** Two documents that go on from one state, each in its own way. */
async function apart(
  start: (doc: Doc) => void,
  ...edits: readonly [(doc: Doc) => void, (doc: Doc) => void]
): Promise<Overwrite[]> {
  await loadYjs()
  const common = new Doc()
  start(common)
  const docs = edits.map((edit) => {
    const doc = new Doc()
    applyUpdate(doc, encodeStateAsUpdate(common))
    edit(doc)
    return doc
  }) as [Doc, Doc]
  const states = docs.map((doc) => encodeStateAsUpdate(doc)) as [Uint8Array, Uint8Array]
  const found = overwrites(states)
  const mirrored = overwrites([states[1], states[0]])
  expect(mirrored.map(({ keyPath, lost }) => [keyPath, lost]).sort()).toEqual(
    found.map(({ keyPath, lost }) => [keyPath, lost]).sort()
  )
  return found
}

function said(found: readonly Overwrite[]): unknown[] {
  return found.map(({ keyPath, lost, kept }) => [keyPath, [lost.value, kept?.value].sort()])
}

const root = (doc: Doc): YMap<unknown> => doc.getMap('map')

describe('a key that two documents set without having seen each other', () => {
  it('is told with both values, whichever is kept', async () => {
    const found = await apart(
      (doc) => root(doc).set('key', 'old'),
      (doc) => root(doc).set('key', 'a'),
      (doc) => root(doc).set('key', 'b')
    )
    expect(said(found)).toEqual([
      [
        ['map', 'key'],
        ['a', 'b']
      ]
    ])
  })

  it('is told where nothing was before, and once however often each set it', async () => {
    const found = await apart(
      () => {},
      (doc) => {
        root(doc).set('key', 'a')
        root(doc).set('key', 'aa')
      },
      (doc) => root(doc).set('key', { b: 1 })
    )
    expect(found).toHaveLength(1)
    expect([found[0]?.lost.value, found[0]?.kept?.value]).toEqual(expect.arrayContaining(['aa', { b: 1 }]))
  })

  it('is told with all that was below it, and nothing below it is told again', async () => {
    const nested = (key: string): YMap<unknown> => {
      const map = new YMap<unknown>()
      map.set(key, 1)
      return map
    }
    const found = await apart(
      () => {},
      (doc) => root(doc).set('key', nested('a')),
      (doc) => root(doc).set('key', nested('b'))
    )
    expect(found).toHaveLength(1)
    expect(found[0]?.keyPath).toEqual(['map', 'key'])
    expect([found[0]?.lost.value, found[0]?.kept?.value]).toEqual(
      expect.arrayContaining([{ a: 1 }, { b: 1 }])
    )
  })

  it('is told where its map was taken away by one who had not seen it set', async () => {
    const inner = (doc: Doc): YMap<unknown> => doc.getArray('list').get(1) as YMap<unknown>
    const found = await apart(
      (doc) => doc.getArray('list').push(['first', new YMap(), 'last']),
      (doc) => inner(doc).set('key', new YText('kept safe')),
      (doc) => doc.getArray('list').delete(1)
    )
    expect(found).toMatchObject([
      { keyPath: ['list', 1, 'key'], lost: { value: 'kept safe' }, kept: undefined }
    ])
  })

  it.each<[string, (doc: Doc) => void, (doc: Doc) => void]>([
    ['other keys', (doc) => root(doc).set('a', 1), (doc) => root(doc).set('b', 1)],
    ['a key that the other only deleted', (doc) => root(doc).set('key', 1), (doc) => root(doc).delete('key')],
    [
      'a key that only one has set',
      (doc) => root(doc).set('key', 1),
      (doc) => doc.getText('text').insert(0, 'x')
    ],
    [
      'text and lists, which keep both sides',
      (doc) => doc.getArray('list').insert(0, ['a']),
      (doc) => doc.getArray('list').insert(0, ['b'])
    ]
  ])('is not told of %s', async (_, ...edits) => {
    const found = await apart((doc) => root(doc).set('key', 'old'), ...edits)
    expect(found).toEqual([])
  })

  it('is not told to one who has seen both', async () => {
    await loadYjs()
    const doc = new Doc()
    root(doc).set('key', 'a')
    const before = encodeStateAsUpdate(doc)
    root(doc).set('key', 'b')
    const list = new YArray<string>()
    root(doc).set('list', list)
    expect(overwrites([before, encodeStateAsUpdate(doc)])).toEqual([])
  })
})

function listen(device: Device): Told[] {
  const told: Told[] = []
  device.memory.addEventListener('document:overwritten', ({ detail }) => told.push(detail))
  return told
}

function set(open: MemoryDoc, value: string): void {
  open.doc.getMap('map').set('key', value)
}

describe('document:overwritten', () => {
  it('is told to both devices as their documents come together, once, and to no scope beside it', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const heard = [listen(a), listen(b)]
    const elsewhere: unknown[] = []
    a.memory.within('other').addEventListener('document:overwritten', (event) => elsewhere.push(event))
    for (const [device, value] of [
      [a, 'of a'],
      [b, 'of b']
    ] as const) {
      const open = await device.memory.public.doc('doc')
      set(open, value)
      await open.close()
    }
    await syncAll([a, b])
    const open = await a.memory.public.doc('doc')
    set(open, 'settled')
    await open.close()
    await syncAll([a, b])
    const [of] = heard as [Told[], Told[]]
    expect(of).toHaveLength(1)
    expect(of[0]).toMatchObject({ path: '/acme/web/doc', keyPath: ['map', 'key'] })
    expect(heard[1]).toEqual(of)
    const sides = [of[0]?.kept, of[0]?.lost].map((side) => [side?.deviceName, side?.value])
    expect(sides.sort()).toEqual([
      ['device-0', 'of a'],
      ['device-1', 'of b']
    ])
    expect(elsewhere).toEqual([])
  })

  it('is told of what was typed and not saved yet, and of nothing twice', async () => {
    const [a, b] = (await devices(2)) as [Device, Device]
    const told = listen(a)
    const onA = await a.memory.public.doc('doc')
    const onB = await b.memory.public.doc('doc')
    onA.doc.getMap('map').set('saved', 'of a')
    await onA.flush()
    set(onA, 'of a')
    set(onB, 'of b')
    onB.doc.getMap('map').set('saved', 'of b')
    await onB.close()
    await pull(a, b)
    await onA.close()
    const keys = told.map(({ keyPath, kept, lost }) => [keyPath[1], [kept.value, lost.value].sort()])
    expect(keys.sort()).toEqual([
      ['key', ['of a', 'of b']],
      ['saved', ['of a', 'of b']]
    ])
    expect(told.map(({ kept, lost }) => [kept.deviceName, lost.deviceName].sort())).toEqual([
      ['device-0', 'device-1'],
      ['device-0', 'device-1']
    ])
  })

  it('names among several devices the one whose value was lost', async () => {
    const all = (await devices(3)) as [Device, Device, Device]
    const [a] = all
    const told = listen(a)
    for (const [i, device] of all.entries()) {
      device.runtime.nowMs += i * 1000
      const open = await device.memory.public.doc('doc')
      if (i > 0) set(open, `of ${i}`)
      else open.doc.getMap('map').set('other', 'of 0')
      await open.close()
    }
    await syncAll(all)
    expect(told).toHaveLength(1)
    for (const { value, deviceName } of [told[0]?.kept, told[0]?.lost].filter((side) => side !== undefined)) {
      expect(`device-${(value as string).slice(3)}`).toBe(deviceName)
    }
  })
})
