import { stripVTControlCharacters } from 'node:util'
import type { Output } from '../output.ts'

export interface Column {
  readonly title: string
  /** Gives way when the terminal is too narrow for all; the others are as wide as what they hold. */
  readonly isFlexible?: boolean
  /** Is left out where a terminal is too narrow for all. */
  readonly isOptional?: boolean
  readonly align?: 'left' | 'right'
}

/** Narrower than this a column says nothing. */
const MIN_FLEXIBLE_CELLS = 12
const GAP = '  '

/** No frame: only space between columns. */
const FRAMELESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: GAP
}

/**
 * Prints rows of safe single-line cells. On a terminal they are aligned under their titles and fitted to its
 * width; in a pipe they are tab-separated, whole and without titles, for `cut` and `awk`.
 */
export async function printTable(
  output: Output,
  allColumns: readonly Column[],
  allRows: readonly (readonly string[])[]
): Promise<void> {
  if (!output.isTerminal) {
    for (const row of allRows) await output.line(row.join('\t'))
    return
  }
  const { columns, rows } = fitting(allColumns, allRows, output.columns)
  const { default: Table } = await import('cli-table3')
  const colors = output.dataColors
  const table = new Table({
    head: columns.map((column) => colors.dim(column.title)),
    colWidths: columnWidths(columns, rows, output.columns),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: FRAMELESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 }
  })
  table.push(...rows.map((row) => [...row]))
  await output.line(
    table
      .toString()
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n')
  )
}

/** Rows that are aligned together: any number is printed in bounded memory. */
const ROWS_PER_TABLE = 500

export type RowOrder = (a: readonly string[], b: readonly string[]) => number

/** By the first column, as people sort names. */
export function byFirstColumn([a = '']: readonly string[], [b = '']: readonly string[]): number {
  return a.localeCompare(b, undefined, { numeric: true })
}

/** A table whose rows come one after the other. */
export class GrowingTable {
  readonly #output: Output
  readonly #columns: readonly Column[]
  readonly #order: RowOrder | undefined
  #rows: (readonly string[])[] = []

  /** @param order of so many rows as are printed together @default as they come */
  constructor(output: Output, columns: readonly Column[], order?: RowOrder) {
    this.#output = output
    this.#columns = columns
    this.#order = order
  }

  async add(row: readonly string[]): Promise<void> {
    this.#rows.push(row)
    const isAsItComes = !this.#output.isTerminal && this.#order === undefined
    if (isAsItComes || this.#rows.length === ROWS_PER_TABLE) await this.end()
  }

  /** Prints what is not printed yet. */
  async end(): Promise<void> {
    const rows = this.#rows
    this.#rows = []
    if (this.#order !== undefined) rows.sort(this.#order)
    if (rows.length > 0) await printTable(this.#output, this.#columns, rows)
  }
}

/** A table without its optional columns where it is too wide with them. */
function fitting(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  totalCells: number
): { readonly columns: readonly Column[]; readonly rows: readonly (readonly string[])[] } {
  const widths = columnWidths(columns, rows, totalCells)
  const cells = widths.reduce((sum, width) => sum + width, GAP.length * (columns.length - 1))
  if (cells <= totalCells) return { columns, rows }
  const isKept = (_: unknown, at: number): boolean => columns[at]?.isOptional !== true
  return { columns: columns.filter(isKept), rows: rows.map((row) => row.filter(isKept)) }
}

/** What each column holds at most, with what is missing taken from the flexible ones alike. */
export function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  totalCells: number
): number[] {
  const widths = columns.map((column, i) =>
    Math.max(1, cellWidth(column.title), ...rows.map((row) => cellWidth(row[i] ?? '')))
  )
  const available = totalCells - GAP.length * (columns.length - 1)
  let excess = widths.reduce((sum, width) => sum + width, 0) - available
  while (excess > 0) {
    let widest: number | undefined
    for (const [i, column] of columns.entries()) {
      if (column.isFlexible !== true || (widths[i] ?? 0) <= MIN_FLEXIBLE_CELLS) continue
      if (widest === undefined || (widths[i] ?? 0) > (widths[widest] ?? 0)) widest = i
    }
    if (widest === undefined) break
    widths[widest] = (widths[widest] ?? 0) - 1
    excess--
  }
  return widths
}

/** Unicode's wide and full-width letters, and emoji, take two cells; marks that sit on a letter take none. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
const MARK = /\p{Mn}|\p{Me}|\p{Cf}/u

/** How many cells of a terminal a line takes. */
export function cellWidth(line: string): number {
  let width = 0
  for (const character of stripVTControlCharacters(line)) {
    if (MARK.test(character)) continue
    width += WIDE.test(character) ? 2 : 1
  }
  return width
}
