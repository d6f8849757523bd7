import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editStart, hasMarkers } from '../../src/merge/markers.ts'
import { mergedText, mergeLines } from '../../src/merge/three-way.ts'

const BASE = '# Rules\n\n- one\n- two\n- three\n- four\n'

async function merged(base: string | undefined, ...texts: string[]): Promise<string | undefined> {
  const merge = await mergeLines(base, texts)
  return merge && mergedText(merge)
}

async function start(base: string | undefined, texts: readonly string[], names = ['A', 'B', 'C']) {
  return editStart((await mergeLines(base, texts))!, names)
}

/** A text made of a base by changing, dropping and adding lines, so that several share much. */
const lines = fc.array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 8 })
const text = lines.map((each) => each.map((line) => `${line}\n`).join(''))

describe('a merge by line', () => {
  it('takes what each changed where nothing overlaps', async () => {
    const mine = BASE.replace('- one', '- one, always')
    const theirs = `${BASE}- five\n`
    expect(await merged(BASE, mine, theirs)).toBe(`${mine}- five\n`)
  })

  it('takes what each of three changed', async () => {
    const texts = [
      BASE.replace('# Rules', '# Our rules'),
      BASE.replace('- two', '- 2'),
      BASE.replace('- four\n', '')
    ]
    expect(await merged(BASE, ...texts)).toBe('# Our rules\n\n- one\n- 2\n- three\n')
  })

  it('takes once what several changed alike', async () => {
    const same = BASE.replace('- two', '- 2')
    expect(await merged(BASE, same, same, BASE)).toBe(same)
  })

  it('leaves lines to decide that two changed differently, or next to each other', async () => {
    expect(await merged(BASE, BASE.replace('- two', '- 2'), BASE.replace('- two', '- II'))).toBeUndefined()
    expect(await merged(BASE, BASE.replace('- two', '- 2'), BASE.replace('- three', '- 3'))).toBeUndefined()
    expect(await merged(BASE, `${BASE}- x\n`, `${BASE}- y\n`)).toBeUndefined()
  })

  it('decides nothing without a base', async () => {
    expect(await merged(undefined, 'a\nb\n', 'a\nc\n')).toBeUndefined()
  })

  it('does not take a missing line feed at the end for a change of the last line', async () => {
    expect(await merged('a\nb\nc', 'A\nb\nc', 'a\nb\nc\nd')).toBe('A\nb\nc\nd')
    expect(await merged('a\nb\nc', 'A\nb\nc', 'a\nb\nc\n')).toBe('A\nb\nc\n')
  })

  it('is the changed text when only one was changed, and does not depend on the order of the texts', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, text, async (base, one, other) => {
        expect(await merged(base, one, base)).toBe(one)
        expect(await merged(base, one, one)).toBe(one)
        expect(await merged(base, one, other)).toBe(await merged(base, other, one))
        expect(await merged(base, one, other, base)).toBe(await merged(base, one, other))
      })
    )
  })

  it('gives up on texts that have too little in common to be worth it', async () => {
    const long = (sign: string): string => Array.from({ length: 3_000 }, (_, i) => `${sign}${i}\n`).join('')
    expect(await mergeLines(long('a'), [long('b'), long('c')])).toBeUndefined()
  })
})

describe('the text an edit starts from', () => {
  it('has marks only around what is left to decide', async () => {
    const mine = BASE.replace('- one', '- 1').replace('- four', '- 4')
    const theirs = BASE.replace('- four', '- IV')
    const { text: shown } = await start(BASE, [mine, theirs])
    expect(shown).toBe(
      '# Rules\n\n- 1\n- two\n- three\n<<<<<<< A\n- 4\n||||||| before\n- four\n=======\n- IV\n>>>>>>> B\n'
    )
  })

  it('names each of more than two', async () => {
    const { text: shown } = await start('x\n', ['1\n', '2\n', '3\n'])
    expect(shown).toBe('<<<<<<< A\n1\n||||||| before\nx\n======= B\n2\n=======\n3\n>>>>>>> C\n')
  })

  it('has every version whole when nothing is known of where they come from', async () => {
    const { text: shown } = await start(undefined, ['same\nleft\n', 'same\nright\n'])
    expect(shown).toBe('same\n<<<<<<< A\nleft\n=======\nright\n>>>>>>> B\n')
  })

  it('is not finished while a mark is left, unless the memory itself has such a line', async () => {
    const edit = await start('Title\n=======\nx\n', ['Title\n=======\n1\n', 'Title\n=======\n2\n'])
    expect(hasMarkers(edit.text, edit.markers)).toBe(true)
    expect(hasMarkers('Title\n=======\n1\n>>>>>>> B\n', edit.markers)).toBe(true)
    expect(hasMarkers('Title\n=======\n1 and 2\n', edit.markers)).toBe(false)
  })
})
