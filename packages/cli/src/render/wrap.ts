import { cellWidth } from './table.ts'

/** Breaks a line that is wider than a column: between words, and inside a word that fits no line. */
export function wrap(line: string, width: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const [word] of line.matchAll(/\s+|\S+/g)) {
    for (const piece of cellWidth(word) > width ? segments(word) : [word]) {
      if (current !== '' && cellWidth(current) + cellWidth(piece) > width) {
        lines.push(current.trimEnd())
        current = piece.trim() === '' ? '' : piece
      } else current += piece
    }
  }
  return [...lines, current]
}

function* segments(word: string): Generator<string> {
  for (const { segment } of new Intl.Segmenter().segment(word)) yield segment
}
