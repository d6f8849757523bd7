import { defineConfig } from 'vitest/config'

const conditions = ['@cis-memory/source', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    // By default one processor is left to whoever watches, which is half of a small machine.
    maxWorkers: '100%',
    testTimeout: 30_000,
    // What is waited for comes, or never does: how soon is up to the machine.
    expect: { poll: { timeout: 20_000 } }
  }
})
