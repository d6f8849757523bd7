import { open } from 'node:fs/promises'
import { parse, TomlError } from 'smol-toml'
import { type CisErrorCode, ConfigError, type ConfigProblem } from '../errors.ts'
import { MAX_CONFIG_BYTES } from '../limits.ts'
import { isOf, type Misfit, misfitsOf, type Shape } from '../shape.ts'
import { lineOfKey } from './locate.ts'
import { nearest } from './nearest.ts'

/** What a TOML file may say. */
export interface TomlSchema<T> {
  readonly code: Extract<CisErrorCode, 'CIS_BAD_CONFIG' | 'CIS_BAD_SCOPE_FILE'>
  readonly shape: Shape<T>
  /** Every key there is, dotted, so that a misspelt one finds its neighbour. */
  readonly keys: readonly string[]
}

/** The text of a small file, or `undefined` when there is none. */
export async function readSmallFile(
  file: string,
  code: TomlSchema<unknown>['code']
): Promise<string | undefined> {
  let handle: Awaited<ReturnType<typeof open>>
  try {
    handle = await open(file, 'r')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAX_CONFIG_BYTES + 1))
    if (bytesRead > MAX_CONFIG_BYTES) {
      const message = `is larger than ${MAX_CONFIG_BYTES} bytes`
      throw new ConfigError(code, file, [{ line: 1, key: undefined, message }])
    }
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/**
 * Reads a TOML text strictly.
 *
 * @throws {ConfigError} with every problem found, its line and its key
 */
export function parseToml<T>(file: string, text: string, { code, shape, keys }: TomlSchema<T>): T {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const message = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? 'is not TOML'
    throw new ConfigError(code, file, [{ line: error.line, key: undefined, message }])
  }
  if (isOf(shape, table)) return table
  const problems = misfitsOf(shape, table).map((misfit) => problemOf(misfit, text, keys))
  throw new ConfigError(
    code,
    file,
    problems.sort((a, b) => a.line - b.line)
  )
}

function problemOf({ at, mustBe }: Misfit, text: string, keys: readonly string[]): ConfigProblem {
  const key = at.join('.')
  const line = lineOfKey(text, at)
  if (mustBe !== undefined) return { line, key, message: `${key} must be ${mustBe}` }
  const meant = nearest(key, [...keys, ...keys.map((known) => known.split('.')[0] ?? known)])
  const hint = meant === undefined ? `Known: ${keys.join(', ')}` : `Did you mean ${meant}?`
  return { line, key, message: `${key} is not an option. ${hint}` }
}
