import { describe, expect, it } from 'vitest'
import { cellWidth } from '../../src/render/table.ts'
import { wrap } from '../../src/render/wrap.ts'

describe('wrapped lines', () => {
  it('break between words', () => {
    expect(wrap('We deploy on Tuesdays, after the tests.', 22)).toEqual([
      'We deploy on Tuesdays,',
      'after the tests.'
    ])
  })

  it('break inside what fits no line, and in scripts without spaces', () => {
    const lines = wrap('毎週火曜日と金曜日にデプロイします。', 10)
    expect(lines.join('')).toBe('毎週火曜日と金曜日にデプロイします。')
    for (const line of lines) expect(cellWidth(line)).toBeLessThanOrEqual(10)
  })

  it('keep short and empty lines as they are', () => {
    expect(wrap('', 10)).toEqual([''])
    expect(wrap('  indented', 20)).toEqual(['  indented'])
  })
})
