import { describe, expect, it } from 'vitest'
import { Output } from '../../src/output.ts'
import { type Column, cellWidth, columnWidths, printTable } from '../../src/render/table.ts'

const COLUMNS = [{ title: 'key', isFlexible: true }, { title: 'device' }, { title: 'versions' }]

async function printed(
  isTTY: boolean,
  columns: number,
  rows: string[][],
  table: readonly Column[] = COLUMNS
): Promise<string> {
  let text = ''
  const stream = {
    isTTY,
    columns,
    write: (chunk: string | Uint8Array) => {
      text += String(chunk)
      return true
    },
    once: () => {}
  }
  const output = new Output({
    stdout: stream,
    stderr: stream,
    env: { NO_COLOR: '1' },
    isJson: false,
    isQuiet: false
  })
  await printTable(output, table, rows)
  return text
}

describe('tables', () => {
  it('fit the terminal, whatever the script', async () => {
    const rows = [
      ['天気がいいから散歩しましょう天気がいいから散歩しましょう', 'laptop', '2'],
      ['a/very/long/key/that/goes/on/and/on/and/on/and/on', '書斎', '3']
    ]
    for (const columns of [40, 60, 140]) {
      const lines = (await printed(true, columns, rows)).trimEnd().split('\n')
      expect(lines).toHaveLength(3)
      for (const line of lines) expect(cellWidth(line)).toBeLessThanOrEqual(columns)
    }
  })

  it('leave out an optional column where there is no room for all, and nowhere else', async () => {
    const table = [...COLUMNS, { title: 'scope', isOptional: true }]
    const rows = [['key', 'laptop', '2', 's'.repeat(30)]]
    expect(await printed(true, 60, rows, table)).toContain('scope')
    expect(await printed(true, 50, rows, table)).not.toContain('ss')
    expect(await printed(false, 50, rows, table)).toContain('ss')
  })

  it('are whole and tab-separated in a pipe, without titles', async () => {
    const long = 'k'.repeat(300)
    expect(await printed(false, 40, [[long, 'laptop', '2']])).toBe(`${long}\tlaptop\t2\n`)
  })

  it('take what is missing from the flexible columns only', () => {
    const widths = columnWidths(COLUMNS, [['k'.repeat(50), 'd'.repeat(20), '2']], 60)
    expect(widths).toEqual([28, 20, 8])
  })

  it('never make a flexible column too narrow to read', () => {
    const widths = columnWidths(COLUMNS, [['k'.repeat(50), 'd'.repeat(20), '2']], 20)
    expect(widths[0]).toBe(12)
  })
})
