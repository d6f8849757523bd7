let segmenter: Intl.Segmenter | undefined

/**
 * The words of a text in any script, lower case. Splitting at spaces would make one word of a Chinese sentence and
 * find none of its parts.
 */
export function tokenize(text: string): string[] {
  // Made when something is searched for: it takes milliseconds, which a process that only reads would feel.
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'word' })
  const words: string[] = []
  for (const { segment, isWordLike } of segmenter.segment(text.normalize('NFKC'))) {
    if (isWordLike === true) words.push(segment.toLowerCase())
  }
  return words
}

const MAX_INDEXED_CHARACTERS = 100_000

/** What there is to find in a value: its texts and keys, up to a bound. */
export function searchableText(value: unknown): string {
  const parts: string[] = []
  let room = MAX_INDEXED_CHARACTERS
  const add = (text: string): void => {
    if (room <= 0) return
    parts.push(text.slice(0, room))
    room -= text.length
  }
  const visit = (item: unknown): void => {
    if (room <= 0 || item instanceof Uint8Array) return
    if (typeof item === 'string') add(item)
    else if (typeof item === 'number') add(String(item))
    else if (Array.isArray(item)) item.forEach(visit)
    else if (item !== null && typeof item === 'object') {
      for (const [key, inner] of Object.entries(item)) {
        add(key)
        visit(inner)
      }
    }
  }
  visit(value)
  return parts.join('\n')
}
