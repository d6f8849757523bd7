import { readFile, stat } from 'node:fs/promises'
import { extname, resolve } from 'node:path'
import { TextDecoder } from 'node:util'
import type { MemoryValue } from 'cis-memory/session'
import { CliError, usageError } from './errors.ts'
import type { Invocation } from './invocation.ts'
import { bytes } from './render/time.ts'

export const VALUE_TYPES = ['text', 'json', 'file'] as const
export type ValueType = (typeof VALUE_TYPES)[number]

export interface GivenValue {
  readonly value: MemoryValue
  readonly contentType: string | undefined
}

/** More than any value may have; whoever stores it knows the exact limit. It keeps a wrong pipe from filling memory. */
const MAX_INPUT_BYTES = 16 * 1024 * 1024

/** Files that are text, by their ending. Everything else is bytes. */
const TEXT_TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.csv': 'text/csv',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.md': 'text/markdown',
  '.markdown': 'text/markdown',
  '.toml': 'application/toml',
  '.txt': 'text/plain',
  '.xml': 'application/xml',
  '.yaml': 'application/yaml',
  '.yml': 'application/yaml'
}

const BINARY_TYPES: Readonly<Record<string, string>> = {
  '.gif': 'image/gif',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.webp': 'image/webp'
}

/**
 * The value a command was given: as an argument, as `-` or nothing with a pipe on standard input, or as a file.
 */
export async function readValue(
  cli: Invocation,
  given: string | undefined,
  type: ValueType
): Promise<GivenValue> {
  if (type === 'file') return readFileValue(cli, given)
  const text = given === undefined || given === '-' ? decodeText(await readInput(cli)) : given
  // A script whose standard input is closed looks the same as one that pipes nothing.
  if (given === undefined && text === '') {
    throw usageError(
      "no value was given, and nothing came through a pipe; '' as the value stores an empty text"
    )
  }
  return type === 'json' ? { value: parseJson(text), contentType: undefined } : textValue(text)
}

export function textValue(text: string): GivenValue {
  return { value: text, contentType: 'text/plain' }
}

/** All of standard input. */
export async function readInput(cli: Invocation): Promise<Uint8Array> {
  const { stdin } = cli.host
  if (stdin.isTTY === true) {
    throw usageError('nothing was given: name it as an argument, or send it through a pipe')
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of stdin) {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk) : chunk
    size += piece.length
    if (size > MAX_INPUT_BYTES) throw tooLarge('standard input')
    chunks.push(piece)
  }
  return Buffer.concat(chunks)
}

async function readFileValue(cli: Invocation, given: string | undefined): Promise<GivenValue> {
  if (given === undefined) throw usageError('--type file needs the name of a file, or - for standard input')
  if (given === '-') return { value: await readInput(cli), contentType: undefined }
  const file = resolve(cli.host.workingDirectory, given)
  const content = await readSmall(file, given)
  const ending = extname(file).toLowerCase()
  if (ending === '.json') return { value: parseJson(decodeText(content)), contentType: undefined }
  const textType = TEXT_TYPES[ending]
  if (textType !== undefined) return { value: decodeText(content), contentType: textType }
  return { value: content, contentType: BINARY_TYPES[ending] }
}

async function readSmall(file: string, named: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file)
    if (size > MAX_INPUT_BYTES) throw tooLarge(named)
    return await readFile(file)
  } catch (error) {
    if (error instanceof CliError) throw error
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not there' : 'cannot be read'
    throw new CliError('CLI_UNREADABLE_FILE', `${named} ${reason}; nothing was written`, { cause: error })
  }
}

function tooLarge(what: string): CliError {
  return usageError(
    `${what} has more than ${bytes(MAX_INPUT_BYTES)}; nothing was written. ` +
      'Keep large things in a file and a reference in memory'
  )
}

/** @throws {CliError} `CLI_USAGE` for what is not UTF-8 */
export function decodeText(content: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(content)
  } catch {
    throw usageError('the input is not UTF-8 text; nothing was written. For data, use --type file')
  }
}

function parseJson(text: string): MemoryValue {
  try {
    return JSON.parse(text) as MemoryValue
  } catch (error) {
    throw usageError(
      `not JSON: ${error instanceof Error ? error.message : String(error)}. Nothing was written. ` +
        `Text needs quotes in JSON; without --type json it is taken as it is`
    )
  }
}
