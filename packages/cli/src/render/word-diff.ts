import { type Change, diffTokens, linesOf } from '../diff/diff-tokens.ts'

/** A piece of text and what became of it. `note` is no text of a memory: something said about it. */
export interface TextPart {
  readonly text: string
  readonly change: Change['change'] | 'note'
}

/** Texts that differ in more lines or words than this count as altogether different. */
export const MAX_LINE_EDITS = 2_000
const MAX_WORD_EDITS = 1_000
/** Words are not looked for in longer passages. */
const MAX_WORD_DIFF_CHARACTERS = 100_000

/**
 * The difference between two texts: by line first, so that long ones stay aligned, then by word within the lines that
 * changed. Words are what `Intl.Segmenter` says they are, so that Chinese and Japanese have words too. Nothing is
 * glossed over: parts without the added ones are `before`, parts without the removed ones are `after`.
 */
export async function diffTexts(before: string, after: string): Promise<readonly TextPart[]> {
  const lines = await diffTokens(linesOf(before), linesOf(after), MAX_LINE_EDITS)
  if (lines === undefined) return replaced(before, after)
  const parts: TextPart[] = []
  let removed = ''
  let added = ''
  for (const { change, tokens } of [...lines, { change: 'none', tokens: [] } as const]) {
    const text = tokens.join('')
    if (change === 'removed') removed += text
    else if (change === 'added') added += text
    else {
      parts.push(...(await diffWords(removed, added)), ...present({ text, change }))
      removed = ''
      added = ''
    }
  }
  return parts
}

async function diffWords(before: string, after: string): Promise<readonly TextPart[]> {
  if (before === '' || after === '' || before.length + after.length > MAX_WORD_DIFF_CHARACTERS) {
    return replaced(before, after)
  }
  const words = { before: segments(before), after: segments(after) }
  const changes = await diffTokens(words.before.map(inContext), words.after.map(inContext), MAX_WORD_EDITS)
  if (changes === undefined) return replaced(before, after)
  let [from, to] = [0, 0]
  const parts = changes.map(({ change, tokens: { length } }) => {
    const text =
      change === 'removed'
        ? words.before.slice(from, from + length).join('')
        : words.after.slice(to, to + length).join('')
    if (change !== 'added') from += length
    if (change !== 'removed') to += length
    return { change, text }
  })
  return parts.flatMap((part, at) => withoutSharedSpace(part, parts[at - 1], parts[at + 1]))
}

/** The white space that ends both what is gone and what came in its place is the same after all. */
function withoutSharedSpace(
  part: TextPart,
  before: TextPart | undefined,
  after: TextPart | undefined
): readonly TextPart[] {
  const isGone = part.change === 'removed'
  const other = isGone ? after : before
  if (part.change === 'none' || other?.change !== (isGone ? 'added' : 'removed')) return [part]
  const space = spaceAtEnd(part.text)
  if (space === '' || space !== spaceAtEnd(other.text)) return [part]
  const words = present({ ...part, text: part.text.slice(0, -space.length) })
  return isGone ? words : [...words, { text: space, change: 'none' }]
}

function spaceAtEnd(text: string): string {
  const space = text.slice(text.trimEnd().length)
  return space.includes('\n') ? '' : space
}

/**
 * What a segment is compared by. White space within a line is the same only after the same word: the spaces between
 * words that all differ would otherwise be found to be the same, and tear one change into many.
 */
function inContext(segment: string, at: number, all: readonly string[]): string {
  return segment.trim() === '' && !segment.includes('\n') ? `${all[at - 1] ?? ''}\u0000${segment}` : segment
}

function replaced(before: string, after: string): readonly TextPart[] {
  return [...present({ text: before, change: 'removed' }), ...present({ text: after, change: 'added' })]
}

function present(part: TextPart): readonly TextPart[] {
  return part.text === '' ? [] : [part]
}

let segmenter: Intl.Segmenter | undefined

function segments(text: string): string[] {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'word' })
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}
