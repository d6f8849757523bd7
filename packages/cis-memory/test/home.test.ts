import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkHome, defaultHome, homeAt, makeHome, writePrivateFile } from '../src/home.ts'
import { temporaryDirectory } from './temporary.ts'

describe('a home', () => {
  it('is CIS_HOME, or .cis in the directory of the user', () => {
    expect(defaultHome({ CIS_HOME: 'here' })).toBe(resolve('here'))
    expect(defaultHome({ CIS_HOME: '' })).toBe(join(homedir(), '.cis'))
    expect(defaultHome({})).toBe(join(homedir(), '.cis'))
  })

  it('is made for its owner alone', async () => {
    const directory = join(await temporaryDirectory(), 'a/home')
    const home = await makeHome(directory)
    expect(home).toEqual(homeAt(directory))
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
  })

  it('is not made over another', async () => {
    const directory = await temporaryDirectory()
    await writeFile(homeAt(directory).configFile, '')
    await chmod(directory, 0o755)
    await expect(makeHome(directory)).rejects.toMatchObject({ code: 'CIS_HOME_EXISTS' })
    expect((await stat(directory)).mode & 0o777).toBe(0o755)
  })

  it('has to be there: the error says how to begin', async () => {
    const directory = join(await temporaryDirectory(), 'none')
    await expect(checkHome(directory)).rejects.toMatchObject({
      code: 'CIS_HOME_NOT_FOUND',
      message: expect.stringMatching(/make one, or join a space, first$/)
    })
  })

  it.each([0o770, 0o707, 0o720, 0o702])('is refused with mode %o: others could change it', async (mode) => {
    const directory = await temporaryDirectory()
    await mkdir(homeAt(directory).storeDirectory)
    await chmod(directory, mode)
    await expect(checkHome(directory)).rejects.toMatchObject({ code: 'CIS_HOME_NOT_PRIVATE' })
    await chmod(directory, 0o755)
    expect(await checkHome(directory)).toEqual(homeAt(directory))
  })

  it('has files that appear whole or not at all, for their owner alone', async () => {
    const directory = await temporaryDirectory()
    const file = join(directory, 'peers.json')
    await writeFile(file, 'old', { mode: 0o644 })
    await writePrivateFile(file, 'new')
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    await mkdir(join(directory, 'taken'))
    await expect(writePrivateFile(join(directory, 'taken'), 'x')).rejects.toThrow()
    expect(await readdir(directory)).toEqual(['peers.json', 'taken'])
  })
})
