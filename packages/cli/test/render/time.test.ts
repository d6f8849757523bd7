import { describe, expect, it } from 'vitest'
import { ago, bytes, count } from '../../src/render/time.ts'

describe('times and numbers', () => {
  it.each([
    [0, 'just now'],
    [999, 'just now'],
    [1_000, '1 second ago'],
    [119_999, '1 minute ago'],
    [7_200_000, '2 hours ago'],
    [86_400_000 * 400, '400 days ago'],
    [-3_600_000, 'in 1 hour'],
    [-3_599_900, 'in 1 hour']
  ])('%i ms read as %s', (elapsedMs, words) => {
    expect(ago(1_000_000_000_000 - elapsedMs, 1_000_000_000_000)).toBe(words)
  })

  it('agree with their nouns', () => {
    expect([count(1, 'memory', 'memories'), count(2, 'memory', 'memories'), count(0, 'peer')]).toEqual([
      '1 memory',
      '2 memories',
      '0 peers'
    ])
  })

  it('shorten sizes', () => {
    expect([bytes(12), bytes(4_200), bytes(1_500_000)]).toEqual(['12 B', '4.2 kB', '1.5 MB'])
  })
})
