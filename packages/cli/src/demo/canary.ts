import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Text that is nowhere unless it leaked: a name and a value of a private memory. */
export interface Canary {
  readonly path: string
  readonly value: string
}

export function makeCanary(): Canary {
  const digits = (): string => randomBytes(12).toString('hex')
  return { path: `canary-name-${digits()}`, value: `canary-value-${digits()}` }
}

/** Whether an answer contains it, at any depth. */
export function isInAnswer(canary: Canary, answer: unknown): boolean {
  const text = JSON.stringify(answer)
  return text.includes(canary.path) || text.includes(canary.value)
}

/** What a search of a folder's bytes found. */
export interface Search {
  readonly files: number
  /** Their bytes together. */
  readonly size: number
  /** Files that hold it. */
  readonly hits: readonly string[]
}

/**
 * Looks for texts in the bytes of every file of a folder, in UTF-8 and in UTF-16. A running device replaces files: when
 * one is gone before it was read, what it held stands elsewhere, and all are looked at anew.
 */
export async function searchFiles(folder: string, texts: readonly string[]): Promise<Search> {
  const needles = texts.flatMap((text) => [Buffer.from(text, 'utf8'), Buffer.from(text, 'utf16le')])
  for (let left = MAX_SEARCHES; ; left--) {
    try {
      return await searchOnce(folder, needles)
    } catch (error) {
      if (left === 1 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

const MAX_SEARCHES = 20

async function searchOnce(folder: string, needles: readonly Buffer[]): Promise<Search> {
  const hits: string[] = []
  let files = 0
  let size = 0
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const content = await readFile(file)
    files++
    size += content.length
    if (needles.some((needle) => content.includes(needle))) hits.push(file)
  }
  return { files, size, hits }
}
