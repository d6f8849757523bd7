import { readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Files of the repository as text, by path from its root with `/` between segments. Every check in this folder is
 * a function from files to complaints, so that each can be shown a planted fault as easily as the real tree.
 */
export type Files = ReadonlyMap<string, string>

/** Something a check found: where, and what to do about it. Empty when all is well. */
export type Complaint = string

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SKIPPED_FOLDERS = new Set(['.git', 'node_modules', 'dist', 'coverage', 'fixtures'])

/** The paths of all files that people wrote, sorted; nothing built, installed or recorded. */
export function listPaths(folder: string = ROOT): string[] {
  const found: string[] = []
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      if (!SKIPPED_FOLDERS.has(entry.name)) found.push(...listPaths(path))
    } else if (entry.isFile()) {
      found.push(relative(ROOT, path).split(sep).join('/'))
    }
  }
  return found.sort()
}

/** Reads the files whose paths match. */
export function readFiles(pattern: RegExp): Files {
  const matching = listPaths().filter((path) => pattern.test(path))
  return new Map(matching.map((path) => [path, readFileSync(join(ROOT, path), 'utf8')]))
}

/** Files to show a check, written in place. */
export function planted(files: Readonly<Record<string, string>>): Files {
  return new Map(Object.entries(files))
}

/** What the checks read of a package.json. */
export interface Manifest {
  readonly name: string
  readonly version?: string
  readonly private?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** The parsed package.json of each published package, by the name of its folder. */
export function manifests(files: Files): Map<string, Manifest> {
  const found = new Map<string, Manifest>()
  for (const [path, text] of files) {
    const [, folder] = /^packages\/([^/]+)\/package\.json$/.exec(path) ?? []
    if (folder !== undefined) found.set(folder, JSON.parse(text) as Manifest)
  }
  return found
}

/** The line of an offset in a text, counted from 1. */
export function lineOf(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}
