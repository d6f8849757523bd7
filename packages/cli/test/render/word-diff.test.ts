import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { diffTexts, type TextPart } from '../../src/render/word-diff.ts'

const SIGNS: Readonly<Record<TextPart['change'], readonly [string, string]>> = {
  none: ['', ''],
  note: ['', ''],
  removed: ['[-', '-]'],
  added: ['{+', '+}']
}

async function marked(before: string, after: string): Promise<string> {
  const parts = await diffTexts(before, after)
  return parts.map(({ text, change }) => `${SIGNS[change][0]}${text}${SIGNS[change][1]}`).join('')
}

/** Texts with much in common, in lines, words and scripts. */
const text = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      ' ',
      '  ',
      '\t',
      '\n',
      '\r\n',
      '今日は',
      '天気',
      '。',
      '👩‍👧',
      '\u001b[2J',
      'é'
    ),
    {
      maxLength: 30
    }
  )
  .map((pieces) => pieces.join(''))

describe('the difference of two texts', () => {
  it.each([
    ['We deploy on Tuesday', 'We deploy on Friday', 'We deploy on [-Tuesday-]{+Friday+}'],
    ['今日は天気がいい', '今日は天気が悪い', '今日は天気が[-いい-]{+悪い+}'],
    ['我们星期二部署。', '我们星期五部署。', '我们[-星期二-]{+星期五+}部署。'],
    ['毎週火曜日にデプロイ', '毎週金曜日にデプロイ', '毎週[-火曜日-]{+金曜日+}にデプロイ']
  ])('marks words in any script: %s', async (before, after, expected) => {
    expect(await marked(before, after)).toBe(expected)
  })

  it('marks one change as one, not every word between the same spaces', async () => {
    expect(await marked('keep it short please', 'keep all this in please')).toBe(
      'keep [-it short-]{+all this in+} please'
    )
  })

  it('leaves the word before something new as it is', async () => {
    expect(await marked('We deploy on Tuesday', 'We deploy on Tuesday, later')).toBe(
      'We deploy on Tuesday{+, later+}'
    )
  })

  it('marks white space that is all that differs', async () => {
    expect(await marked('a b', 'a  b')).toBe('a[- -]{+  +}b')
    expect(await marked('a', 'a\n')).toBe('a{+\n+}')
  })

  it('stays within the lines that changed', async () => {
    expect(await marked('one\ntwo\nthree\n', 'one\n2\nthree\nfour\n')).toBe(
      'one\n[-two-]{+2+}\nthree\n{+four\n+}'
    )
  })

  it('gives both texts back exactly, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (before, after) => {
        const parts = await diffTexts(before, after)
        const without = (left: TextPart['change']): string =>
          parts
            .filter(({ change }) => change !== left)
            .map((part) => part.text)
            .join('')
        expect([without('added'), without('removed')]).toEqual([before, after])
      })
    )
  })

  it('shows texts that have nothing in common as replaced, without comparing every word with every other', async () => {
    const before = Array.from({ length: 3_000 }, (_, i) => `a${i}`).join('\n')
    const after = Array.from({ length: 3_000 }, (_, i) => `b${i}`).join('\n')
    expect(await diffTexts(before, after)).toEqual([
      { text: before, change: 'removed' },
      { text: after, change: 'added' }
    ])
  })
})
