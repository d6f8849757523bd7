import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyUpdate, Doc } from 'yjs'
import { mergeDocuments } from '../../src/documents/merge.ts'
import type { MemoryDoc, ValueRead } from '../../src/index.ts'
import { MAX_VALUE_BYTES } from '../../src/limits.ts'
import { fsck } from '../support/fsck.ts'
import { collect, type Device, devices, openDevice, pull, syncAll } from '../support/world.ts'

const DAY_MS = 86_400_000

async function one(): Promise<Device> {
  const [device] = await devices(1)
  return device as Device
}

async function two(): Promise<[Device, Device]> {
  return (await devices(2)) as [Device, Device]
}

/** All there is to see of a document. */
function contentOf(doc: Doc): unknown {
  return {
    marks: doc.getArray('marks').toJSON(),
    map: doc.getMap('map').toJSON(),
    text: doc.getText('text').toJSON()
  }
}

function contentOfState(state: Uint8Array): unknown {
  const doc = new Doc()
  applyUpdate(doc, state)
  return contentOf(doc)
}

async function stored(device: Device, path = 'doc'): Promise<unknown> {
  const read = await device.memory.public.get(path)
  expect(read.state).toBe('value')
  return contentOfState((read as ValueRead).value as Uint8Array)
}

type Step =
  | { readonly type: 'mark' | 'set' | 'insert' | 'remove'; readonly device: number; readonly at: number }
  | { readonly type: 'save' | 'reopen'; readonly device: number; readonly at: number }
  | { readonly type: 'pull'; readonly device: number; readonly at: number }

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('mark', 'set', 'insert', 'remove', 'save', 'save', 'reopen', 'pull', 'pull'),
  device: fc.nat(5),
  at: fc.nat(20)
})

/** Does one step to a document; `mark` adds something that only a lost write can make disappear. */
function edit(doc: Doc, { type, device, at }: Step, mark: string): void {
  const text = doc.getText('text')
  if (type === 'mark') doc.getArray('marks').push([mark])
  if (type === 'set') doc.getMap('map').set(`key ${at % 3}`, `${device} ${at}`)
  if (type === 'insert') text.insert(at % (text.length + 1), `${device}${at} `)
  if (type === 'remove' && text.length > 0) text.delete(at % text.length, 1)
}

