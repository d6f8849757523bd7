import { join } from 'node:path'
import { errorCode, HOLDER_FILE, readIfPresent, replaceFile } from './files.ts'

/** Which process has a store open. */
export interface StoreHolder {
  readonly pid: number
  /** Milliseconds since 1970. */
  readonly startedAtMs: number
  /** Where it listens for others that want to use the store. */
  readonly socketPath?: string
}

/**
 * The running process that has the store of a directory open, as far as it left word. A hint: only opening the
 * store tells for certain. Reads nothing secret and needs no key.
 */
export async function readHolder(directory: string): Promise<StoreHolder | undefined> {
  try {
    const bytes = await readIfPresent(join(directory, HOLDER_FILE))
    if (bytes === undefined) return undefined
    const { pid, startedAtMs, socketPath } = Object(JSON.parse(bytes.toString()))
    if (!Number.isSafeInteger(pid) || pid < 1 || !Number.isSafeInteger(startedAtMs) || !isRunning(pid)) {
      return undefined
    }
    return { pid, startedAtMs, ...(typeof socketPath === 'string' ? { socketPath } : {}) }
  } catch {
    return undefined
  }
}

export async function writeHolder(directory: string, socketPath: string | undefined): Promise<void> {
  const startedAtMs = Math.round(performance.timeOrigin)
  const holder = { pid: process.pid, startedAtMs, ...(socketPath === undefined ? {} : { socketPath }) }
  await replaceFile(join(directory, HOLDER_FILE), `${JSON.stringify(holder)}\n`)
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // Not ours to signal, but there.
    return errorCode(error) === 'EPERM'
  }
}
