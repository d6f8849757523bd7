import { describe, expect, it } from 'vitest'
import { planMarkdown } from '../../src/import/markdown.ts'

function plan(text: string, name = 'notes.md'): Record<string, unknown> {
  return Object.fromEntries(planMarkdown([{ name, text }]).map((item) => [item.path, item.value]))
}

describe('planMarkdown', () => {
  it('makes one memory a heading, with the heading in its text', () => {
    expect(plan('# Build\nnpm run build\n\n## Release notes\n\nSee there.\n')).toEqual({
      'notes/build': '# Build\nnpm run build',
      'notes/release-notes': '## Release notes\n\nSee there.'
    })
  })

  it('names what stands before the first heading, and a file without any, after the file', () => {
    expect(plan('Always use tabs.\n\n# Tests\nRun them.\n', 'CLAUDE.md')).toEqual({
      claude: 'Always use tabs.',
      'claude/tests': '# Tests\nRun them.'
    })
    expect(plan('\n\nJust text.\n', 'docs/Setup Guide.markdown')).toEqual({
      'docs/setup-guide': 'Just text.'
    })
    expect(plan(' \n\n')).toEqual({})
  })

  it.each([
    ['headings that are called the same', '# a\nx\n'.repeat(20_000)],
    ['a heading of opening brackets', `# ${'['.repeat(100_000)}\nx`],
    ['a heading of spaces', `#${' '.repeat(100_000)}x\nx`],
    ['a heading of spaces before a line separator', `#${' '.repeat(100_000)}\u2028\nx`],
    ['a heading of hashes', `# ${'#'.repeat(100_000)}x\nx`]
  ])('takes time for %s as for any other text', (_, text) => {
    const start = process.cpuUsage()
    planMarkdown([{ name: 'notes.md', text }])
    const { user } = process.cpuUsage(start)
    expect(user).toBeLessThan(2_000_000)
  })

  it('takes a fence however long, and what closes it', () => {
    const fence = '`'.repeat(100_000)
    expect(Object.keys(plan(`${fence}\n# hidden\n\`\`\`\n# hidden\n${fence}\n# Shown\ntext`))).toEqual([
      'notes',
      'notes/shown'
    ])
  })

  it('ends a heading before hashes that close it, and keeps those that belong to a word', () => {
    expect(Object.keys(plan('# Use ##  \ntext\n# C#\ntext\n# ##\ntext\n'))).toEqual([
      'notes/use',
      'notes/c',
      'notes/section'
    ])
  })

  it('leaves out headings that say nothing themselves', () => {
    expect(plan('# Top\n\n## Inner\ntext\n## Empty\n')).toEqual({ 'notes/inner': '## Inner\ntext' })
  })

  it.each([
    ['backticks', '```sh\n# not a heading\n```'],
    ['tildes', '~~~\n# not a heading\n~~~'],
    ['a longer fence around a shorter one', '````md\n```\n# not a heading\n```\n# neither\n````'],
    ['a fence that a line with text does not close', '```\n```js\n# not a heading\n```'],
    ['an unclosed fence', '```\n# not a heading\n'],
    ['an HTML comment', '<!-- hidden\n# not a heading\n-->'],
    ['an indented block', '    # not a heading']
  ])('sees no heading inside %s', (_, block) => {
    expect(Object.keys(plan(`# Real\n\n${block}\n`))).toEqual(['notes/real'])
  })

  it('sees the heading after a block that ended', () => {
    expect(Object.keys(plan('# A\n```\n# x\n```\n# B\ntext\n<!-- one line -->\n# C\ntext'))).toEqual([
      'notes/a',
      'notes/b',
      'notes/c'
    ])
  })

  it('reads underlined titles, and takes no rule below a list or a longer paragraph for one', () => {
    expect(plan('Title\n=====\ntext\n\nSecond\n---\nmore')).toEqual({
      'notes/title': 'Title\n=====\ntext',
      'notes/second': 'Second\n---\nmore'
    })
    expect(Object.keys(plan('- item\n---\ntext'))).toEqual(['notes'])
    expect(Object.keys(plan('two lines\nof text\n---\ntext'))).toEqual(['notes'])
  })

  it('leaves front matter out, comments in it included', () => {
    expect(plan('---\ntitle: x\n# a comment\n---\n# Real\ntext')).toEqual({ 'notes/real': '# Real\ntext' })
    expect(plan('---\ntitle: x\n---\n')).toEqual({})
  })

  it('numbers names that are taken, across files too', () => {
    const files = [
      { name: 'a/b.md', text: 'from the file b' },
      { name: 'a.md', text: '# B\none\n# B\ntwo\n# B-2\nthree' }
    ]
    const expected = ['a/b', 'a/b-2', 'a/b-2-2', 'a/b-3']
    expect(planMarkdown(files).map((item) => item.path)).toEqual(expected)
    expect(planMarkdown(files.toReversed()).map((item) => item.path)).toEqual(expected)
  })

  it('keeps letters of every script and brings names to NFC', () => {
    expect(
      Object.keys(plan('# 配置の説明 (v2)\ntext\n# Cafe\u0301 & Bar\ntext\n# Привет, мир!\ntext'))
    ).toEqual(['notes/配置の説明-v2', 'notes/caf\u00e9-bar', 'notes/привет-мир'])
  })

  it('reads links and closing marks as what they show', () => {
    expect(Object.keys(plan('## [Set up](https://example.org/x_y) **now** ##\ntext\n# 🎉\ntext'))).toEqual([
      'notes/set-up-now',
      'notes/section'
    ])
  })

  it('cuts long names without cutting a character', () => {
    const [path] = Object.keys(plan(`# ${'설'.repeat(120)}\ntext`))
    const name = path!.slice('notes/'.length)
    expect(Buffer.byteLength(name)).toBeLessThanOrEqual(200)
    expect(name).toBe('설'.repeat(66))
  })

  it('gives the same text for every kind of line end', () => {
    expect(plan('\ufeff# A\r\none\r\ntwo\r\n')).toEqual(plan('# A\none\ntwo\n'))
  })
})
