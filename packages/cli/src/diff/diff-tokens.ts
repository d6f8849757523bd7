/** Tokens that follow one another and share a fate on the way from one sequence to another. */
export interface Change {
  readonly change: 'none' | 'removed' | 'added'
  readonly tokens: readonly string[]
}

/**
 * The difference of two sequences by Myers's algorithm (1986), or `undefined` when it is greater than `maxEdits`: what
 * it costs grows with the square of the difference, and peers choose the texts.
 */
export async function diffTokens(
  before: readonly string[],
  after: readonly string[],
  maxEdits: number
): Promise<readonly Change[] | undefined> {
  const { diffArrays } = await import('diff')
  const changes = diffArrays([...before], [...after], { maxEditLength: maxEdits })
  return changes?.map(({ value, added, removed }) => ({
    change: added ? 'added' : removed ? 'removed' : 'none',
    tokens: value
  }))
}

/** A text's lines, each with the line feed that ends it. They are the text again when joined. */
export function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? []
}
