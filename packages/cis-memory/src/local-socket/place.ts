import { randomBytes } from 'node:crypto'
import { link, mkdtemp, open, realpath, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { CisError } from '../errors.ts'
import { requirePrivate, writePrivateFile } from '../home.ts'
import { MAX_SOCKET_PATH_BYTES } from '../limits.ts'
import { SOCKET_KEY_BYTES } from './handshake.ts'

/** Where a holder will listen, and what it will ask of those who come. */
export interface SocketPlace {
  readonly path: string
  readonly key: Uint8Array
  /** Takes away a temporary directory, when there is one. The socket itself goes with its server. */
  remove(): Promise<void>
}

const SOCKET_FILE = 'holder.sock'
const KEY_FILE = 'key'

/**
 * Makes the directory of a socket, for its owner alone, with its key. A path too long for a socket gets one in a
 * private temporary directory instead; clients learn it from the store's holder file.
 *
 * @throws {CisError} `CIS_SOCKET_NOT_PRIVATE`, `CIS_SOCKET_PATH_TOO_LONG`
 */
export async function prepareSocket(directory: string): Promise<SocketPlace> {
  const { makeDirectories } = await import('@cis-memory/store/level')
  await makeDirectories(directory)
  await requirePrivate(directory, 'CIS_SOCKET_NOT_PRIVATE')
  const key = await makeSocketKey(directory)
  const path = await usualPath(directory)
  if (fits(path)) return { path, key, remove: async () => {} }
  const temporary = await realpath(await mkdtemp(join(tmpdir(), 'cis-')))
  const elsewhere = join(temporary, SOCKET_FILE)
  if (fits(elsewhere)) {
    return { path: elsewhere, key, remove: () => rm(temporary, { recursive: true, force: true }) }
  }
  await rm(temporary, { recursive: true, force: true })
  throw new CisError(
    'CIS_SOCKET_PATH_TOO_LONG',
    `a local socket has a path of at most ${MAX_SOCKET_PATH_BYTES} bytes, and neither ${path} nor the temporary directory ${tmpdir()} leaves room for one. Use a home with a shorter path`
  )
}

/**
 * Where the socket of a directory is, unless that path is too long for one. Links on the way are resolved: both
 * sides prove which path they mean, however they were led to it.
 */
export async function usualSocketPath(directory: string): Promise<string | undefined> {
  const path = await usualPath(directory).catch(() => undefined)
  return path !== undefined && fits(path) ? path : undefined
}

/**
 * The key of a socket that is there.
 *
 * @throws {CisError} `CIS_SOCKET_NOT_PRIVATE`, `CIS_SOCKET_UNTRUSTED` when there is no key, or one that others
 * can read
 */
export async function readSocketKey(directory: string, socketPath: string): Promise<Uint8Array> {
  const file = join(directory, KEY_FILE)
  await requirePrivate(dirname(socketPath), 'CIS_SOCKET_NOT_PRIVATE')
  const handle = await open(file, 'r').catch((cause) => {
    throw new CisError('CIS_SOCKET_UNTRUSTED', `the key of the local socket, ${file}, cannot be read`, {
      cause
    })
  })
  try {
    const { mode } = await handle.stat()
    if (process.getuid !== undefined && (mode & 0o077) !== 0) {
      throw new CisError(
        'CIS_SOCKET_UNTRUSTED',
        `others can read the key of the local socket, ${file}; delete it and start the holder again`
      )
    }
    const key = await handle.readFile()
    if (key.length !== SOCKET_KEY_BYTES) {
      throw new CisError(
        'CIS_SOCKET_UNTRUSTED',
        `the key of the local socket, ${file}, is damaged; delete it`
      )
    }
    return new Uint8Array(key)
  } finally {
    await handle.close()
  }
}

async function makeSocketKey(directory: string): Promise<Uint8Array> {
  const file = join(directory, KEY_FILE)
  const isThere = await stat(file).then(
    () => true,
    () => false
  )
  if (!isThere) {
    // Written aside and linked: two processes that start at once agree on the first.
    const mine = join(directory, `${KEY_FILE}.${randomBytes(6).toString('hex')}`)
    await writePrivateFile(mine, randomBytes(SOCKET_KEY_BYTES))
    await link(mine, file).catch((error) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
    await rm(mine)
  }
  return readSocketKey(directory, join(directory, SOCKET_FILE))
}

async function usualPath(directory: string): Promise<string> {
  return join(await realpath(directory), SOCKET_FILE)
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES
}
