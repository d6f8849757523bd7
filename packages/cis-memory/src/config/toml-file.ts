import { open } from 'node:fs/promises'
import { parse, TomlError } from 'smol-toml'
import * as v from 'valibot'
import { type CisErrorCode, ConfigError } from '../errors.ts'
import { MAX_CONFIG_BYTES } from '../limits.ts'
import { nameOf, problemsOf } from '../validation.ts'
import { lineOfKey } from './locate.ts'

type TomlErrorCode = Extract<CisErrorCode, 'CIS_BAD_CONFIG' | 'CIS_BAD_SCOPE_FILE'>

/** The text of a small file, or `undefined` when there is none. */
export async function readSmallFile(file: string, code: TomlErrorCode): Promise<string | undefined> {
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
export function parseToml<T>(code: TomlErrorCode, schema: v.GenericSchema<T>, file: string, text: string): T {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const message = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? 'is not TOML'
    throw new ConfigError(code, file, [{ line: error.line, key: undefined, message }])
  }
  if (v.is(schema, table)) return table
  const problems = problemsOf(schema, table).map(({ at, says }) => {
    const key = nameOf(at)
    return { line: lineOfKey(text, at), key, message: `${key} ${says}` }
  })
  throw new ConfigError(
    code,
    file,
    problems.sort((a, b) => a.line - b.line)
  )
}
