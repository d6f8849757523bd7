import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ResolveArguments, ShownConflict } from 'cis-memory/session'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cis, conflict, failure, type Run, type Scene, shown, version } from '../harness.ts'

const ID = 'k7q2m4x9p3ab'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cis-edit-test-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** A program that stands in for an editor or a merge tool: a function of the files it is given by name. */
async function program(name: string, body: string): Promise<string> {
  const file = join(directory, `${name}.mjs`)
  await writeFile(
    file,
    `import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
     import { dirname } from 'node:path'
     const log = (what) => appendFileSync(${JSON.stringify(join(directory, 'log'))}, JSON.stringify(what) + '\\n')
     const file = process.argv[2]
     ${body}`
  )
  return `"${process.execPath}" "${file}"`
}

async function logged(): Promise<unknown[]> {
  const text = await readFile(join(directory, 'log'), 'utf8')
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown)
}

async function resolve(
  argv: readonly string[],
  fields: Partial<ShownConflict>,
  scene: Scene & { readonly editor?: string } = {}
): Promise<Run & { readonly choice: unknown }> {
  const { PATH, TMPDIR } = process.env
  const env = { PATH, TMPDIR, NO_COLOR: '1', EDITOR: scene.editor } as Scene['env'] & object
  const run = await cis(['memory', 'conflicts', 'resolve', ID, ...argv], {
    columns: 80,
    workingDirectory: directory,
    ...scene,
    env: { ...env, ...scene.env },
    calls: {
      'conflicts.show': () => shown(fields),
      'conflicts.count': () => 0,
      'conflicts.resolve': ({ id }: ResolveArguments) => ({
        conflictId: id,
        path: '/acme/web/deploy/day',
        entryId: 'd'.repeat(32) as never,
        alsoWritten: []
      }),
      ...scene.calls
    }
  })
  const args = run.asked.find(([name]) => name === 'conflicts.resolve')?.[1] as ResolveArguments | undefined
  return { ...run, choice: args?.choice }
}

const leftovers = async (): Promise<string[]> =>
  (await readdir(tmpdir())).filter((name) => name.startsWith('cis-edit-') && !directory.endsWith(name))

