import fc from 'fast-check'
import { storedEntry } from '../../../packages/core/src/replica/stored-entry.ts'
import { anyHeader, anyText } from '../../../packages/core/test/entry/arbitraries.ts'
import type { Decoder } from '../fuzz.ts'

const SEEDS = 24
export const CORE = /^(?:CORE|CLOCK)_[A-Z_]+$/
export const NEVER = /^$/

/** Examples that are the same each time. */
export function some<T>(from: fc.Arbitrary<T>): T[] {
  return fc.sample(from, { numRuns: SEEDS, seed: 1 })
}

export const text = (input: Uint8Array): string => Buffer.from(input).toString()
export const texts = (...all: readonly string[]): Uint8Array[] => all.map((each) => Buffer.from(each))
export const id = (fill: number): string => fill.toString(16).padStart(2, '0').repeat(16)
export const ids = fc.integer({ min: 0, max: 255 }).map(id)
export const bytes16 = fc.uint8Array({ minLength: 16, maxLength: 16 })
export const when = fc.integer({ min: 0, max: 2 ** 45 })
export const label = fc.option(
  anyText.map((each) => each.slice(0, 20)),
  { nil: undefined }
)

/** A decoder of bytes that have one encoding: what `write` makes of what was read. */
export function canonical<T>(
  name: string,
  examples: () => readonly T[],
  write: (value: T) => Uint8Array,
  read: (bytes: Uint8Array) => T
): Decoder {
  return { name, seeds: () => examples().map(write), decode: (input) => write(read(input)), refuses: CORE }
}

export const anyStored = fc
  .tuple(anyHeader, fc.uint8Array({ minLength: 1, maxLength: 90 }), fc.option(bytes16, { nil: undefined }))
  .map(([header, cipher, path]) => storedEntry(header, cipher, path, 7n))
