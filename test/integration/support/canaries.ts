import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'

/** Bytes that are nowhere unless they leaked. */
export interface Canary {
  readonly name: string
  readonly bytes: Buffer
}

/** Text that occurs nowhere else; fit for a segment of a path, a name or a value. */
export function canaryText(name: string): string {
  return `canary-${name}-${randomBytes(12).toString('hex')}`
}

interface Form {
  readonly name: string
  readonly bytes: Buffer
}

/** How the bytes of a canary look in the encodings that programs put bytes and text in. */
function formsOf({ bytes }: Canary): Form[] {
  const text = bytes.toString('latin1')
  const utf16 = Buffer.from(text, 'utf16le')
  const hex = bytes.toString('hex')
  return [
    { name: 'raw', bytes },
    { name: 'UTF-16LE', bytes: utf16 },
    { name: 'UTF-16BE', bytes: Buffer.from(utf16).swap16() },
    { name: 'hex', bytes: Buffer.from(hex) },
    { name: 'hex', bytes: Buffer.from(hex.toUpperCase()) },
    ...[0, 1, 2].flatMap((offset) => base64At(bytes, offset))
  ]
}

/** Base64 of the bytes when they stand `offset` bytes into a group of three, without what neighbours decide. */
function base64At(bytes: Buffer, offset: number): Form[] {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replaceAll('=', '')
  const start = Math.ceil((offset * 8) / 6)
  const end = Math.floor(((offset + bytes.length) * 8) / 6)
  const own = encoded.slice(start, end)
  return [
    { name: 'base64', bytes: Buffer.from(own) },
    { name: 'base64url', bytes: Buffer.from(own.replaceAll('+', '-').replaceAll('/', '_')) }
  ]
}

/** Which canaries are in there, and how. Empty when none is. */
export function findCanaries(haystack: Uint8Array, canaries: readonly Canary[]): string[] {
  const content = Buffer.from(haystack)
  const found = canaries.flatMap((canary) =>
    formsOf(canary)
      .filter((form) => content.includes(form.bytes))
      .map((form) => `${canary.name} as ${form.name}`)
  )
  return [...new Set(found)]
}

/**
 * The same for every file of a folder, and for the names of the files. A running device replaces files: when one is
 * gone before it was read, what it held stands elsewhere, and all are looked at anew.
 */
export async function findInFiles(folder: string, canaries: readonly Canary[]): Promise<string[]> {
  for (let left = MAX_SEARCHES; ; left--) {
    try {
      return await findInFilesOnce(folder, canaries)
    } catch (error) {
      if (left === 1 || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
}

const MAX_SEARCHES = 20

async function findInFilesOnce(folder: string, canaries: readonly Canary[]): Promise<string[]> {
  const found: string[] = []
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    const at = relative(folder, path)
    found.push(...findCanaries(Buffer.from(at), canaries).map((what) => `${what} in the name ${at}`))
    if (!entry.isFile()) continue
    found.push(...findCanaries(await readFile(path), canaries).map((what) => `${what} in ${at}`))
  }
  return found
}
