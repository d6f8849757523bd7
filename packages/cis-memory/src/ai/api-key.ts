import { execFile } from 'node:child_process'
import { open } from 'node:fs/promises'
import { promisify } from 'node:util'
import { CisError } from '../errors.ts'
import { KEY_COMMAND_TIMEOUT_MS, MAX_API_KEY_BYTES } from '../limits.ts'

const run = promisify(execFile)

/**
 * An API key from a file that its owner alone can read; read anew for each request.
 *
 * @throws {CisError} (from the function) `CIS_AI_BAD_KEY`
 */
export function apiKeyFile(path: string): () => Promise<string> {
  return async () => {
    const handle = await open(path, 'r').catch(() => undefined)
    if (handle === undefined) throw badKey('the file of the API key cannot be read')
    try {
      const { mode, uid } = await handle.stat()
      const isOurs = process.getuid === undefined || uid === process.getuid()
      // Windows has no modes in this sense.
      const isPrivate = process.platform === 'win32' || (mode & 0o077) === 0
      if (!isOurs || !isPrivate) {
        throw badKey('others can read the file of the API key. Close it first: chmod 600 FILE')
      }
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_API_KEY_BYTES + 1))
      if (bytesRead > MAX_API_KEY_BYTES) throw badKey('the file of the API key is too large')
      return buffer.toString('utf8', 0, bytesRead).trim()
    } finally {
      await handle.close()
    }
  }
}

/**
 * An API key that a program prints, such as a password manager; run anew for each request, without a shell.
 *
 * @throws {CisError} (from the function) `CIS_AI_BAD_KEY`
 */
export function apiKeyCommand(program: string, ...args: readonly string[]): () => Promise<string> {
  return async () => {
    const options = { timeout: KEY_COMMAND_TIMEOUT_MS, maxBuffer: MAX_API_KEY_BYTES, windowsHide: true }
    try {
      const { stdout } = await run(program, args, options)
      return stdout.trim()
    } catch {
      // Its error would show what it has printed.
      throw badKey('the command for the API key failed')
    }
  }
}

function badKey(problem: string): CisError {
  return new CisError('CIS_AI_BAD_KEY', `${problem}; nothing was sent`)
}
