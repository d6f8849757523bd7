import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { drawLineage, type LineageEntry } from '../../src/render/lineage.ts'

function entry(id: string, ...parents: string[]): LineageEntry {
  return { id, parents, mark: '●', lines: () => [id] }
}

function draw(...entries: LineageEntry[]): string[] {
  return [...drawLineage(entries, 80)]
}

/** What replaced what, as the drawing alone shows it: follows every line down from each entry. */
function edgesIn(drawing: readonly string[]): string[] {
  const cell = (y: number, x: number): string => drawing[y]?.[x] ?? ' '
  const found: string[] = []
  const nameAt = (y: number): string => /● ?[│ ]*(\w+)$/.exec(drawing[y] ?? '')?.[1] ?? ''
  const down = (from: string, y: number, x: number, seen: Set<string>): void => {
    const place = `${y},${x}`
    if (seen.has(place) || y >= drawing.length) return
    seen.add(place)
    const symbol = cell(y, x)
    if (symbol === '●') {
      found.push(`${from} ${nameAt(y)}`)
      return
    }
    // What is not drawn is said of an entry.
    if (!'│├┤┼╭╮╰╯'.includes(symbol)) return
    if ('╰╯'.includes(symbol)) {
      across(from, y, x, symbol === '╰' ? 1 : -1, seen)
      return
    }
    down(from, y + 1, x, seen)
    // A line to the side goes out from the column of the entry above it, unless the other column ends in this one.
    if (x !== columnOfEntryAbove(y)) return
    if (symbol === '├' && cell(y, endOf(y, x, 1)) !== '╯') across(from, y, x, 1, seen)
    if (symbol === '┤' && cell(y, endOf(y, x, -1)) !== '╰') across(from, y, x, -1, seen)
  }
  const columnOfEntryAbove = (y: number): number => {
    for (let above = y - 1; above >= 0; above--) {
      const x = (drawing[above] ?? '').indexOf('●')
      if (x !== -1) return x
    }
    return -1
  }
  const across = (from: string, y: number, x: number, step: 1 | -1, seen: Set<string>): void => {
    down(from, y + 1, endOf(y, x, step), seen)
  }
  const endOf = (y: number, x: number, step: 1 | -1): number => {
    let at = x + step
    while ('─┼'.includes(cell(y, at))) at += step
    return at
  }
  for (const [y, line] of drawing.entries()) {
    const x = line.indexOf('●')
    if (x !== -1) down(nameAt(y), y + 1, x, new Set())
  }
  return found.sort()
}

/** Entries in an order in which each comes before all it replaced. */
const histories = fc
  .array(fc.array(fc.nat({ max: 30 }), { maxLength: 4 }), { minLength: 1, maxLength: 12 })
  .map((all) =>
    all.map((steps, i) => ({
      id: `e${i}`,
      parents: [...new Set(steps.map((step) => i + 1 + step))].map((at) => `e${at}`)
    }))
  )

describe('a drawn history', () => {
  it('is one line when each replaced the one before', () => {
    expect(draw(entry('c', 'b'), entry('b', 'a'), entry('a'))).toEqual(['● c', '● b', '● a'])
  })

  it('shows a conflict and its resolution', () => {
    expect(draw(entry('d', 'b', 'c'), entry('c', 'a'), entry('b', 'a'), entry('a'))).toEqual([
      '● d',
      '├─╮',
      '│ ● c',
      '● │ b',
      '├─╯',
      '● a'
    ])
  })

  it('shows what is contested: several ends of one line', () => {
    expect(draw(entry('c', 'a'), entry('b', 'a'), entry('a'))).toEqual(['● c', '│ ● b', '├─╯', '● a'])
  })

  it('lets what ends in a column not look as if it went on to the side', () => {
    expect(
      draw(entry('e', 'a'), entry('d', 'c'), entry('a'), entry('b', 'c', 'f'), entry('c'), entry('f'))
    ).toEqual(['● e', '│ ● d', '● │ a', '  │', '● │ b', '├─┼─╮', '├─╯ │', '●   │ c', '    ● f'])
  })

  it('draws nothing towards what is not among the entries', () => {
    expect(draw(entry('b', 'gone'), entry('a', 'gone'))).toEqual(['● b', '', '● a'])
  })

  it('keeps further lines beside what is said of an entry', () => {
    const said = (id: string, ...parents: string[]): LineageEntry => ({
      ...entry(id, ...parents),
      lines: () => [id, 'more']
    })
    expect(draw(said('c', 'a'), said('b', 'a'), said('a'))).toEqual([
      '● c',
      '│ more',
      '│ ● b',
      '│ │ more',
      '├─╯',
      '● a',
      '  more'
    ])
  })

  it('says how many cells are left beside it', () => {
    const cells: number[] = []
    const asking = (id: string, ...parents: string[]): LineageEntry => ({
      ...entry(id, ...parents),
      lines: (left) => {
        cells.push(left)
        return [id]
      }
    })
    draw(asking('c', 'a'), asking('b', 'a'), asking('a'))
    expect(cells).toEqual([78, 76, 78])
  })

  it('has exactly the lines there are, whatever replaced what', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const ids = new Set(history.map(({ id }) => id))
        const expected = history.flatMap(({ id, parents }) =>
          parents.filter((parent) => ids.has(parent)).map((parent) => `${id} ${parent}`)
        )
        const drawing = draw(...history.map(({ id, parents }) => entry(id, ...parents)))
        expect(edgesIn(drawing)).toEqual(expected.sort())
      }),
      { numRuns: 500 }
    )
  })
})
