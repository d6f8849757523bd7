import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))

/** A bug that somebody could write, as a change of one place in the sources, and the tests that are to notice it. */
export interface Mutation {
  /** What the command line calls it. */
  readonly name: string
  /** What is wrong with the code that comes out. */
  readonly bug: string
  /** The promises that it breaks, by number, or by a word where a promise has none. */
  readonly breaks: readonly string[]
  /** The source file, from the root of the repository. */
  readonly file: string
  /** What must be in that file, exactly once. */
  readonly text: string
  /** What stands there instead. */
  readonly becomes: string
  /** The test files that are run, the one that notices soonest first. */
  readonly tests: readonly string[]
}

/**
 * The source with the bug in it.
 *
 * @throws {Error} unless the text is there exactly once
 */
export function mutated({ name, file, text, becomes }: Mutation, source: string): string {
  const count = source.split(text).length - 1
  if (count !== 1) throw new Error(`${name} cannot be applied: its text is ${count} times in ${file}`)
  // A function, so that a $ in the text stands for itself.
  return source.replace(text, () => becomes)
}

/** The source file as it is. */
export function sourceOf({ file }: Mutation): string {
  return readFileSync(join(ROOT, file), 'utf8')
}
