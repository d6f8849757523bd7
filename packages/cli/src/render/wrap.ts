import { cellWidth } from './table.ts'

/** Where a piece of a line begins, and where it ends. */
export type Span = readonly [start: number, end: number]

/** Breaks a line that is wider than a column: between words, and inside a word that fits no line. */
export function wrap(line: string, width: number): string[] {
  return lineBreaks(line, width).map(([start, end]) => line.slice(start, end))
}

/** What `wrap` makes of a line, by position. White space at a break is left out. */
export function lineBreaks(line: string, width: number): readonly Span[] {
  const spans: Span[] = []
  let start = 0
  let end = 0
  let cells = 0
  for (const [word] of line.matchAll(/\s+|\S+/g)) {
    for (const piece of cellWidth(word) > width ? segments(word) : [word]) {
      const pieceCells = cellWidth(piece)
      if (end > start && cells + pieceCells > width) {
        spans.push([start, start + line.slice(start, end).trimEnd().length])
        start = piece.trim() === '' ? end + piece.length : end
        cells = start > end ? 0 : pieceCells
      } else cells += pieceCells
      end += piece.length
    }
  }
  return [...spans, [start, end]]
}

function* segments(word: string): Generator<string> {
  for (const { segment } of new Intl.Segmenter().segment(word)) yield segment
}
