import { diffTokens, linesOf } from '../diff/diff-tokens.ts'

/** Texts that differ in more lines than this are not merged. */
const MAX_LINE_EDITS = 2_000

/** Lines on which all agree or that only one way of changing them was found for, or lines somebody has to decide on. */
export type Region =
  | { readonly lines: readonly string[] }
  | {
      /** What was there, when that is known. */
      readonly before: readonly string[] | undefined
      /** What each text has instead, in the order of the texts. */
      readonly variants: readonly (readonly string[])[]
    }

export interface Merge {
  readonly regions: readonly Region[]
  /** Whether the merged text ends its last line, which texts in memory often do not. */
  readonly endsLastLine: boolean
}

/** A run of a base text's lines that one text has other lines for; insertions take none of them. */
interface Hunk {
  readonly text: number
  readonly start: number
  readonly end: number
  readonly lines: readonly string[]
}

/**
 * Merges texts that come from one base by line, as diff3 does (Khanna, Kunal, Pierce, "A Formal Investigation of
 * Diff3", 2007), for any number of texts: changes that neither overlap nor touch are all taken, and so is one that
 * several made alike. Without a base no difference is decided.
 *
 * @returns `undefined` when the texts have too little in common to be worth it
 */
export async function mergeLines(
  base: string | undefined,
  texts: readonly string[]
): Promise<Merge | undefined> {
  const whole = texts.map(endLastLine)
  const endsLastLine = mergeEndings(base, texts)
  const [first = '', ...others] = whole
  if (base === undefined && others.length > 1) {
    return { regions: [{ before: undefined, variants: whole.map(linesOf) }], endsLastLine }
  }
  // One text as the base of the other tells where they differ, and nothing more.
  const origin = linesOf(base === undefined ? first : endLastLine(base))
  const hunks: Hunk[] = []
  for (const [text, content] of whole.entries()) {
    const changes = await diffTokens(origin, linesOf(content), MAX_LINE_EDITS)
    if (changes === undefined) return undefined
    hunks.push(...hunksOf(changes, text))
  }
  hunks.sort((a, b) => a.start - b.start || a.end - b.end)
  return { regions: regionsOf(origin, hunks, texts.length, base !== undefined), endsLastLine }
}

/** The text of a merge that leaves nobody anything to decide, or `undefined`. */
export function mergedText({ regions, endsLastLine }: Merge): string | undefined {
  let text = ''
  for (const region of regions) {
    if (!('lines' in region)) return undefined
    text += region.lines.join('')
  }
  return endsLastLine ? text : text.replace(/\n$/, '')
}

/** A last line without its line feed would differ from the same line with another after it. */
function endLastLine(text: string): string {
  return text === '' || text.endsWith('\n') ? text : `${text}\n`
}

/** What has changed since the base holds; without one, what most texts do. */
function mergeEndings(base: string | undefined, texts: readonly string[]): boolean {
  const endings = texts.filter((text) => text !== '').map((text) => text.endsWith('\n'))
  const before = base?.endsWith('\n')
  if (before !== undefined && base !== '') return endings.some((ends) => ends !== before) ? !before : before
  return endings.filter(Boolean).length * 2 > endings.length
}

function* hunksOf(
  changes: NonNullable<Awaited<ReturnType<typeof diffTokens>>>,
  text: number
): Generator<Hunk> {
  let at = 0
  let start = 0
  let lines: string[] = []
  for (const { change, tokens } of [...changes, { change: 'none', tokens: [] } as const]) {
    if (change === 'added') lines.push(...tokens)
    else if (change === 'removed') at += tokens.length
    else {
      if (at > start || lines.length > 0) yield { text, start, end: at, lines }
      at += tokens.length
      start = at
      lines = []
    }
  }
}

function regionsOf(
  origin: readonly string[],
  hunks: readonly Hunk[],
  texts: number,
  isBase: boolean
): readonly Region[] {
  const regions: Region[] = []
  let at = 0
  for (let i = 0; i < hunks.length; ) {
    const start = hunks[i]?.start ?? 0
    let end = hunks[i]?.end ?? start
    const group: Hunk[] = []
    for (let hunk = hunks[i]; hunk !== undefined && hunk.start <= end; hunk = hunks[++i]) {
      group.push(hunk)
      end = Math.max(end, hunk.end)
    }
    if (start > at) regions.push({ lines: origin.slice(at, start) })
    regions.push(decide(origin.slice(start, end), start, group, texts, isBase))
    at = end
  }
  if (at < origin.length) regions.push({ lines: origin.slice(at) })
  return regions
}

/** What a region comes to. `before` are the base's lines in it. */
function decide(
  before: readonly string[],
  start: number,
  group: readonly Hunk[],
  texts: number,
  isBase: boolean
): Region {
  const variants = Array.from({ length: texts }, (_, text) => {
    const lines: string[] = []
    let at = 0
    for (const hunk of group) {
      if (hunk.text !== text) continue
      lines.push(...before.slice(at, hunk.start - start), ...hunk.lines)
      at = hunk.end - start
    }
    return [...lines, ...before.slice(at)]
  })
  if (!isBase) return { before: undefined, variants }
  const unchanged = before.join('')
  const changed = new Map(variants.map((lines) => [lines.join(''), lines]))
  changed.delete(unchanged)
  const [only, ...others] = changed.values()
  return only !== undefined && others.length === 0 ? { lines: only } : { before, variants }
}
