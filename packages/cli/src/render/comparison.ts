import type { MergeProposal, Version } from 'cis-memory/session'
import { diffTokens, linesOf } from '../diff/diff-tokens.ts'
import type { Marking } from './paint.ts'
import { foldRows, isChangedRow, type Line, linesOfParts, pairedRows, type Row } from './rows.ts'
import { plainText, valuePreview, versionPreview } from './value.ts'
import { diffTexts, MAX_LINE_EDITS } from './word-diff.ts'

/** Longest description of what is no text. */
const PREVIEW_LENGTH = 80

/** Versions made ready to be looked at: a column for each. */
export interface Comparison {
  readonly rows: readonly Row[]
  readonly marking: Marking
  /** What is marked, where that is not plain to see. */
  readonly legend: string | undefined
}

export interface CompareOptions {
  /** Leave out what is the same everywhere and far from what is not. */
  readonly isFolded: boolean
}

/**
 * Two texts are compared with each other. More, or a text with what is none, are compared with what they come from, or
 * else with the first of them.
 */
export async function compareVersions(
  versions: readonly Version[],
  ancestor: Version | undefined,
  { isFolded }: CompareOptions
): Promise<Comparison> {
  const texts = textsOf([...versions, ...(ancestor === undefined ? [] : [ancestor])])
  const [left, right] = texts
  if (versions.length === 2 && left !== undefined && right !== undefined) {
    const rows = pairedRows(await diffTexts(left, right))
    const isSame = !rows.some(isChangedRow)
    const legend = isSame ? 'The texts are the same; what is said about them differs.' : undefined
    return { rows: isFolded && !isSame ? foldRows(rows, isChangedRow) : rows, marking: 'sides', legend }
  }
  const before = ancestor === undefined ? undefined : texts[versions.length]
  const first = texts.findIndex((text) => text !== undefined)
  const reference = before ?? texts[first]
  let isMarked = false
  const columns = versions.map(async (version, at): Promise<readonly Line[]> => {
    const text = texts[at]
    if (text === undefined || reference === undefined) {
      return [[{ text: versionPreview(version, PREVIEW_LENGTH), change: 'note' }]]
    }
    if (before === undefined && at === first) return plainLines(text)
    isMarked = true
    const lines = linesOfParts(await diffTexts(reference, text))
    return isFolded ? foldLines(lines) : lines
  })
  const row = await Promise.all(columns)
  const against = before === undefined ? `differs from version ${first + 1}` : 'each changed since "before"'
  return { rows: [row], marking: 'inline', legend: isMarked ? `Marked: what ${against}.` : undefined }
}

/** What versions come from; where it is long, only what one of them changed. */
export async function ancestorLines(
  ancestor: Version,
  versions: readonly Version[],
  { isFolded }: CompareOptions
): Promise<readonly Line[]> {
  const [text, ...texts] = textsOf([ancestor, ...versions])
  if (text === undefined) return [[{ text: versionPreview(ancestor, PREVIEW_LENGTH), change: 'note' }]]
  const lines = plainLines(text)
  if (!isFolded) return lines
  const changed = new Set<number>()
  for (const other of texts) {
    if (other !== undefined) for (const at of await changedLines(text, other)) changed.add(at)
  }
  const rows = lines.map((line): Row => [[line]])
  return foldRows(rows, (_, at) => changed.has(at)).flat(2)
}

/** What was proposed, marked against what the versions come from, or else against the first of them. */
export async function proposalLines(
  { value }: MergeProposal,
  versions: readonly Version[],
  ancestor: Version | undefined,
  { isFolded }: CompareOptions
): Promise<readonly Line[]> {
  const others = [...(ancestor === undefined ? [] : [ancestor]), ...versions]
  const [text, ...texts] = textsOf([{ kind: 'value', value }, ...others])
  if (text === undefined) return [[{ text: valuePreview(value, PREVIEW_LENGTH), change: 'note' }]]
  const reference = texts.find((each) => each !== undefined)
  if (reference === undefined) return plainLines(text)
  const lines = linesOfParts(await diffTexts(reference, text))
  return isFolded ? foldLines(lines) : lines
}

async function changedLines(before: string, after: string): Promise<number[]> {
  const lines = linesOf(before)
  const changes = await diffTokens(lines, linesOf(after), MAX_LINE_EDITS)
  if (changes === undefined) return [...lines.keys()]
  const changed: number[] = []
  let at = 0
  for (const { change, tokens } of changes) {
    // Something new counts for the line it comes before.
    if (change !== 'none') changed.push(at)
    if (change === 'removed') for (let i = 1; i < tokens.length; i++) changed.push(at + i)
    if (change !== 'added') at += tokens.length
  }
  return changed
}

/**
 * Versions as texts that can be compared; `undefined` for what is no text. Texts are as they are when all are texts;
 * among other values they are JSON as well, or the text `30` would look like the number.
 */
function textsOf(versions: readonly Pick<Version, 'kind' | 'value'>[]): (string | undefined)[] {
  const values = versions.map(({ kind, value }) =>
    kind === 'value' && !(value instanceof Uint8Array) ? value : undefined
  )
  const isAllText = values.every((value) => value === undefined || typeof value === 'string')
  return values.map((value) => {
    if (value === undefined) return undefined
    return isAllText || typeof value !== 'string' || value.includes('\n')
      ? plainText(value)
      : JSON.stringify(value)
  })
}

function plainLines(text: string): readonly Line[] {
  return linesOfParts([{ text, change: 'none' }])
}

function foldLines(lines: readonly Line[]): readonly Line[] {
  return foldRows(
    lines.map((line): Row => [[line]]),
    isChangedRow
  ).flat(2)
}
