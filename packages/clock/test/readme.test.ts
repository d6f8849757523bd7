import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8')
}

describe('README', () => {
  it('shows the example that this test runs', async () => {
    const [, shown] = /```ts\n([\s\S]*?)```/.exec(read('../README.md')) ?? []
    expect(shown).toBe(read('./example.ts'))
    // The example asserts what its comments say.
    await import('./example.ts')
  })
})
