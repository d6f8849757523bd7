import { writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { stringify } from 'smol-toml'
import * as v from 'valibot'
import { parseToml, readSmallFile } from './config/toml-file.ts'
import { CisError, ConfigError } from './errors.ts'

/** Which scope a directory belongs to, and the file that says so. */
export interface FoundScope {
  readonly scope: string
  readonly file: string
}

const SCOPE_FILE = '.cis.toml'
const MUST_BE = 'must be an absolute path such as "/acme/web"'
/** Segments without `.` and `..`; core, which knows all rules of a name, has the last word. */
const ABSOLUTE = /^\/(?:(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]+)*)?$/u

const scopeFile = v.strictObject({ scope: v.pipe(v.string(MUST_BE), v.regex(ABSOLUTE, MUST_BE)) })

/**
 * The scope of a directory: what the nearest `.cis.toml` says, from there upwards. Nothing is guessed from the names
 * of directories, so that checkouts on two machines share one scope.
 *
 * @throws {CisError} `CIS_NO_SCOPE` when no file says, `CIS_BAD_SCOPE_FILE` ({@link ConfigError})
 */
export async function findScope(directory: string): Promise<FoundScope> {
  const start = resolve(directory)
  for (let at = start; ; at = dirname(at)) {
    const file = join(at, SCOPE_FILE)
    const text = await readSmallFile(file, 'CIS_BAD_SCOPE_FILE')
    if (text !== undefined) return { scope: parseScopeFile(file, text), file }
    if (at === dirname(at)) break
  }
  throw new CisError(
    'CIS_NO_SCOPE',
    `no ${SCOPE_FILE} says which scope ${start} belongs to. Name one with --scope /team/project, or write the line  scope = "/team/project"  into ${join(start, SCOPE_FILE)}`
  )
}

/** Reads the text of a `.cis.toml`. @throws {ConfigError} `CIS_BAD_SCOPE_FILE` */
export function parseScopeFile(file: string, text: string): string {
  return parseToml('CIS_BAD_SCOPE_FILE', scopeFile, file, text).scope
}

/**
 * Writes the `.cis.toml` of a directory, to be committed with the project. One that is there stays as it is.
 *
 * @throws {ConfigError} `CIS_BAD_SCOPE_FILE` when the scope is not one, or another file is there
 * @throws {CisError} `CIS_BAD_SCOPE_FILE` when the file cannot be written
 */
export async function writeScopeFile(directory: string, scope: string): Promise<FoundScope> {
  const file = join(resolve(directory), SCOPE_FILE)
  const text = `# The scope of this project's memory. Commit it: checkouts on other machines share it.\n${stringify({ scope })}\n`
  parseScopeFile(file, text)
  const earlier = await readSmallFile(file, 'CIS_BAD_SCOPE_FILE')
  if (earlier === undefined) await writeNew(file, text)
  else if (parseScopeFile(file, earlier) !== scope) {
    const message = 'says another scope already; change it there if you mean to'
    throw new ConfigError('CIS_BAD_SCOPE_FILE', file, [{ line: 1, key: 'scope', message }])
  }
  return { scope, file }
}

async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CisError(
      'CIS_BAD_SCOPE_FILE',
      `${file} cannot be written (${code}), so this directory has no scope yet. Correct its permissions, or name a scope with --scope`,
      { cause: error }
    )
  }
}
