import { chmod, mkdir, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { keyFile, type Memory, type OpenMemoryOptions, openMemory, passphrase } from '../src/index.ts'
import { holderOf } from '../src/open-memory.ts'
import { temporaryDirectory } from './temporary.ts'

async function place(): Promise<OpenMemoryOptions & { directory: string }> {
  const directory = join(await temporaryDirectory(), 'memory')
  return { directory, key: keyFile(join(directory, 'key')), scope: '/acme/web' }
}

describe('openMemory', () => {
  it('starts a space in a new directory, and finds everything again in an old one', async () => {
    const at = await place()
    {
      await using memory: Memory = await openMemory(at)
      expect(memory.scope).toBe('/acme/web')
      await memory.public.put('config/timeout', 30, { tags: ['config'] })
      await memory.private.put('agent/status', 'processing')
    }
    await using memory = await openMemory(at)
    expect(await memory.public.get('config/timeout')).toMatchObject({
      value: 30,
      version: { tags: ['config'] }
    })
    expect(await memory.private.get('agent/status')).toMatchObject({ value: 'processing' })
  })

  it('leaves nothing to others: directory, key, store and socket are their owner’s alone', async () => {
    const at = await place()
    await using _memory = await openMemory(at)
    for (const name of ['.', 'store', 'socket']) {
      expect((await stat(join(at.directory, name))).mode & 0o777, name).toBe(0o700)
    }
    for (const name of ['key', 'socket/key', 'socket/holder.sock']) {
      expect((await stat(join(at.directory, name))).mode & 0o777, name).toBe(0o600)
    }
  })

  it('is refused while another memory has the directory open, and tells by whom', async () => {
    const at = await place()
    await using _memory = await openMemory(at)
    await expect(openMemory(at)).rejects.toMatchObject({ code: 'STORE_LOCKED', pid: process.pid })
  })

  it('is told without a key by what there should be one', async () => {
    const { directory, scope } = await place()
    await expect(openMemory({ directory, scope } as OpenMemoryOptions)).rejects.toThrow(/^key: expected/)
    await expect(readdir(directory)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('leaves the socket of the holder alone when it is refused', async () => {
    const at = await place()
    await using _memory = await openMemory(at)
    await openMemory(at).catch(() => {})
    expect(await readdir(join(at.directory, 'socket'))).toContain('holder.sock')
  })

  it('makes of conflicts what the directory’s configuration says, unless it is told otherwise', async () => {
    const at = await place()
    await mkdir(at.directory, { mode: 0o700 })
    await writeFile(join(at.directory, 'config.toml'), '[memory.conflict]\nmode = "auto_lww"\n')
    {
      await using memory = await openMemory(at)
      expect(memory.conflictModeAt('key')).toBe('auto_lww')
    }
    await using memory = await openMemory({ ...at, conflict: { mode: 'keep_all' } })
    expect(memory.conflictModeAt('key')).toBe('keep_all')
  })

  it('keeps of the history what the directory’s configuration says, unless it is told otherwise', async () => {
    const at = await place()
    await mkdir(at.directory, { mode: 0o700 })
    await writeFile(
      join(at.directory, 'config.toml'),
      '[memory.history]\nkeep_days = 40\nkeep_versions = 2\n'
    )
    for (const [history, keepDays, keepVersions] of [
      [undefined, 40, 2],
      [{ keepDays: 60 }, 60, 10]
    ] as const) {
      await using memory = await openMemory({ ...at, ...(history && { history }) })
      const { retention } = holderOf(memory).replica.history
      expect(retention).toEqual({ keepMs: keepDays * 86_400_000, keepVersions })
      expect(await memory.cleanHistory()).toEqual({ memories: 0, versions: 0, bytes: 0, unproven: 0 })
    }
  })

  it('opens nothing where the configuration would turn the guard off', async () => {
    const at = await place()
    await mkdir(at.directory, { mode: 0o700 })
    await writeFile(join(at.directory, 'config.toml'), '[guard]\nenforce_check = false\n')
    await expect(openMemory(at)).rejects.toMatchObject({ code: 'GUARD_ENFORCEMENT_REQUIRED' })
    expect(await readdir(at.directory)).toEqual(['config.toml'])
  })

  it('is refused with another key, and touches nothing', async () => {
    const at = await place()
    await (await openMemory({ ...at, key: passphrase('correct horse') })).close()
    await expect(openMemory({ ...at, key: passphrase('wrong horse') })).rejects.toMatchObject({
      code: 'STORE_WRONG_KEY'
    })
  })

  it('closes the store again when the scope is no path', async () => {
    const at = await place()
    await expect(openMemory({ ...at, scope: 'acme' })).rejects.toMatchObject({ code: 'CORE_BAD_PATH' })
    await (await openMemory(at)).close()
  })

  it('closes twice', async () => {
    const memory = await openMemory(await place())
    await Promise.all([memory.close(), memory.close()])
    await expect(memory.public.put('a', 1)).rejects.toMatchObject({ code: 'CORE_CLOSED' })
  })

  it('opens no socket with localSocket: false', async () => {
    const at = { ...(await place()), localSocket: false }
    await using _memory = await openMemory(at)
    expect(await readdir(at.directory)).not.toContain('socket')
  })

  it('opens nothing when others can reach into its socket directory', async () => {
    const at = await place()
    await mkdir(join(at.directory, 'socket'), { recursive: true })
    await chmod(join(at.directory, 'socket'), 0o755)
    await expect(openMemory(at)).rejects.toMatchObject({ code: 'CIS_SOCKET_NOT_PRIVATE' })
    expect(await readdir(at.directory)).toEqual(['socket'])
    await (await openMemory({ ...at, localSocket: false })).close()
  })

  it('goes on as a new actor each time with epoch: per-open', async () => {
    const at = await place()
    const actors: string[] = []
    for (const epoch of ['when-in-doubt', 'when-in-doubt', 'per-open', 'per-open'] as const) {
      await using memory = await openMemory({ ...at, epoch })
      await memory.public.put('a', actors.length, { overwrite: true })
      const read = await memory.public.get('a')
      if (read.state === 'value') actors.push(read.version.actor)
    }
    expect(actors[1]).toBe(actors[0])
    expect(new Set(actors).size).toBe(3)
  })
})
