import { open } from 'node:fs/promises'
import { parse, TomlError } from 'smol-toml'
import type { z } from 'zod'
import { type CisErrorCode, ConfigError, type ConfigProblem } from '../errors.ts'
import { MAX_CONFIG_BYTES } from '../limits.ts'
import { lineOfKey } from './locate.ts'
import { nearest } from './nearest.ts'

/** What a TOML file may say. Messages of the schema complete the sentence "KEY must be …". */
export interface TomlSchema<T> {
  readonly code: Extract<CisErrorCode, 'CIS_BAD_CONFIG' | 'CIS_BAD_SCOPE_FILE'>
  readonly schema: z.ZodType<T>
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
export function parseToml<T>(file: string, text: string, { code, schema, keys }: TomlSchema<T>): T {
  let table: unknown
  try {
    table = parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const message = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? 'is not TOML'
    throw new ConfigError(code, file, [{ line: error.line, key: undefined, message }])
  }
  const parsed = schema.safeParse(table)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.flatMap((issue) => problemsOf(issue, text, keys))
  throw new ConfigError(
    code,
    file,
    problems.sort((a, b) => a.line - b.line)
  )
}

function problemsOf(
  issue: z.core.$ZodIssue,
  text: string,
  keys: readonly string[]
): readonly ConfigProblem[] {
  // An item of a list is where its list is.
  const path = issue.path.filter((part): part is string => typeof part === 'string')
  if (issue.code !== 'unrecognized_keys') {
    const key = path.join('.')
    return [{ line: lineOfKey(text, path), key, message: `${key} must be ${issue.message}` }]
  }
  return issue.keys.map((name) => {
    const key = [...path, name].join('.')
    const meant = nearest(key, [...keys, ...keys.map((known) => known.split('.')[0] ?? known)])
    const hint = meant === undefined ? `Known: ${keys.join(', ')}` : `Did you mean ${meant}?`
    return { line: lineOfKey(text, [...path, name]), key, message: `${key} is not an option. ${hint}` }
  })
}
