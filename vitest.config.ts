import { defineConfig } from 'vitest/config'

const conditions = ['@cis-memory/source', 'default']

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'examples/**/*.test.ts'],
    testTimeout: 30_000,
    // What is waited for comes, or never does: how soon is up to the machine.
    expect: { poll: { timeout: 20_000 } }
  }
})
