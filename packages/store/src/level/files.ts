import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { StoreError, type StoreErrorCode } from '../errors.ts'

/** Names inside the directory of a store. */
export const HEADER_FILE = 'store.json'
export const ROWS_DIRECTORY = 'rows'
export const LEASE_FILE = 'lease'
export const HOLDER_FILE = 'holder.json'

/** The content of a file, or `undefined` when there is none. */
export async function readIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Puts a file in place of the one at `path`, on disk once this returns. A crash leaves the old file or the new
 * one. Only the owner can read it.
 */
export async function replaceFile(path: string, content: Uint8Array | string): Promise<void> {
  await placeFile(path, content, rename)
}

/** Like {@link replaceFile}, but leaves a file that is there alone. Answers whether it made one. */
export async function createFile(path: string, content: Uint8Array | string): Promise<boolean> {
  try {
    // A link fails when its name is taken, where a rename would replace.
    await placeFile(path, content, link)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

async function placeFile(
  path: string,
  content: Uint8Array | string,
  place: (from: string, to: string) => Promise<void>
): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await place(temporary, path)
    await syncDirectory(dirname(path))
  } finally {
    await rm(temporary, { force: true })
  }
}

/**
 * Makes a directory for its owner alone, and those above it that are missing. Not by `mkdir`'s own `recursive`: Node 20
 * then tries for ever where a file system answers ENOENT to every name, as /proc does.
 *
 * @returns the topmost that was made, or `undefined` when it was there
 */
export async function makeDirectories(path: string): Promise<string | undefined> {
  const made = await makeOne(path)
  if (made !== 'no-parent') return made === 'made' ? path : undefined
  const parent = dirname(path)
  const topmost = parent === path ? undefined : await makeDirectories(parent)
  await mkdir(path, { mode: 0o700 })
  return topmost ?? path
}

async function makeOne(path: string): Promise<'made' | 'there' | 'no-parent'> {
  try {
    await mkdir(path, { mode: 0o700 })
    return 'made'
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return 'no-parent'
    if (errorCode(error) === 'EEXIST' && (await stat(path)).isDirectory()) return 'there'
    throw error
  }
}

/** Fails as a write to the directory would. Permissions alone do not tell: disks are full or read-only. */
export async function probeWriting(directory: string): Promise<void> {
  const path = join(directory, `${randomBytes(6).toString('hex')}.tmp`)
  await writeFile(path, 'probe', { flag: 'wx', mode: 0o600 })
  await rm(path)
}

/** Makes the names in a directory durable. Windows cannot, and does not need to. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Makes LevelDB's logs durable. One that goes meanwhile has become a table, which LevelDB syncs itself. */
export async function syncLogs(rowsDirectory: string): Promise<void> {
  for (const name of await readdir(rowsDirectory)) {
    if (!name.endsWith('.log')) continue
    try {
      const log = await open(join(rowsDirectory, name), 'r+')
      try {
        await log.sync()
      } finally {
        await log.close()
      }
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

/** The `code` of a system or Level error. */
export function errorCode(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code
  return typeof code === 'string' ? code : undefined
}

const DIRECTORY_PROBLEMS: Readonly<Record<string, [code: StoreErrorCode, what: string, next: string]>> = {
  ENOENT: ['STORE_NOT_FOUND', 'does not exist', 'check the path, or create the store first'],
  ENOTDIR: ['STORE_NOT_A_DIRECTORY', 'is not a directory', 'name a directory'],
  EEXIST: ['STORE_NOT_A_DIRECTORY', 'is not a directory', 'name a directory'],
  EACCES: ['STORE_NOT_WRITABLE', 'cannot be written', 'correct its owner or permissions, then open again'],
  EPERM: ['STORE_NOT_WRITABLE', 'cannot be written', 'correct its owner or permissions, then open again'],
  EROFS: ['STORE_NOT_WRITABLE', 'is on a read-only disk', 'open it from a disk that can be written'],
  ENOSPC: ['STORE_WRITE_FAILED', 'is on a full disk', 'free some space, then open again'],
  EDQUOT: ['STORE_WRITE_FAILED', 'is on a full disk', 'free some space, then open again']
}

/** Says in a {@link StoreError} why the directory of a store cannot be used; other errors pass. */
export function toDirectoryError(error: unknown): unknown {
  if (error instanceof StoreError) return error
  const code = errorCode(error)
  if (code === undefined) return error
  const [storeCode, what, next] = DIRECTORY_PROBLEMS[code] ?? [
    'STORE_READ_FAILED',
    `cannot be read (${code})`,
    'check the disk, then open again'
  ]
  return new StoreError(storeCode, `the directory of the store ${what}; nothing was changed; ${next}`, {
    cause: error
  })
}
