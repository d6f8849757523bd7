import type { Colors } from '../output.ts'
import { type Marking, paintLine } from './paint.ts'
import type { Row } from './rows.ts'
import { cellWidth } from './table.ts'
import { wrap } from './wrap.ts'

/** A text with what is said about it, each of its lines safe and unpainted. */
export interface Panel {
  readonly title: string
  readonly about: readonly string[]
}

const BETWEEN = ' │ '
/** A narrower column breaks lines so often that texts one after the other are easier to read. */
const MIN_COLUMN_CELLS = 44
const INDENT = '  '

/** How many cells each of some columns has next to each other, or `undefined` when there is no room for them. */
export function columnCells(columns: number, totalCells: number): number | undefined {
  const cells = Math.floor((totalCells - BETWEEN.length * (columns - 1)) / columns)
  return columns > 1 && cells >= MIN_COLUMN_CELLS ? cells : undefined
}

/** Panels next to each other; what stands in one row begins at the same height. */
export function* sideBySide(
  panels: readonly Panel[],
  rows: readonly Row[],
  { cells, marking, colors }: { readonly cells: number; readonly marking: Marking; readonly colors: Colors }
): Generator<string> {
  const note = (text: string): Row[number] => [[{ text, change: 'note' }]]
  yield* besides(
    panels.map(({ title }) => paintTitle(title, cells, colors)),
    cells,
    colors
  )
  const heads: readonly Row[] = [panels.map(({ about }) => about.flatMap(note)), panels.map(() => [[]])]
  for (const row of [...heads, ...rows]) {
    const painted = row.map((lines) => lines.flatMap((line) => paintLine(line, cells, marking, colors)))
    yield* besides(painted, cells, colors)
  }
}

/** One panel by itself, its text set in. */
export function* alone(
  { title, about }: Panel,
  lines: Row[number],
  { cells, marking, colors }: { readonly cells: number; readonly marking: Marking; readonly colors: Colors }
): Generator<string> {
  yield* paintTitle(title, cells, colors)
  for (const text of about) yield* paintLine([{ text, change: 'note' }], cells, marking, colors)
  for (const line of lines) {
    for (const painted of paintLine(line, cells - INDENT.length, marking, colors)) {
      yield `${INDENT}${painted}`.trimEnd()
    }
  }
}

function paintTitle(title: string, cells: number, colors: Colors): string[] {
  return wrap(title, cells).map((line) => colors.cyan(line))
}

/** Painted columns next to each other, each line as wide as its column. */
function* besides(columns: readonly (readonly string[])[], cells: number, colors: Colors): Generator<string> {
  const height = Math.max(...columns.map((lines) => lines.length))
  for (let at = 0; at < height; at++) {
    yield columns
      .map((lines) => lines[at] ?? '')
      .map((text, column) => (column === columns.length - 1 ? text : padEnd(text, cells)))
      .join(colors.dim(BETWEEN))
      .trimEnd()
  }
}

function padEnd(text: string, cells: number): string {
  return text + ' '.repeat(Math.max(0, cells - cellWidth(text)))
}
