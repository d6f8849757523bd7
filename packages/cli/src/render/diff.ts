import type { Colors } from '../output.ts'
import { printableText } from './terminal-text.ts'

/**
 * The difference between two texts word by word, in one text: `[-gone-]{+new+}`, coloured where colours show. Words
 * are what `Intl.Segmenter` says they are, so that Chinese and Japanese have words too.
 */
export async function wordDiff(before: string, after: string, colors: Colors): Promise<string> {
  const { diffWords } = await import('diff')
  const intlSegmenter = new Intl.Segmenter(undefined, { granularity: 'word' })
  return diffWords(before, after, { intlSegmenter })
    .map(({ value, added, removed }) => {
      const text = printableText(value)
      if (added) return colors.green(`{+${text}+}`)
      if (removed) return colors.red(`[-${text}-]`)
      return text
    })
    .join('')
}
