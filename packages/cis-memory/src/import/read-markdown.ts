import type { Stats } from 'node:fs'
import { lstat, opendir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { CisError } from '../errors.ts'
import { MAX_IMPORT_FILE_BYTES, MAX_IMPORT_FILES } from '../limits.ts'
import type { MarkdownFile } from './markdown.ts'

const MARKDOWN = /\.(?:md|mdx|markdown)$/iu

/**
 * A Markdown file, or all of them in a folder and below. Hidden folders, `node_modules` and links are left alone; a
 * file that is named itself is read whatever it is called.
 *
 * @param status of what is to be read
 * @throws {CisError} `CIS_IMPORT_TOO_LARGE`
 */
export async function readMarkdown(root: string, status: Stats): Promise<readonly MarkdownFile[]> {
  if (!status.isDirectory()) return [{ name: basename(root), text: await readText(root) }]
  const files: MarkdownFile[] = []
  for await (const name of markdownIn(root, '')) {
    if (files.length === MAX_IMPORT_FILES) {
      throw new CisError(
        'CIS_IMPORT_TOO_LARGE',
        `${root} has more than ${MAX_IMPORT_FILES} Markdown files; nothing was written. Import its folders one by one`
      )
    }
    files.push({ name, text: await readText(join(root, name)) })
  }
  return files
}

async function* markdownIn(root: string, folder: string): AsyncGenerator<string> {
  for await (const entry of await opendir(join(root, folder))) {
    const name = folder === '' ? entry.name : `${folder}/${entry.name}`
    if (entry.isFile() && MARKDOWN.test(entry.name)) yield name
    else if (entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules') {
      yield* markdownIn(root, name)
    }
  }
}

async function readText(file: string): Promise<string> {
  const { size } = await lstat(file)
  if (size > MAX_IMPORT_FILE_BYTES) {
    throw new CisError(
      'CIS_IMPORT_TOO_LARGE',
      `${file} has ${size} bytes; an import reads files of at most ${MAX_IMPORT_FILE_BYTES}. Nothing was written`
    )
  }
  return readFile(file, 'utf8')
}
