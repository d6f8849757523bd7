import { expect, it } from 'vitest'
import { UndoManager } from 'yjs'
import { Random } from '../../../../test/simulator/src/random.ts'
import { collect, type Device, devices, pull, syncAll } from '../support/world.ts'

/*
 * Three people write one document at once, as the traces of josephg/editing-traces have it: they type words, delete
 * what they see and take back what they did, while what the others wrote arrives now and then, in any order. The traces
 * are made here.
 */
const STEPS = 60
const FIRST_LETTER = 0x4e00

/** What a change has put into a text and taken out of it. Every letter that is typed is another one. */
function difference(before: string, after: string): { readonly added: string[]; readonly removed: string[] } {
  return {
    added: [...after].filter((letter) => !before.includes(letter)),
    removed: [...before].filter((letter) => !after.includes(letter))
  }
}

it.each([1, 2, 3, 4])(
  'P31: all see one text in the end, with all that was typed and not deleted (trace %i)',
  async (seed) => {
    const random = new Random(`editing/${seed}`)
    const all = (await devices(3)) as [Device, Device, Device]
    const documents = await Promise.all(all.map(({ memory }) => memory.public.doc('notes')))
    const texts = documents.map(({ doc }) => doc.getText('text'))
    const undos = texts.map((text) => new UndoManager(text, { captureTimeout: 0 }))
    const there = new Set<string>()
    let letters = 0
    for (let step = 0; step < STEPS; step++) {
      const who = random.below(3)
      const text = texts[who] as (typeof texts)[number]
      const before = text.toString()
      const at = random.below(before.length + 1)
      random.weighted<() => void>([
        [6, () => text.insert(at, String.fromCodePoint(FIRST_LETTER + letters++, FIRST_LETTER + letters++))],
        [2, () => text.delete(at, Math.min(before.length - at, random.below(6)))],
        [2, () => void undos[who]?.undo()]
      ])()
      const { added, removed } = difference(before, text.toString())
      for (const letter of added) there.add(letter)
      for (const letter of removed) there.delete(letter)
      await documents[who]?.flush()
      if (random.chance(0.4)) await pull(random.pick(all), all[who] as Device)
    }
    for (const document of documents) await document.flush()
    await syncAll(all)
    await syncAll(all)
    const seen: string[] = []
    for (const { memory } of all) {
      await using document = await memory.public.doc('notes')
      seen.push(document.doc.getText('text').toString())
      expect(await collect(memory.getUnresolvedConflicts())).toEqual([])
    }
    expect(new Set(seen).size).toBe(1)
    const [final = ''] = seen
    expect([...there].filter((letter) => !final.includes(letter))).toEqual([])
    expect([...final].filter((letter, i) => final.indexOf(letter) !== i)).toEqual([])
  }
)
