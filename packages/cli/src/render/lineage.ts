/*
 * What came of what, drawn: a column for each line of descent, the latest at the top, and below each entry what it
 * replaced.
 *
 *   ● d4 …          ● live, ○ replaced
 *   ├─╮
 *   ○ │ b2 …
 *   │ ○ c3 …
 *   ├─╯
 *   ○ a1 …
 */

/** One entry of a drawing. */
export interface LineageEntry {
  readonly id: string
  /** What it replaced. Those that are not among the entries are not drawn. */
  readonly parents: readonly string[]
  readonly mark: string
  /** What to say beside it, in as many lines as the cells that are left make of it. */
  lines(cells: number): readonly string[]
}

/** A column in one row: what comes in from above goes on below when it is taken. */
type Columns = (string | undefined)[]

/** A line between the column of an entry and another, which starts there, ends there, or goes on beside it. */
interface Turn {
  readonly other: number
  readonly kind: Corner
}

type Corner = 'starts' | 'ends' | 'passes'

/** Draws entries, which come before all that they replaced. */
export function* drawLineage(entries: readonly LineageEntry[], totalCells: number): Generator<string> {
  const drawn = new Set(entries.map(({ id }) => id))
  const columns: Columns = []
  for (const [i, { id, parents, mark, lines }] of entries.entries()) {
    const at = freeColumn(columns, id)
    columns[at] = id
    const width = columns.length
    const above = isTaken(columns)
    const turns = descend(
      columns,
      at,
      [...new Set(parents)].filter((parent) => drawn.has(parent))
    )
    const hasParents = turns.length > 0 || columns[at] !== undefined
    const [first = '', ...more] = lines(totalCells - 2 * width)
    yield row(above, (column) => (column === at ? mark : undefined), first)
    const beside = above.map((taken, column) => (column === at ? hasParents : taken))
    for (const line of more) yield row(beside, () => undefined, line)
    yield* turnRows(beside, at, turns, columns[at] !== undefined)
    // What comes next must not look as if it had been replaced by this.
    const next = entries[i + 1]
    const isBelow = next !== undefined && freeColumn(columns, next.id) === at
    if (!hasParents && more.length === 0 && isBelow) yield row(beside, () => undefined, '')
    while (columns.length > 0 && columns.at(-1) === undefined) columns.pop()
  }
}

/** The column that waits for an entry, or else the first that is free. */
function freeColumn(columns: Columns, id: string): number {
  const waiting = columns.indexOf(id)
  if (waiting !== -1) return waiting
  const free = columns.indexOf(undefined)
  return free === -1 ? columns.length : free
}

/**
 * Gives each parent a column: one that waits for it, else that of the entry, else a new one. A column further to the
 * right that waits for the same ends here, after all other turns: what it brings in does not go their way.
 */
function descend(columns: Columns, at: number, parents: readonly string[]): Turn[] {
  columns[at] = undefined
  const turns: Turn[] = []
  let ending: number | undefined
  for (const parent of parents) {
    const waiting = columns.indexOf(parent)
    const isOwnFree = columns[at] === undefined
    if (isOwnFree && waiting === -1) columns[at] = parent
    else if (isOwnFree && waiting > at) {
      columns[at] = parent
      ending = waiting
    } else if (waiting !== -1) turns.push({ other: waiting, kind: 'passes' })
    else {
      const other = freeColumn(columns, parent)
      columns[other] = parent
      turns.push({ other, kind: 'starts' })
    }
  }
  if (ending !== undefined) {
    columns[ending] = undefined
    turns.push({ other: ending, kind: 'ends' })
  }
  return turns
}

function* turnRows(
  beside: readonly boolean[],
  at: number,
  turns: readonly Turn[],
  goesOn: boolean
): Generator<string> {
  const taken = [...beside]
  for (const [i, { other, kind }] of turns.entries()) {
    const low = Math.min(at, other)
    const high = Math.max(at, other)
    const isLast = i === turns.length - 1
    while (taken.length <= other) taken.push(false)
    const symbol = (column: number): string | undefined => {
      if (column === at) return corner(other > at, goesOn || !isLast ? 'passes' : 'ends')
      if (column === other) return corner(at > other, kind)
      if (column < low || column > high) return undefined
      return taken[column] === true ? '┼' : '─'
    }
    yield row(taken, symbol, '', (column) => column >= low && column < high)
    taken[other] = kind !== 'ends'
  }
}

/** Where a column meets a line to the right or to the left. */
function corner(isToRight: boolean, kind: Corner): string {
  if (kind === 'passes') return isToRight ? '├' : '┤'
  if (kind === 'starts') return isToRight ? '╭' : '╮'
  return isToRight ? '╰' : '╯'
}

function row(
  taken: readonly boolean[],
  symbol: (column: number) => string | undefined,
  text: string,
  isJoined: (column: number) => boolean = () => false
): string {
  const drawn = taken.map(
    (isOn, column) => `${symbol(column) ?? (isOn ? '│' : ' ')}${isJoined(column) ? '─' : ' '}`
  )
  return `${drawn.join('')}${text}`.trimEnd()
}

function isTaken(columns: Columns): boolean[] {
  return columns.map((column) => column !== undefined)
}
