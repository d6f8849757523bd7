import { createReadStream } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { CisError } from '../errors.ts'
import { planMarkdown } from './markdown.ts'
import { type ReadItem, readJsonLines } from './read-json-lines.ts'
import { readMarkdown } from './read-markdown.ts'

const JSON_LINES = /\.(?:json|jsonl|ndjson)$/iu

/** What is in a source of memories, by what it is called. A folder is searched for Markdown. */
export async function* readSource(
  source: string | AsyncIterable<Uint8Array | string>
): AsyncGenerator<ReadItem, void, undefined> {
  if (typeof source !== 'string') {
    yield* readJsonLines('standard input', source)
    return
  }
  const root = resolve(source)
  const status = await lstat(root).catch((cause) => {
    throw new CisError('CIS_IMPORT_NOT_FOUND', `there is no file or folder ${root}`, { cause })
  })
  if (status.isDirectory() || !JSON_LINES.test(root)) yield* planMarkdown(await readMarkdown(root, status))
  else yield* readJsonLines(basename(root), createReadStream(root))
}
