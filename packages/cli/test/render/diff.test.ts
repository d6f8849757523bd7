import pc from 'picocolors'
import { describe, expect, it } from 'vitest'
import { wordDiff } from '../../src/render/diff.ts'

const plain = pc.createColors(false)

describe('word differences', () => {
  it('mark words that are gone and new', async () => {
    expect(await wordDiff('deploy on Tuesday', 'deploy on Friday', plain)).toBe(
      'deploy on [-Tuesday-]{+Friday+}'
    )
  })

  it('know the words of a script without spaces', async () => {
    expect(await wordDiff('今日は天気がいい', '今日は天気が悪い', plain)).toBe('今日は天気が[-いい-]{+悪い+}')
  })

  it('make what a peer wrote harmless', async () => {
    expect(await wordDiff('a', '\u001b[2J', plain)).not.toContain('\u001b')
  })
})
