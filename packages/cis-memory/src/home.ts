import { randomBytes } from 'node:crypto'
import { chmod, lstat, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { CisError } from './errors.ts'

/** Where everything of one device lies. */
export interface Home {
  readonly directory: string
  readonly configFile: string
  /** Opens the store. */
  readonly keyFile: string
  readonly storeDirectory: string
  /** Where the process that has the store open answers others; holds the socket and its key. */
  readonly socketDirectory: string
  /** Addresses of peers, remembered between runs. */
  readonly peersFile: string
  /** There from before the store has a space until there is a configuration: whoever is making the home. */
  readonly unfinishedFile: string
}

/** What can make a home. */
export type Maker = 'init' | 'join'

/** The home a user means who names none: `CIS_HOME`, or `~/.cis`. */
export function defaultHome(environment: Readonly<Record<string, string | undefined>>): string {
  const named = environment.CIS_HOME
  return named === undefined || named === '' ? join(homedir(), '.cis') : resolve(named)
}

/** The layout of a home. Nothing is read or made. */
export function homeAt(directory: string): Home {
  const absolute = resolve(directory)
  return {
    directory: absolute,
    configFile: join(absolute, 'config.toml'),
    keyFile: join(absolute, 'key'),
    storeDirectory: join(absolute, 'store'),
    socketDirectory: join(absolute, 'socket'),
    peersFile: join(absolute, 'peers.json'),
    unfinishedFile: join(absolute, 'unfinished')
  }
}

/**
 * A home that exists and that nobody else can change. A directory that a program made with `openMemory` is one too.
 *
 * @throws {CisError} `CIS_HOME_NOT_FOUND`, `CIS_HOME_NOT_PRIVATE`
 */
export async function checkHome(directory: string): Promise<Home> {
  const home = homeAt(directory)
  if (!(await exists(home.storeDirectory))) {
    throw new CisError(
      'CIS_HOME_NOT_FOUND',
      `there is no memory at ${home.directory} yet; make one, or join a space, first`
    )
  }
  await requirePrivate(home.directory, 'CIS_HOME_NOT_PRIVATE')
  return home
}

/**
 * Where a home may be made. Makes nothing.
 *
 * @throws {CisError} `CIS_HOME_EXISTS` when a home is there, `CIS_HOME_NOT_PRIVATE`
 */
export async function checkVacant(directory: string): Promise<Home> {
  const home = homeAt(directory)
  if (await exists(home.directory)) await requirePrivate(home.directory, 'CIS_HOME_NOT_PRIVATE')
  if (await exists(home.configFile)) throw homeExists(home)
  return home
}

/**
 * Makes the directory of a home, for its owner alone. One whose making was interrupted has no configuration yet and
 * is gone on with.
 *
 * @throws {CisError} `CIS_HOME_EXISTS` when a home is there, `CIS_HOME_NOT_PRIVATE`, `CIS_HOME_NOT_WRITABLE`
 */
export async function makeHome(directory: string): Promise<Home> {
  const { makeDirectories } = await import('@cis-memory/store/level')
  await makeDirectories(homeAt(directory).directory).catch((cause: NodeJS.ErrnoException) => {
    throw new CisError(
      'CIS_HOME_NOT_WRITABLE',
      `no home can be made at ${homeAt(directory).directory} (${cause.code}); nothing was changed. Correct the owner or permissions of the directory above it, or choose another place`,
      { cause }
    )
  })
  const home = await checkVacant(directory)
  await chmod(home.directory, 0o700)
  return home
}

/** Notes who makes this home, before its store gets a space: without the note, that space is a program's. */
export async function markUnfinished(home: Home, maker: Maker): Promise<void> {
  await writePrivateFile(home.unfinishedFile, `${maker}\n`)
}

/** Who was making this home when it was interrupted. */
export async function unfinishedBy(home: Home): Promise<Maker | undefined> {
  const note = Buffer.from((await readIfThere(home.unfinishedFile)) ?? []).toString('utf8')
  return note === 'init\n' ? 'init' : note === 'join\n' ? 'join' : undefined
}

export async function markFinished(home: Home): Promise<void> {
  await rm(home.unfinishedFile, { force: true })
}

export function homeExists(home: Home): CisError {
  return new CisError('CIS_HOME_EXISTS', `${home.directory} is in use already; nothing was changed`)
}

/**
 * Refuses a directory that is not ours or that others can write to: whoever can replace a file in it can replace
 * what we trust.
 */
export async function requirePrivate(
  directory: string,
  code: 'CIS_HOME_NOT_PRIVATE' | 'CIS_SOCKET_NOT_PRIVATE'
): Promise<void> {
  const status = await stat(directory)
  if (!status.isDirectory()) throw new CisError(code, `${directory} is not a directory`)
  // Windows has neither owners nor modes in this sense; its profile directories are private by default.
  if (process.getuid === undefined) return
  if (status.uid !== process.getuid()) {
    throw new CisError(code, `${directory} belongs to another user; use a directory of your own`)
  }
  const forbidden = code === 'CIS_SOCKET_NOT_PRIVATE' ? 0o077 : 0o022
  if ((status.mode & forbidden) !== 0) {
    const what = forbidden === 0o022 ? 'change what is in' : 'reach into'
    throw new CisError(code, `others can ${what} ${directory}. Close it first: chmod 700 '${directory}'`)
  }
}

/** Writes a file that others cannot read, in one step: a reader sees the old one or the new one. */
export async function writePrivateFile(file: string, content: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  const handle = await open(temporary, 'wx', 0o600)
  try {
    await handle.writeFile(content)
    await handle.sync()
    await handle.close()
    await rename(temporary, file)
  } catch (error) {
    await handle.close().catch(() => {})
    await rm(temporary, { force: true })
    throw error
  }
}

/** The content of a file, or `undefined` when there is none. */
export async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false
  )
}
