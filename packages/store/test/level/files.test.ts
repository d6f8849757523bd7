import { existsSync } from 'node:fs'
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { makeDirectories } from '../../src/level/files.ts'

describe('makeDirectories', () => {
  let root = ''

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'cis-files-'))
  })
  afterEach(() => rm(root, { recursive: true, force: true }))

  it('makes what is missing for its owner alone, and names the topmost it made', async () => {
    const path = join(root, 'a', 'b', 'c')
    expect(await makeDirectories(path)).toBe(join(root, 'a'))
    expect((await stat(path)).mode & 0o777).toBe(0o700)
    expect(await makeDirectories(path)).toBeUndefined()
  })

  it('does not take a file for a directory', async () => {
    const file = join(root, 'file')
    await writeFile(file, '')
    await expect(makeDirectories(file)).rejects.toMatchObject({ code: 'EEXIST' })
    await expect(makeDirectories(join(file, 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' })
  })

  it.runIf(existsSync('/proc/self'))('gives up where no name can be made', async () => {
    await expect(makeDirectories('/proc/no-such-place/below')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
