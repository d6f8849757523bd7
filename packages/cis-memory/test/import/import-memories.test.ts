import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type CisSession, importMemories, initHome, openSession } from '../../src/index.ts'
import { temporaryDirectory } from '../temporary.ts'

interface Scene {
  readonly home: string
  readonly session: CisSession
  readonly source: string
  write(files: Readonly<Record<string, string>>): Promise<void>
  /** Imports and answers outcome and path of each memory. */
  run(options?: { prefix?: string; dryRun?: boolean; domain?: 'private' }): Promise<string[]>
  value(path: string): Promise<unknown>
}

async function scene(files: Readonly<Record<string, string>>): Promise<Scene> {
  const root = await temporaryDirectory()
  const source = join(root, 'notes')
  const home = join(root, 'home')
  await initHome({ home, listen: [] })
  const session = await openSession({ home, scope: '/acme/web' })
  onTestFinished(() => session.close())
  const write: Scene['write'] = async (given) => {
    for (const [name, text] of Object.entries(given)) {
      await mkdir(dirname(join(source, name)), { recursive: true })
      await writeFile(join(source, name), text)
    }
  }
  await write(files)
  return {
    home,
    session,
    source,
    write,
    run: async (options = {}) => {
      const outcomes: string[] = []
      for await (const { outcome, path, code } of importMemories(session, { source, ...options })) {
        outcomes.push(`${outcome} ${path}${code === undefined ? '' : ` ${code}`}`)
      }
      return outcomes
    },
    value: async (path) => {
      const read = await session.call('memory.get', { path })
      return read.state === 'value' ? read.value : read.state
    }
  }
}

describe('importMemories', () => {
  it('makes memories of a folder, and does nothing the second time', async () => {
    const { run, value } = await scene({
      'CLAUDE.md': 'Be kind.\n# Build\nnpm run build\n',
      'docs/説明.md': '# 配置\n三十秒\n'
    })
    const paths = ['claude', 'claude/build', 'docs/説明/配置']
    expect(await run()).toEqual(paths.map((path) => `created ${path}`))
    expect(await value('docs/説明/配置')).toBe('# 配置\n三十秒')
    expect(await run()).toEqual(paths.map((path) => `unchanged ${path}`))
  })

  it('replaces what an import wrote, and leaves alone what somebody has changed since', async () => {
    const { session, run, value, write } = await scene({
      'a.md': '# One\nfirst\n# Two\nfirst\n# Three\nfirst'
    })
    await run()
    await session.call('memory.set', { path: 'a/two', value: 'by hand' })
    await write({ 'a.md': '# One\nsecond\n# Two\nsecond\n# Three\nfirst' })
    expect(await run()).toEqual(['updated a/one', 'refused a/two CORE_STALE_BASE', 'unchanged a/three'])
    expect(await value('a/one')).toBe('# One\nsecond')
    expect(await value('a/two')).toBe('by hand')
  })

  it('takes what somebody wrote in the same words for imported', async () => {
    const { session, run } = await scene({ 'a.md': '# One\ntext' })
    await session.call('memory.set', { path: 'a/one', value: '# One\ntext' })
    expect(await run()).toEqual(['unchanged a/one'])
  })

  it('says with dryRun what it would do, and writes nothing', async () => {
    const { run, value, write } = await scene({ 'a.md': '# One\nfirst' })
    expect(await run({ dryRun: true })).toEqual(['created a/one'])
    expect(await value('a/one')).toBe('absent')
    await run()
    await write({ 'a.md': '# One\nsecond' })
    expect(await run({ dryRun: true })).toEqual(['updated a/one'])
    expect(await value('a/one')).toBe('# One\nfirst')
  })

  it('goes below a prefix, or into the private domain, when told to', async () => {
    const { session, run, value } = await scene({ 'a.md': 'text' })
    expect(await run({ prefix: 'notes', domain: 'private' })).toEqual(['created notes/a'])
    expect(await value('notes/a')).toBe('absent')
    expect(await session.call('memory.get', { path: 'notes/a', domain: 'private' })).toMatchObject({
      value: 'text'
    })
  })

  it('reads Markdown only, and neither hidden folders, installed packages nor links', async () => {
    const text = 'text'
    const { run, source } = await scene({
      'a.md': text,
      'b.markdown': text,
      'c.txt': text,
      '.git/d.md': text,
      'node_modules/x/e.md': text
    })
    await symlink(join(source, 'c.txt'), join(source, 'link.md'))
    expect(await run()).toEqual(['created a', 'created b'])
  })

  it('imports many memories, and refuses one that is too large without losing the others', async () => {
    const sections = Array.from({ length: 600 }, (_, n) => `# Note ${n}\ntext ${n}\n`)
    const { run, value } = await scene({
      'a.md': sections.join(''),
      'b.md': `# Huge\n${'x'.repeat(3_000_000)}\n# Large\n${'x'.repeat(1_100_000)}\n# Last\ntext`
    })
    const outcomes = await run()
    expect(outcomes.slice(0, 600)).toEqual(sections.map((_, n) => `created a/note-${n}`))
    expect(outcomes.slice(600)).toEqual([
      'refused b/huge CORE_VALUE_TOO_LARGE',
      'refused b/large CORE_VALUE_TOO_LARGE',
      'created b/last'
    ])
    expect(await value('a/note-599')).toBe('# Note 599\ntext 599')
  })

  it('sends no request that is too large for the socket of a holder', async () => {
    const { home, source, write } = await scene({})
    const names = Array.from({ length: 10 }, (_, n) => `note-${n}`)
    await write(Object.fromEntries(names.map((name) => [`${name}.md`, 'x'.repeat(1_000_000)])))
    await using other = await openSession({ home, scope: '/acme/web' })
    expect(other.via).toBe('socket')
    const created: string[] = []
    for await (const { path, outcome } of importMemories(other, { source }))
      created.push(`${outcome} ${path}`)
    expect(created).toEqual(names.map((name) => `created ${name}`))
  })

  it('reads a single file whatever it is called, and says when there is none', async () => {
    const { session, source } = await scene({ README: '# One\ntext' })
    const outcomes: string[] = []
    for await (const { path, done } of importMemories(session, { source: join(source, 'README') })) {
      outcomes.push(`${path} ${done}`)
    }
    expect(outcomes).toEqual(['readme/one 1'])
    const none = importMemories(session, { source: join(source, 'none.md') })
    await expect(none.next()).rejects.toMatchObject({ code: 'CIS_IMPORT_NOT_FOUND' })
  })
})