describe('documents', () => {
  it('P31: are the same everywhere and hold every change, in whatever order replicas edit, save and hear', async () => {
    const story = fc.tuple(
      fc.integer({ min: 2, max: 3 }),
      fc.array(step, { minLength: 5, maxLength: 30, size: 'max' })
    )
    await fc.assert(
      fc.asyncProperty(story, async ([count, steps]) => {
        const all = await devices(count)
        const open: MemoryDoc[] = []
        for (const device of all) open.push(await device.memory.public.doc('doc'))
        const marks: string[] = []
        for (const [i, each] of steps.entries()) {
          const at = each.device % count
          const device = all[at] as Device
          const other = all[each.at % count] as Device
          if (each.type === 'pull' && other !== device) await pull(device, other)
          if (each.type === 'save') await open[at]?.flush()
          if (each.type === 'reopen') {
            await open[at]?.close()
            open[at] = await device.memory.public.doc('doc')
          }
          if (each.type === 'mark') marks.push(`mark ${i}`)
          edit(open[at]?.doc as Doc, each, `mark ${i}`)
        }
        for (const document of open) await document.close()
        await syncAll(all)
        const [first] = all as [Device]
        const live = await first.replica.view('public').live('/acme/web/doc' as never)
        if (live.length === 0) return
        const states = live.map((entry) => entry.alternatives[0]?.value as Uint8Array)
        const content = contentOfState(mergeDocuments(states))
        expect(contentOfState(mergeDocuments([...states].reverse()))).toEqual(content)
        for (const device of all) {
          expect(await stored(device)).toEqual(content)
          expect(await collect(device.memory.getUnresolvedConflicts())).toEqual([])
        }
        expect([...(content as { marks: string[] }).marks].sort()).toEqual(marks.sort())
      }),
      { numRuns: 25 }
    )
  })

  it('P31: a save never covers a change that arrived after the document was loaded', async () => {
    const [a, b] = await two()
    const onB = await b.memory.public.doc('doc')
    onB.doc.getArray('marks').push(['from b'])
    await onB.close()
    const onA = await a.memory.public.doc('doc')
    onA.doc.getArray('marks').push(['from a'])
    const whole = new Uint8Array(0)
    const query = { after: 0n, scope: whole, shared: [whole] }
    const { batch } = await b.replica.readFeed(query)
    const view = a.replica.view.bind(a.replica)
    // What a document hears of is read too late: only the save itself can notice.
    Object.assign(a.replica, {
      view: (domain: 'public') => Object.assign(view(domain), { live: async () => [] })
    })
    await a.replica.ingest(batch)
    await onA.flush()
    Object.assign(a.replica, { view })
    const content = (await stored(a)) as { marks: string[] }
    expect(content.marks.sort()).toEqual(['from a', 'from b'])
  })

  it('P31: two open in one process see each other and save nothing twice', async () => {
    const device = await one()
    const first = await device.memory.public.doc('doc')
    const second = await device.memory.within('/acme/web').public.doc('doc')
    first.doc.getArray('marks').push(['first'])
    await first.flush()
    second.doc.getArray('marks').push(['second'])
    await second.flush()
    await first.close()
    await second.close()
    expect(((await stored(device)) as { marks: string[] }).marks.sort()).toEqual(['first', 'second'])
    expect(await collect(device.memory.public.history('doc'))).toHaveLength(2)
  })

  it('stay unsaved when a save fails, so that the next one takes the change with it', async () => {
    const device = await one()
    const open = await device.memory.public.doc('doc')
    open.doc.getArray('marks').push(['saved'])
    await open.flush()
    device.runtime.nowMs -= DAY_MS
    open.doc.getArray('marks').push(['refused'])
    await expect(open.flush()).rejects.toMatchObject({ code: 'CORE_CLOCK_AHEAD' })
    device.runtime.nowMs += DAY_MS
    await open.close()
    expect(((await stored(device)) as { marks: string[] }).marks).toEqual(['saved', 'refused'])
  })

  it('are saved a moment after a change, without being asked', async () => {
    const device = await one()
    const open = await device.memory.public.doc('doc')
    open.doc.getArray('marks').push(['typed'])
    const committed = new Promise((resolve) => device.memory.addEventListener('entry:committed', resolve))
    device.runtime.fireTimers()
    await committed
    expect(await stored(device)).toMatchObject({ marks: ['typed'] })
    await open.close()
  })

  it('are refused while they are too large, and saved once they are not', async () => {
    const device = await one()
    const open = await device.memory.public.doc('doc')
    open.doc.getText('text').insert(0, 'x'.repeat(MAX_VALUE_BYTES))
    await expect(open.flush()).rejects.toMatchObject({ code: 'CORE_DOC_TOO_LARGE' })
    expect(await device.memory.public.get('doc')).toMatchObject({ state: 'absent' })
    open.doc.getText('text').delete(1000, MAX_VALUE_BYTES - 1000)
    await open.close()
    expect(await stored(device)).toMatchObject({ text: 'x'.repeat(1000) })
  })

  it('all get saved when a memory closes: those of narrower handles, and those beside one that cannot be', async () => {
    const device = await one()
    const { memory } = device
    const tooLarge = await memory.public.doc('large')
    tooLarge.doc.getText('text').insert(0, 'x'.repeat(MAX_VALUE_BYTES))
    const beside = await memory.public.doc('beside')
    beside.doc.getArray('marks').push(['beside'])
    const narrow = await memory.within('notes').public.doc('narrow')
    narrow.doc.getArray('marks').push(['narrow'])
    await expect(memory.close()).rejects.toMatchObject({ code: 'CORE_DOC_TOO_LARGE' })
    const again = await openDevice(device.store, device.runtime)
    expect(await stored(again, 'beside')).toMatchObject({ marks: ['beside'] })
    expect(await stored(again, 'notes/narrow')).toMatchObject({ marks: ['narrow'] })
  })

  it('are in conflict with a plain value, and neither side replaces the other', async () => {
    const [a, b] = await two()
    await a.memory.public.put('doc', 'plain')
    const open = await b.memory.public.doc('doc')
    open.doc.getArray('marks').push(['mine'])
    await open.flush()
    await syncAll([a, b])
    expect(await a.memory.getConflict('doc')).toMatchObject({ kind: 'document' })
    open.doc.getArray('marks').push(['more'])
    await expect(open.close()).rejects.toMatchObject({ code: 'CORE_NOT_A_DOCUMENT' })
    await expect(a.memory.public.doc('doc')).rejects.toMatchObject({ code: 'CORE_NOT_A_DOCUMENT' })
    const conflict = await b.memory.getConflict('doc')
    expect(conflict.versions.map(({ kind }) => kind).sort()).toEqual(['document', 'value'])
    await b.memory.resolveConflict(conflict.id, { keep: 'local' })
    await pull(a, b)
    expect(await stored(a)).toMatchObject({ marks: ['mine'] })
  })

  it('that are no Yjs states at all are unreadable versions, and break no list', async () => {
    const [a, b] = await two()
    const open = await a.memory.public.doc('doc')
    open.doc.getArray('marks').push(['mine'])
    await open.close()
    const state = Uint8Array.of(1, 2, 3)
    const draft = {
      path: '/acme/web/doc' as never,
      type: 'ydoc' as const,
      alternatives: [
        {
          kind: 'document' as const,
          value: state,
          contentType: 'application/vnd.yjs',
          category: undefined,
          tags: [],
          expiresAt: undefined
        }
      ],
      agent: undefined,
      sources: []
    }
    await b.replica.write('public', async () => [draft])
    await syncAll([a, b])
    expect(await collect(a.memory.public.list())).toHaveLength(1)
    expect(await a.memory.getConflict('doc')).toMatchObject({ kind: 'unreadable' })
    expect(await fsck(a.replica, a.store)).toEqual([])
  })
})