describe('resolve edit', () => {
  it('settles with what the editor saved, in a file only its owner can read, which is gone afterwards', async () => {
    const before = await leftovers()
    const editor = await program(
      'editor',
      `log({
        text: readFileSync(file, 'utf8'),
        name: file.replace(/.*[/\\\\]/, ''),
        modes: [dirname(file), file].map((each) => (statSync(each).mode & 0o777).toString(8))
      })
      writeFileSync(file, 'We deploy daily.\\n')`
    )
    const { exitCode, choice, stderr } = await resolve(['edit'], {}, { editor })
    expect(exitCode).toBe(0)
    expect(choice).toEqual({ value: 'We deploy daily.', contentType: 'text/plain' })
    expect(stderr).toContain('Settled deploy/day')
    const [{ text, name, modes }] = (await logged()) as [{ text: string; name: string; modes: string[] }]
    expect(text).toBe(
      '<<<<<<< 1 desktop (this device)\nWe deploy on Tuesday\n=======\nWe deploy on Friday\n>>>>>>> 2 laptop\n'
    )
    expect(name).toBe('day.txt')
    if (process.platform !== 'win32') expect(modes).toEqual(['700', '600'])
    expect(await leftovers()).toEqual(before)
  })

  it('prefers VISUAL, and both may have arguments', async () => {
    const visual = await program('visual', `writeFileSync(process.argv[3], process.argv[2] + '\\n')`)
    const { choice } = await resolve(['edit'], {}, { editor: 'false', env: { VISUAL: `${visual} --wait` } })
    expect(choice).toMatchObject({ value: '--wait' })
  })

  it('starts from what each changed, with marks only where needed', async () => {
    const text = (first: string, last: string): string => `${first}\n\n- a\n- b\n\n${last}\n`
    const versions = [
      version({ digit: 'a', value: text('ONE', 'left'), isLocal: true, contentType: 'text/markdown' }),
      version({ digit: 'b', value: text('one', 'right'), contentType: 'text/markdown' })
    ]
    const ancestor = version({ digit: 'e', value: text('one', 'last') })
    const editor = await program(
      'editor',
      `const text = readFileSync(file, 'utf8')
       log(file.endsWith('day.md') && text)
       writeFileSync(file, text.replace(/<{7}[^]*>{7}.*\\n/, 'both\\n'))`
    )
    const { choice } = await resolve(['edit'], { conflict: conflict({ versions }), ancestor }, { editor })
    expect(await logged()).toEqual([
      'ONE\n\n- a\n- b\n\n<<<<<<< 1 laptop (this device)\nleft\n||||||| before\nlast\n=======\nright\n>>>>>>> 2 laptop\n'
    ])
    expect(choice).toEqual({ value: text('ONE', 'both'), contentType: 'text/markdown' })
  })

  it('begins with the version that is left when the other was deleted', async () => {
    const versions = [
      version({ digit: 'a', kind: 'deleted', value: undefined }),
      version({ digit: 'b', value: 'Ask Ana' })
    ]
    const editor = await program(
      'editor',
      `writeFileSync(file, readFileSync(file, 'utf8').replace('Ana', 'Bo'))`
    )
    const { choice } = await resolve(
      ['edit'],
      { conflict: conflict({ kind: 'delete', versions }) },
      { editor }
    )
    expect(choice).toMatchObject({ value: 'Ask Bo' })
  })

  it('settles nothing when that one, or a merge that is complete, is left as it was', async () => {
    const editor = await program('editor', '')
    const deleted = version({ digit: 'a', kind: 'deleted', value: undefined })
    const edited = version({ digit: 'b', value: 'Ask Ana' })
    const other = version({ digit: 'c', value: 'Ask Ana\n\nor Bo' })
    for (const fields of [
      { conflict: conflict({ kind: 'delete', versions: [deleted, edited] }) },
      {
        conflict: conflict({ versions: [edited, other] }),
        ancestor: version({ digit: 'e', value: 'Ask Ana' })
      }
    ]) {
      const { exitCode, choice, stderr } = await resolve(['edit'], fields, { editor })
      expect({ exitCode, choice }).toEqual({ exitCode: 3, choice: undefined })
      expect(stderr).toContain('left as it was')
    }
  })

  it('keeps JSON what it is', async () => {
    const versions = [
      version({ digit: 'a', value: { hosts: ['a'] }, contentType: 'application/json' }),
      version({ digit: 'b', value: { hosts: ['b'] }, contentType: 'application/json' })
    ]
    const editor = await program('editor', `writeFileSync(file, '{"hosts": ["a", "b"]}')`)
    const { choice } = await resolve(['edit'], { conflict: conflict({ versions }) }, { editor })
    expect(choice).toEqual({ value: { hosts: ['a', 'b'] }, contentType: 'application/json' })
  })

  it.each([
    ['leaves the text as it was', '', 3],
    ['empties it', `writeFileSync(file, '\\n')`, 3],
    ['leaves lines to decide', `writeFileSync(file, 'x\\n' + readFileSync(file, 'utf8'))`, 3],
    ['fails', `writeFileSync(file, 'changed'); process.exit(1)`, 1],
    ['leaves what is no text', `writeFileSync(file, Uint8Array.of(0xff))`, 2]
  ])('settles nothing when the editor %s', async (_, body, expected) => {
    const before = await leftovers()
    const editor = await program('editor', body)
    const { exitCode, choice, stderr } = await resolve(['edit'], {}, { editor })
    expect({ exitCode, choice }).toEqual({ exitCode: expected, choice: undefined })
    expect(stderr).not.toBe('')
    expect(await leftovers()).toEqual(before)
  })

  it('settles nothing when there is no such editor', async () => {
    const { exitCode, choice, stderr } = await resolve(
      ['edit', '--json'],
      {},
      { editor: join(directory, 'none') }
    )
    expect({ exitCode, choice }).toEqual({ exitCode: 1, choice: undefined })
    expect(stderr).toContain('CLI_EDIT_FAILED')
  })

  it('is not begun where nobody is to be asked, and not of bytes', async () => {
    expect((await resolve(['edit', '--no-input'], {}, { editor: 'false' })).exitCode).toBe(2)
    const versions = [
      version({ value: Uint8Array.of(1) }),
      version({ digit: 'b', kind: 'deleted', value: undefined })
    ]
    const { exitCode, stderr } = await resolve(['edit', '--json'], { conflict: conflict({ versions }) })
    expect(exitCode).toBe(3)
    expect(stderr).toContain('CLI_CANNOT_MERGE')
  })

  it('goes on with what was written when that could not be used, as long as the user wants to', async () => {
    const editor = await program(
      'editor',
      `const text = readFileSync(file, 'utf8')
       log(text)
       writeFileSync(file, text.startsWith('{broken') ? '{"fixed": true}' : '{broken')`
    )
    const versions = [version({ value: { a: 1 } }), version({ digit: 'b', value: { a: 2 } })]
    const fields = { conflict: conflict({ versions }) }
    const asked = await resolve([], fields, { editor, keys: ['e', 'e'] })
    expect(asked.stderr).toContain('It is not JSON, as the versions are')
    expect(asked.choice).toMatchObject({ value: { fixed: true } })
    expect((await logged()).at(-1)).toBe('{broken\n')
    const left = await resolve([], fields, { editor, keys: ['e', 'x', 'q'] })
    expect(left.choice).toBeUndefined()
    expect(left.isTerminalRestored).toBe(true)
  })
})

