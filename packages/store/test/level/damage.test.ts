import assert from 'node:assert/strict'
import {
  chmod,
  chown,
  cp,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  writeFile
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, onTestFinished } from 'vitest'
import { passphrase } from '../../src/level/index.ts'
import { filesOf, newPlace, openAt, type Place, put, storeWith, textAt, withRawRows } from './scenario.ts'

const onPosix = it.skipIf(process.platform === 'win32')

/** An account without rights, for tests that run as one that may do anything. */
const NOBODY = 65_534

describe('a directory without a store', () => {
  it('is left alone when none is to be made', async () => {
    const place = await newPlace()
    await assert.rejects(openAt(place, { createIfMissing: false }), { code: 'STORE_NOT_FOUND' })
    await assert.rejects(stat(place.directory), { code: 'ENOENT' })
    await assert.rejects(stat(place.keyPath), { code: 'ENOENT' })
  })

  onPosix('becomes readable by its owner alone when a store is made in it', async () => {
    const place = await newPlace()
    await mkdir(place.directory, { mode: 0o755 })
    await storeWith(place)
    assert.equal((await stat(place.directory)).mode & 0o777, 0o700)
    assert.equal((await stat(join(place.directory, 'rows'))).mode & 0o777, 0o700)
    assert.equal((await stat(join(place.directory, 'store.json'))).mode & 0o777, 0o600)
  })

  it('gets a store although a crash left a part of one', async () => {
    const place = await newPlace()
    await storeWith(place)
    await rm(join(place.directory, 'store.json'))
    const store = await openAt(place)
    assert.equal(store.continuity, 'first-open')
    await store.partition('public').write([put('a', '1')])
    assert.equal(await textAt(store, 'a'), '1')
  })

  it('is made by one of several openers at once; the others find it locked', async () => {
    const place = await newPlace()
    const openings = await Promise.allSettled([openAt(place), openAt(place), openAt(place)])
    const failures = openings.flatMap((opening) =>
      opening.status === 'rejected' ? [opening.reason.code] : []
    )
    assert.deepEqual(failures, ['STORE_LOCKED', 'STORE_LOCKED'])
  })

  it('is not one when it is a file', async () => {
    const place = await newPlace()
    await writeFile(place.directory, 'not a directory')
    await assert.rejects(openAt(place), { code: 'STORE_NOT_A_DIRECTORY' })
    await assert.rejects(openAt({ ...place, directory: join(place.directory, 'below') }), {
      code: 'STORE_NOT_A_DIRECTORY'
    })
    assert.equal(await readFile(place.directory, 'utf8'), 'not a directory')
  })
})

describe('a directory that cannot be written', () => {
  onPosix('is refused before a store is made in it', async () => {
    const place = await newPlace()
    await mkdir(place.directory)
    await asOrdinaryUser(place, async () => {
      await chmod(place.directory, 0o500)
      await assert.rejects(openAt(place), { code: 'STORE_NOT_WRITABLE' })
      assert.deepEqual(await readdir(place.directory), [])
    })
  })

  onPosix('is refused with the store in it unchanged', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    await asOrdinaryUser(place, async () => {
      const before = await filesOf(place.directory)
      await chmod(place.directory, 0o500)
      await assert.rejects(openAt(place), { code: 'STORE_NOT_WRITABLE' })
      await chmod(place.directory, 0o700)
      assert.deepEqual(await filesOf(place.directory), before)
      assert.equal(await textAt(await openAt(place), 'a'), '1')
    })
  })
})

describe('a store of a newer format', () => {
  it('is refused without asking for its key, and unchanged', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const header = JSON.parse(await readFile(join(place.directory, 'store.json'), 'utf8'))
    await writeFile(join(place.directory, 'store.json'), JSON.stringify({ ...header, format: 2, more: true }))
    const before = await filesOf(place.directory)
    const key = passphrase(() => assert.fail('asked'))
    await assert.rejects(openAt(place, { key }), { code: 'STORE_NEWER_FORMAT' })
    assert.deepEqual(await filesOf(place.directory), before)
  })
})

