import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findScope, writeScopeFile } from '../src/scope-file.ts'
import { temporaryDirectory } from './temporary.ts'

async function project(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await temporaryDirectory()
  await mkdir(join(root, 'a/b/c'), { recursive: true })
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, name), text)
  return root
}

describe('the scope of a directory', () => {
  it('is what the nearest .cis.toml upwards says', async () => {
    const root = await project({ '.cis.toml': 'scope = "/acme"', 'a/b/.cis.toml': 'scope = "/acme/web"' })
    expect(await findScope(join(root, 'a'))).toEqual({ scope: '/acme', file: join(root, '.cis.toml') })
    expect(await findScope(join(root, 'a/b/c'))).toEqual({
      scope: '/acme/web',
      file: join(root, 'a/b/.cis.toml')
    })
  })

  it('is not guessed where no file says: the error tells what to do', async () => {
    const root = await project({})
    await expect(findScope(join(root, 'a'))).rejects.toMatchObject({
      code: 'CIS_NO_SCOPE',
      message: expect.stringMatching(/--scope .*scope = "\/team\/project".*\.cis\.toml/)
    })
  })

  it.each([
    ['scope = "acme"', ':1: scope must be an absolute path such as "/acme/web"'],
    ['\nscope = 3', ':2: scope must be an absolute path'],
    ['scope = "/acme//web"', ':1: scope must be an absolute path'],
    ['scope = "/acme/../web"', ':1: scope must be an absolute path'],
    ['scope = "/acme/"', ':1: scope must be an absolute path'],
    ['', ':1: scope is missing: it must be an absolute path such as "/acme/web"'],
    ['scope = "/acme"\nspace = "x"', ':2: space is not known. Known: scope'],
    ['scope', ':1: ']
  ])('is refused when the file says %j, rather than looked for further up', async (text, message) => {
    const root = await project({ '.cis.toml': 'scope = "/acme"', 'a/.cis.toml': text })
    await expect(findScope(join(root, 'a'))).rejects.toMatchObject({
      code: 'CIS_BAD_SCOPE_FILE',
      message: expect.stringContaining(join(root, 'a/.cis.toml') + message)
    })
  })

  it('is said to be unwritable where it cannot be written', async () => {
    const root = await project({ file: '' })
    await expect(writeScopeFile(join(root, 'missing'), '/acme')).rejects.toMatchObject({
      code: 'CIS_BAD_SCOPE_FILE',
      message: expect.stringContaining('cannot be written (ENOENT)')
    })
  })

  it('can be written, and is never changed by that', async () => {
    const root = await project({})
    const found = await writeScopeFile(root, '/acme/"web"')
    expect(await findScope(join(root, 'a/b'))).toEqual(found)
    const text = await readFile(found.file, 'utf8')
    await writeScopeFile(root, '/acme/"web"')
    await expect(writeScopeFile(root, '/other')).rejects.toMatchObject({ code: 'CIS_BAD_SCOPE_FILE' })
    await expect(writeScopeFile(join(root, 'a'), 'other')).rejects.toMatchObject({
      code: 'CIS_BAD_SCOPE_FILE'
    })
    expect(await readFile(found.file, 'utf8')).toBe(text)
  })
})