describe('what was written when the conflict has changed meanwhile', () => {
  const now = conflict({
    id: 'another',
    versions: [conflict().versions[0]!, version({ digit: 'c', value: 'Monday' })]
  })
  /** Refuses the first attempts as stale; what is there then is `now`, or nothing. */
  const faster = (isSettled: boolean): Scene['calls'] & object => {
    let attempts = 0
    return {
      'conflicts.show': () => {
        if (attempts > 0 && isSettled) throw failure('CORE_CONFLICT_NOT_FOUND')
        return shown(attempts > 0 ? { conflict: now } : {})
      },
      'conflicts.resolve': ({ id, path = '' }) => {
        if (++attempts === 1) throw failure('CORE_STALE_CONFLICT', { path })
        return { conflictId: id, path, entryId: 'd'.repeat(32) as never, alsoWritten: [] }
      },
      'memory.get': () => ({ state: 'conflict', path: now.path, base: [], conflict: now })
    }
  }
  const editor = () => program('editor', `writeFileSync(file, 'We deploy daily.')`)

  it('can be taken all the same, after the change was shown', async () => {
    for (const argv of [[], ['edit']]) {
      const keys = argv.length === 0 ? ['e', 'w'] : ['w']
      const scene = { editor: await editor(), keys, calls: faster(false) }
      const { exitCode, stdout, stderr, asked } = await resolve(argv, {}, scene)
      expect(stderr).toContain('+ Monday')
      expect(stdout).toContain('[w] what you wrote')
      expect(exitCode).toBe(0)
      expect(asked.findLast(([name]) => name === 'conflicts.resolve')).toMatchObject([
        'conflicts.resolve',
        { id: 'another', choice: { value: 'We deploy daily.' } }
      ])
    }
  })

  it('is put where it can be copied from when it is not taken, or nobody can be asked', async () => {
    const told = 'What you wrote was not stored:\nWe deploy daily.'
    const scene = async (isSettled: boolean) => ({ editor: await editor(), calls: faster(isSettled) })
    expect((await resolve([], {}, { ...(await scene(false)), keys: ['e', 'q'] })).stderr).toContain(told)
    expect((await resolve([], {}, { ...(await scene(true)), keys: ['e'] })).stderr).toContain(told)
    const piped = await resolve(['edit'], {}, await scene(false))
    expect(piped.exitCode).toBe(6)
    expect(piped.stderr).toContain(told)
  })
})

describe('resolve merge', () => {
  const versions = [version({ digit: 'a', value: 'A\n\nb\n' }), version({ digit: 'b', value: 'a\n\nB\n' })]

  it('takes what each changed', async () => {
    const fields = { conflict: conflict({ versions }), ancestor: version({ digit: 'e', value: 'a\n\nb\n' }) }
    expect((await resolve(['merge'], fields)).choice).toEqual({
      value: 'A\n\nB\n',
      contentType: 'text/plain'
    })
  })

  it('settles nothing when that overlaps, when the ancestor is not known, or when a version is no text', async () => {
    const ancestor = version({ digit: 'e', value: 'a\n\nb\n' })
    const deleted = version({ digit: 'c', kind: 'deleted', value: undefined })
    for (const fields of [
      { conflict: conflict({ versions }) },
      { ancestor },
      { conflict: conflict({ versions: [...versions, deleted] }), ancestor }
    ]) {
      const { exitCode, choice, stderr } = await resolve(['merge', '--json'], fields)
      expect({ exitCode, choice }).toEqual({ exitCode: 3, choice: undefined })
      expect(stderr).toContain('CLI_CANNOT_MERGE')
    }
  })
})

