import fc from 'fast-check'
import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import { foldRows, isChangedRow, pairedRows } from '../../src/render/rows.ts'
import { columnCells, sideBySide } from '../../src/render/side-by-side.ts'
import { cellWidth } from '../../src/render/table.ts'
import { diffTexts } from '../../src/render/word-diff.ts'

const plain = pc.createColors(false)
const colourful = pc.createColors(true)
const PANELS = [
  { title: '1 local', about: ['laptop'] },
  { title: '2 remote', about: ['desktop, with a name that is long enough to be broken'] }
]

async function sides(left: string, right: string, columns: number, colors = plain): Promise<string[]> {
  const cells = columnCells(2, columns)!
  const rows = pairedRows(await diffTexts(left, right))
  return [...sideBySide(PANELS, rows, { cells, marking: 'sides', colors })]
}

describe('two texts next to each other', () => {
  it('have what they share at the same height', async () => {
    const lines = await sides('same\nleft one\nleft two\nlast', 'same\nright\nlast', 100)
    const body = lines.slice(-4).map((line) => line.split('│').map((side) => side.trim()))
    expect(body).toEqual([
      ['same', 'same'],
      ['[-left one-]', '{+right+}'],
      ['[-left two-]', ''],
      ['last', 'last']
    ])
  })

  it('are marked by colour alone where there is one, so that each can be read as it is', async () => {
    const [line = ''] = (await sides('on Tuesday', 'on Friday', 100, colourful)).slice(-1)
    expect(line).toContain(`on ${colourful.red('Tuesday')}`)
    expect(line).toContain(`on ${colourful.green('Friday')}`)
    expect(line).not.toContain('[-')
  })

  it('show white space and empty lines that are all that differs', async () => {
    expect((await sides('a b', 'a\tb', 100, colourful)).at(-1)).toContain(colourful.green('→'))
    expect((await sides('a', 'a\n\n', 100)).at(-1)).toContain('{+↵+}')
  })

  it('stay in their columns, whatever the texts are', async () => {
    const text = fc
      .array(fc.constantFrom('word ', '今日は', '天気。', '\t', '\n', '👍', 'x'.repeat(70), '\u001b[31m'), {
        maxLength: 25
      })
      .map((pieces) => pieces.join(''))
    await fc.assert(
      fc.asyncProperty(text, text, fc.constantFrom(91, 100, 140), async (left, right, columns) => {
        for (const line of await sides(left, right, columns)) {
          expect(cellWidth(line)).toBeLessThanOrEqual(columns)
          expect(cellWidth(line.slice(0, line.indexOf('│')))).toBe(columnCells(2, columns)! + 1)
          expect(line).not.toContain('\u001b')
        }
      })
    )
  })

  it('need room: eighty columns have it for one, a hundred and forty for three', () => {
    expect(columnCells(2, 80)).toBeUndefined()
    expect(columnCells(2, 100)).toBe(48)
    expect(columnCells(3, 140)).toBe(44)
    expect(columnCells(4, 140)).toBeUndefined()
    expect(columnCells(1, 200)).toBeUndefined()
  })
})

describe('long texts', () => {
  it('are folded where they are the same, a few lines around each change are kept', async () => {
    const lines = Array.from({ length: 30 }, (_, i) => `line ${i}\n`)
    const changed = lines.with(12, 'another\n')
    const rows = foldRows(pairedRows(await diffTexts(lines.join(''), changed.join(''))), isChangedRow)
    const left = rows.map(([cell = []]) =>
      cell
        .flat()
        .map(({ text }) => text)
        .join('')
    )
    expect(left).toEqual([
      '⋯ 9 lines are the same',
      'line 9',
      'line 10',
      'line 11',
      'line 12',
      'line 13',
      'line 14',
      'line 15',
      '⋯ 14 lines are the same'
    ])
  })
})
