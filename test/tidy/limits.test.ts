import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import * as cisMemory from '../../packages/cis-memory/src/limits.ts'
import * as core from '../../packages/core/src/limits.ts'
import * as guard from '../../packages/guard/src/limits.ts'
import * as transport from '../../packages/transport/src/limits.ts'

const PAGE = new URL('../../docs/reference/limits.md', import.meta.url)

const PACKAGES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  core,
  guard,
  transport,
  'cis-memory': cisMemory
}

const UNITS: Readonly<Record<string, number>> = {
  KiB: 1024,
  MiB: 1024 * 1024,
  seconds: 1_000,
  minutes: 60_000,
  days: 24 * 60 * 60_000
}

/** Rows such as `| a value, stored | 1 MiB | `core MAX_VALUE_BYTES` |`. */
const ROW = /^\|[^|]+\| (\d+)(?: (\w+))? +\| `(\S+) (\w+)` +\|$/gm

/** What is said of a constant, in its own unit: one that counts days says so in its name. */
function shown(count: string, unit: string | undefined, constant: string): number {
  const isInDays = constant.endsWith('_DAYS')
  return Number(count) * (unit === undefined || isInDays ? 1 : (UNITS[unit] ?? Number.NaN))
}

describe('the page of limits', () => {
  const page = readFileSync(PAGE, 'utf8')
  const rows = [...page.matchAll(ROW)]

  it('says of each constant what it is', () => {
    const said = rows.map(([, count, unit, where, constant]) => [
      where,
      constant,
      shown(count!, unit, constant!)
    ])
    const real = rows.map(([, , , where, constant]) => [where, constant, PACKAGES[where!]?.[constant!]])
    expect(said).toEqual(real)
  })

  it('has no row that this test cannot read', () => {
    expect(rows.length).toBe(page.split('\n').filter((line) => /^\|.*`/.test(line)).length)
  })
})