describe('resolve --tool', () => {
  const FILES = `"$BASE" "$LOCAL" "$REMOTE" "$MERGED"`
  const readAll = `const [base, local, remote, merged] = process.argv.slice(2)
    log([base, local, remote, merged].map((each) => readFileSync(each, 'utf8')))`

  it('gives a merge tool its files, as git does, and settles with what it made', async () => {
    const tool = `${await program('tool', `${readAll}\nwriteFileSync(merged, 'Daily.\\n')`)} ${FILES}`
    const ancestor = version({ digit: 'e', value: 'We deploy' })
    const { exitCode, choice } = await resolve(['--tool', tool], { ancestor })
    expect({ exitCode, choice }).toEqual({
      exitCode: 0,
      choice: { value: 'Daily.', contentType: 'text/plain' }
    })
    expect(await logged()).toEqual([
      [
        'We deploy\n',
        'We deploy on Tuesday\n',
        'We deploy on Friday\n',
        '<<<<<<< LOCAL\nWe deploy on Tuesday\n||||||| before\nWe deploy\n=======\nWe deploy on Friday\n>>>>>>> REMOTE\n'
      ]
    ])
  })

  it('merges more than two one after the other', async () => {
    const body = `${readAll}\nwriteFileSync(merged, readFileSync(local, 'utf8').trim() + '+' + readFileSync(remote, 'utf8'))`
    const versions = ['1', '2', '3'].map((value, i) =>
      version({ digit: 'abc'.charAt(i), value, isLocal: i === 1 })
    )
    const tool = `${await program('tool', body)} ${FILES}`
    const { choice } = await resolve(['--tool', tool], { conflict: conflict({ versions }) })
    expect(choice).toMatchObject({ value: '2+1+3' })
    expect((await logged()).map((files) => (files as string[]).slice(1, 3))).toEqual([
      ['2\n', '1\n'],
      ['2+1\n', '3\n']
    ])
  })

  it.each([
    ['changes nothing', '', 3],
    ['leaves lines to decide', `writeFileSync(merged, readFileSync(merged, 'utf8') + 'x')`, 3],
    ['fails', `writeFileSync(merged, 'x'); process.exit(2)`, 1]
  ])('settles nothing when the tool %s', async (_, body, expected) => {
    const before = await leftovers()
    const tool = `${await program('tool', `${readAll}\n${body}`)} ${FILES}`
    const { exitCode, choice } = await resolve(['--tool', tool], {})
    expect({ exitCode, choice }).toEqual({ exitCode: expected, choice: undefined })
    expect(await leftovers()).toEqual(before)
  })

  it("knows the tool that git is told to use, and never asks a directory's own settings", async () => {
    const tool = await program('tool', `writeFileSync(process.env.MERGED, 'by the tool of git')`)
    const config = join(directory, 'gitconfig')
    const escaped = tool.replaceAll('\\', '\\\\').replaceAll('"', '\\"')
    await writeFile(config, `[merge]\n\ttool = mine\n[mergetool "mine"]\n\tcmd = "${escaped}"\n`)
    const env = { GIT_CONFIG_GLOBAL: config } as Scene['env'] & object
    expect((await resolve(['--tool'], {}, { env })).choice).toMatchObject({ value: 'by the tool of git' })
    expect((await resolve(['--tool', 'mine'], {}, { env })).choice).toMatchObject({
      value: 'by the tool of git'
    })
    const nothing = { GIT_CONFIG_GLOBAL: join(directory, 'none') } as Scene['env'] & object
    expect((await resolve(['--tool'], {}, { env: nothing })).exitCode).toBe(2)
    const unknown = await resolve(['--tool', 'mine'], {}, { env: nothing })
    expect(unknown.exitCode).toBe(2)
    expect(unknown.stderr).toContain('vimdiff')
  })

  it('is what one key opens, with the tool that was named', async () => {
    const tool = `${await program('tool', `writeFileSync(process.argv[5], 'merged')`)} ${FILES}`
    const { choice, stderr } = await resolve(
      [],
      {},
      { keys: ['t', 'q'], env: { GIT_CONFIG_GLOBAL: '/none' } as object }
    )
    expect(choice).toBeUndefined()
    expect(stderr).toContain('no merge tool is known')
    const walked = await cis(['memory', 'conflicts', 'resolve', '--tool', tool], {
      keys: ['t'],
      workingDirectory: directory,
      env: { NO_COLOR: '1' },
      streams: { 'conflicts.list': () => [conflict()] },
      calls: {
        'conflicts.show': () => shown(),
        'conflicts.count': () => 0,
        'conflicts.resolve': ({ id }) => ({
          conflictId: id,
          path: '/x',
          entryId: 'd'.repeat(32) as never,
          alsoWritten: []
        })
      }
    })
    expect(walked.asked).toContainEqual([
      'conflicts.resolve',
      { id: ID, path: '/acme/web/deploy/day', choice: { value: 'merged', contentType: 'text/plain' } }
    ])
  })
})
