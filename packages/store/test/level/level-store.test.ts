import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { storeSuite } from '@cis-memory/store/compliance'
import { afterAll, beforeAll, describe, test } from 'vitest'
import type { Store } from '../../src/index.ts'
import { keyFile, openLevelStore } from '../../src/level/index.ts'

describe.each(['disk', 'os'] as const)('LevelStore with durability %s', (durability) => {
  let root = ''
  let count = 0
  const directories = new WeakMap<Store, string>()

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'cis-store-suite-'))
  })
  afterAll(() => rm(root, { recursive: true, force: true }))

  async function open(directory: string): Promise<Store> {
    const store = await openLevelStore({ directory, key: keyFile(join(root, 'key')), durability })
    directories.set(store, directory)
    return store
  }

  storeSuite({
    test,
    create: () => open(join(root, String(count++))),
    reopen: (closed) => open(directories.get(closed) as string)
  })
})
