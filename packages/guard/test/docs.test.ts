import { readdir, readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

const PAGE = new URL('../../../docs/guard.md', import.meta.url)
const TESTS = [new URL('./', import.meta.url), new URL('../../core/test/audit/', import.meta.url)]

describe('the list of ways around the guard', () => {
  it('names tests that exist', async () => {
    const rows = (await readFile(PAGE, 'utf8')).split('\n').filter((line) => line.startsWith('| '))
    const named = rows.flatMap((row) =>
      [...(row.split('|')[3] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name)
    )
    expect(named.length).toBeGreaterThan(20)
    const texts: string[] = []
    for (const folder of TESTS) {
      for (const file of await readdir(folder)) {
        if (file.endsWith('.test.ts')) texts.push(await readFile(new URL(file, folder), 'utf8'))
      }
    }
    for (const name of named)
      expect(
        texts.some((text) => text.includes(`'${name}`)),
        name
      ).toBe(true)
  })
})