describe('a damaged store', () => {
  it.each([
    ['is empty', () => ''],
    ['is cut short', (text: string) => text.slice(0, -20)],
    ['is null', () => 'null'],
    ['is a list', () => '[]'],
    ['has a byte of the key changed', (text: string) => text.replace(/("wrapped": ")./, '$1*')],
    [
      'names another format without its checksum',
      (text: string) => text.replace('"format": 1', '"format": 0')
    ]
  ])('is reported when store.json %s', async (_, damage) => {
    const place = await newPlace()
    await storeWith(place)
    const path = join(place.directory, 'store.json')
    await writeFile(path, damage(await readFile(path, 'utf8')))
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' })
  })

  it('is not made new when store.json is missing and rows are there', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const header = await readFile(join(place.directory, 'store.json'))
    await rm(join(place.directory, 'store.json'))
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' })
    await writeFile(join(place.directory, 'store.json'), header)
    assert.equal(await textAt(await openAt(place), 'a'), '1')
  })

  it('is not made new when its rows are missing', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    await rm(join(place.directory, 'rows'), { recursive: true })
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' })
    await mkdir(join(place.directory, 'rows'))
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' })
    assert.ok(!(await readdir(join(place.directory, 'rows'))).includes('CURRENT'))
  })

  it('is reported when its rows are those of another store', async () => {
    const place = await newPlace()
    await storeWith(place)
    const other = { ...place, directory: join(place.root, 'other') }
    await storeWith(other, put('a', '1'))
    await rm(join(place.directory, 'rows'), { recursive: true })
    await cp(join(other.directory, 'rows'), join(place.directory, 'rows'), { recursive: true })
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' })
  })

  it('is reported when LevelDB cannot read its own files', async () => {
    const place = await newPlace()
    await storeWith(place)
    await writeFile(join(place.directory, 'rows', 'CURRENT'), 'nonsense')
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' })
    await assert.rejects(openAt(place), { code: 'STORE_DAMAGED' }, 'the lock was not given back')
  })
})

describe('a directory that vanishes while the store is open', () => {
  it('does not keep the store from closing', async () => {
    const place = await newPlace()
    const store = await openAt(place)
    await rm(place.directory, { recursive: true })
    await store.close()
  })

  onPosix('acknowledges nothing that nobody would find again', async () => {
    const place = await newPlace()
    const store = await openAt(place)
    await rm(place.directory, { recursive: true })
    await assert.rejects(store.partition('public').write([put('a', '1')]), { code: 'STORE_MOVED' })
  })

  onPosix('is where it went with what was acknowledged; what takes its place is left alone', async () => {
    const place = await newPlace()
    const other = { ...place, directory: join(place.root, 'other') }
    await storeWith(other, put('b', '2'))
    const store = await openAt(place)
    const rows = store.partition('public')
    await rows.write([put('a', '1')])
    const elsewhere = join(place.root, 'elsewhere')
    await rename(place.directory, elsewhere)
    await rename(other.directory, place.directory)
    const before = await filesOf(place.directory)
    await assert.rejects(rows.write([put('c', '3')]), { code: 'STORE_MOVED' })
    await store.close()
    assert.deepEqual(await filesOf(place.directory), before)
    assert.equal(await textAt(await openAt({ ...place, directory: elsewhere }), 'a'), '1')
  })
})

describe('a path to a store', () => {
  onPosix('may be a link', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const directory = join(place.root, 'link')
    await symlink(place.directory, directory)
    const store = await openAt({ ...place, directory })
    assert.equal(store.continuity, 'kept')
    assert.equal(await textAt(store, 'a'), '1')
    await assert.rejects(openAt(place), { code: 'STORE_LOCKED' })
  })
})

describe('opening', () => {
  it('does not read the rows', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'), put('b', '2'))
    await withRawRows(place, async (rows) => {
      for (const key of await rows.keys({ gte: Buffer.of(1) }).all())
        await rows.put(key, Buffer.from('nonsense'))
    })
    const store = await openAt(place)
    await assert.rejects(textAt(store, 'a'), { code: 'STORE_CORRUPT_ROW' })
  })
})

/** Runs without the rights of an administrator, for whom nothing is read-only. */
async function asOrdinaryUser(place: Place, run: () => Promise<void>): Promise<void> {
  if (process.geteuid?.() !== 0) return run()
  for (const path of [place.root, place.keyPath, ...(await allBelow(place.directory))]) {
    await chown(path, NOBODY, NOBODY).catch((error) => {
      if (error.code !== 'ENOENT') throw error
    })
  }
  const becomeRoot = (): void => process.seteuid?.(0)
  onTestFinished(becomeRoot)
  process.seteuid?.(NOBODY)
  try {
    await run()
  } finally {
    becomeRoot()
  }
}

async function allBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true })
  return [directory, ...entries.map((entry) => join(directory, entry))]
}
