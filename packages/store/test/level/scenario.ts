import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { ClassicLevel } from 'classic-level'
import { onTestFinished } from 'vitest'
import type { RowChange, Store } from '../../src/index.ts'
import { keyFile, type LevelStoreOptions, openLevelStore } from '../../src/level/index.ts'
import { temporaryDirectory } from '../temporary.ts'

/** A store in a directory of its own with a key file beside it. */
export interface Place {
  readonly root: string
  readonly directory: string
  readonly keyPath: string
}

export async function newPlace(): Promise<Place> {
  const root = await temporaryDirectory()
  return { root, directory: join(root, 'store'), keyPath: join(root, 'key') }
}

/** Opens the store of a place; the end of the test closes it. */
export async function openAt(place: Place, options: Partial<LevelStoreOptions> = {}): Promise<Store> {
  const { directory, keyPath } = place
  const store = await openLevelStore({ directory, key: keyFile(keyPath), ...options })
  onTestFinished(() => store.close())
  return store
}

/** Makes a store with the rows given, in the public partition, and closes it. */
export async function storeWith(place: Place, ...rows: RowChange[]): Promise<void> {
  const store = await openAt(place)
  await store.partition('public').write(rows)
  await store.close()
}

export function put(key: string, value: string): RowChange {
  return { type: 'put', key: Buffer.from(key), value: Buffer.from(value) }
}

export async function textAt(
  store: Store,
  key: string,
  partition: 'public' | 'private' | 'local' = 'public'
): Promise<string | undefined> {
  const value = await store.partition(partition).get(Buffer.from(key))
  return value && Buffer.from(value).toString()
}

/** The rows as LevelDB has them, for whoever wants to tamper with them. */
export async function withRawRows(
  place: Place,
  run: (rows: ClassicLevel<Uint8Array, Uint8Array>) => Promise<void>
): Promise<void> {
  const rows = new ClassicLevel<Uint8Array, Uint8Array>(join(place.directory, 'rows'), {
    keyEncoding: 'view',
    valueEncoding: 'view'
  })
  await rows.open()
  try {
    await run(rows)
  } finally {
    await rows.close()
  }
}

/**
 * Every file below a directory: its path, bytes and time of change. Without LevelDB's empty lock file: a process
 * that reads the one it holds gives the lock up.
 */
export async function filesOf(directory: string): Promise<Map<string, { bytes: Buffer; changedNs: bigint }>> {
  const files = new Map<string, { bytes: Buffer; changedNs: bigint }>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (!entry.isFile() || entry.name === 'LOCK') continue
    const { ctimeNs } = await stat(path, { bigint: true })
    files.set(path, { bytes: await readFile(path), changedNs: ctimeNs })
  }
  return files
}

/** Another process that uses the store, with the lines it writes. */
export interface Child {
  readonly process: ChildProcess
  readonly lines: AsyncIterableIterator<string>
  /** Ends it as a power cut would, and waits until it is gone. */
  kill(): Promise<void>
}

/** Starts a script of `children/`, which uses the built package. */
export function startChild(script: string, ...args: string[]): Child {
  const path = fileURLToPath(new URL(`children/${script}`, import.meta.url))
  const child = spawn(process.execPath, [path, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await exit
  }
  onTestFinished(kill)
  return { process: child, lines: createInterface(child.stdout)[Symbol.asyncIterator](), kill }
}
