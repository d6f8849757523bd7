import type { TextPart } from './word-diff.ts'

/** A line of text in parts, without its line feed. */
export type Line = readonly TextPart[]

/** What stands next to each other: for each column the lines that begin at the same height. */
export type Row = readonly (readonly Line[])[]

/** Unchanged lines that are shown before and after a changed one. */
const CONTEXT_LINES = 3
/** A fold that hides less takes as much room as it saves. */
const MIN_FOLDED_LINES = 2

/** Shows a line feed that is all of what changed in its line. */
const LINE_FEED = '↵'

/** The lines of a text that is in parts. */
export function linesOfParts(parts: readonly TextPart[]): readonly Line[] {
  const side = new Side()
  for (const piece of pieces(parts)) side.add(piece)
  side.end()
  return side.take()
}

/** The rows of two texts next to each other: lines that end alike are at the same height. */
export function pairedRows(parts: readonly TextPart[]): readonly Row[] {
  const rows: Row[] = []
  const left = new Side()
  const right = new Side()
  const pair = (endsAlike: boolean): void => {
    const lines = [left.take(), right.take()] as const
    const lasts = endsAlike ? lines.map((side) => side.pop()) : []
    const height = Math.max(...lines.map(({ length }) => length))
    for (let i = 0; i < height; i++) rows.push(lines.map((side) => cell(side[i])))
    if (lasts.length > 0) rows.push(lasts.map(cell))
  }
  let last: Piece | undefined
  for (const piece of pieces(parts)) {
    if (piece.change !== 'added') left.add(piece)
    if (piece.change !== 'removed') right.add(piece)
    if (piece.endsLine && piece.change === 'none') pair(true)
    last = piece
  }
  const endsAlike = last?.change === 'none' && !last.endsLine
  left.end()
  right.end()
  pair(endsAlike)
  return rows
}

/** Puts a note in the place of unchanged rows that are far from a changed one. */
export function foldRows(rows: readonly Row[], isChanged: (row: Row, at: number) => boolean): readonly Row[] {
  const isShown = new Array<boolean>(rows.length).fill(false)
  for (const [at, row] of rows.entries()) {
    if (!isChanged(row, at)) continue
    isShown.fill(true, Math.max(0, at - CONTEXT_LINES), at + CONTEXT_LINES + 1)
  }
  const folded: Row[] = []
  for (let at = 0; at < rows.length; ) {
    let end = at
    while (end < rows.length && isShown[end] === false) end++
    const hidden = end - at
    if (hidden >= MIN_FOLDED_LINES) folded.push(noteRow(`⋯ ${hidden} lines are the same`, rows[at]))
    else folded.push(...rows.slice(at, end))
    at = end
    while (at < rows.length && isShown[at] === true) folded.push(...rows.slice(at, ++at))
  }
  return folded
}

/** At most this many lines in each column, with a note of how many more there are. */
export function clipRows(rows: readonly Row[], maxLines: number): readonly Row[] {
  const [only, ...others] = rows
  if (only !== undefined && others.length === 0) return [only.map((lines) => clipLines(lines, maxLines))]
  if (rows.length <= maxLines) return rows
  return [...rows.slice(0, maxLines), noteRow(more(rows.length - maxLines), rows[0])]
}

function clipLines(lines: readonly Line[], maxLines: number): readonly Line[] {
  if (lines.length <= maxLines) return lines
  return [...lines.slice(0, maxLines), [{ text: more(lines.length - maxLines), change: 'note' }]]
}

function more(lines: number): string {
  return `⋯ ${lines} more lines`
}

/** Whether anything in a row is part of a difference. */
export function isChangedRow(row: Row): boolean {
  const lines = row.flat()
  return (
    lines.length < row.length ||
    lines.some((line) => line.some(({ change }) => change === 'added' || change === 'removed'))
  )
}

function noteRow(text: string, like: Row | undefined): Row {
  return (like ?? [[]]).map(() => [[{ text, change: 'note' }]])
}

function cell(line: Line | undefined): readonly Line[] {
  return line === undefined ? [] : [line]
}

/** A part, or as much of it as lies on one line. */
interface Piece {
  readonly change: TextPart['change']
  readonly shown: readonly TextPart[]
  readonly endsLine: boolean
}

function* pieces(parts: readonly TextPart[]): Generator<Piece> {
  for (const { text, change } of parts) {
    for (const [piece] of text.matchAll(/[^\n]*\n|[^\n]+/g)) {
      const endsLine = piece.endsWith('\n')
      const isMarked = change === 'added' || change === 'removed'
      const line = endsLine ? piece.slice(0, -1) : piece
      const isBlank = isMarked && line.trim() === ''
      const shown = isMarked ? `${line}${endsLine && isBlank ? LINE_FEED : ''}` : line.replace(/\r$/, '')
      yield { change, shown: shown === '' ? [] : [{ text: shown, change }], endsLine }
    }
  }
}

/** One column while its lines are being collected. */
class Side {
  #lines: Line[] = []
  #line: TextPart[] = []

  add({ shown, endsLine }: Piece): void {
    this.#line.push(...shown)
    if (!endsLine) return
    this.#lines.push(this.#line)
    this.#line = []
  }

  /** A text may end without a line feed. */
  end(): void {
    if (this.#line.length > 0) this.#lines.push(this.#line)
    this.#line = []
  }

  take(): Line[] {
    return this.#lines.splice(0)
  }
}
