import assert from 'node:assert/strict'
import { cp, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import type { Continuity } from '../../src/index.ts'
import { newPlace, openAt, type Place, put, startChild, storeWith, textAt, withRawRows } from './scenario.ts'

describe('a store goes on where it stopped', () => {
  it('after every close, whatever the durability', async () => {
    const place = await newPlace()
    assert.equal(await continuityOf(place), 'first-open')
    assert.equal(await continuityOf(place), 'kept')
    assert.equal(await continuityOf(place, 'os'), 'kept')
    assert.equal(await continuityOf(place, 'disk'), 'kept')
  })

  it('after its process was killed, in durability disk', async () => {
    const place = await newPlace()
    await killWhileOpen(place, 'disk')
    assert.equal(await continuityOf(place), 'kept')
  })

  it('after its directory was renamed', async () => {
    const place = await newPlace()
    await storeWith(place)
    const directory = join(place.root, 'elsewhere')
    await rename(place.directory, directory)
    assert.equal(await continuityOf({ ...place, directory }), 'kept')
  })

  it('although a copy of it was opened elsewhere', async () => {
    const place = await newPlace()
    await storeWith(place)
    await copy(place.directory, join(place.root, 'copy'))
    await continuityOf({ ...place, directory: join(place.root, 'copy') })
    assert.equal(await continuityOf(place), 'kept')
  })
})

describe('P15: the lease of a store', () => {
  it('is another before anybody gets the store, so that rows from before that are known', async () => {
    const place = await newPlace()
    await storeWith(place)
    const lease = (): Promise<Buffer> => readFile(join(place.directory, 'lease'))
    const stopped = await lease()
    const store = await openAt(place)
    const open = await lease()
    assert.notDeepEqual(open, stopped)
    await store.close()
    assert.notDeepEqual(await lease(), open)
  })
})

describe('P15: a store doubts that it goes on where it stopped', () => {
  it('in a copy of its directory, until its writer has accepted that, however often it is opened', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const directory = join(place.root, 'copy')
    await copy(place.directory, directory)
    const store = await openAt({ ...place, directory })
    assert.equal(store.continuity, 'copied-or-restored')
    assert.equal(await textAt(store, 'a'), '1')
    await store.close()
    await killWhileOpen({ ...place, directory }, 'disk')
    const again = await openAt({ ...place, directory })
    assert.equal(again.continuity, 'copied-or-restored')
    await again.acceptContinuity()
    await again.close()
    assert.equal(await continuityOf({ ...place, directory }), 'kept')
  })

  it('after a backup was put in place of its directory', async () => {
    const place = await newPlace()
    const backup = await backUp(place)
    await storeWith(place, put('b', 'after the backup'))
    await rm(place.directory, { recursive: true })
    await copy(backup, place.directory)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after a backup was copied over its files', async () => {
    const place = await newPlace()
    const backup = await backUp(place)
    await storeWith(place, put('b', 'after the backup'))
    await copy(backup, place.directory)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after the very files it stopped with were copied over themselves', async () => {
    const place = await newPlace()
    const backup = await backUp(place)
    await copy(backup, place.directory)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after a crash and a restore of a backup that was made while it ran', async () => {
    const place = await newPlace()
    const child = startChild('hold.mjs', place.directory, place.keyPath, 'disk')
    await child.lines.next()
    const backup = join(place.root, 'backup')
    await copy(place.directory, backup)
    await child.kill()
    await copy(backup, place.directory)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after the rows alone were restored from a backup', async () => {
    const place = await newPlace()
    const backup = await backUp(place)
    await storeWith(place, put('b', 'after the backup'))
    const rows = join(place.directory, 'rows')
    for (const name of await readdir(rows)) await rm(join(rows, name))
    await copy(join(backup, 'rows'), rows)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after the lease alone was restored from a backup', async () => {
    const place = await newPlace()
    const backup = await backUp(place)
    await storeWith(place, put('b', 'after the backup'))
    await copy(join(backup, 'lease'), join(place.directory, 'lease'))
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after a backup made while it ran was put in place of its rows', async () => {
    const place = await newPlace()
    const store = await openAt(place)
    const rows = join(place.directory, 'rows')
    await copy(rows, join(place.root, 'backup'))
    await store.partition('public').write([put('b', 'after the backup')])
    await store.close()
    await rm(rows, { recursive: true })
    await copy(join(place.root, 'backup'), rows)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('after a crash and a backup of its rows, made while it ran, in their place', async () => {
    const place = await newPlace()
    const rows = join(place.directory, 'rows')
    const child = startChild('hold.mjs', place.directory, place.keyPath, 'disk')
    await child.lines.next()
    await copy(rows, join(place.root, 'backup'))
    await child.kill()
    // Moved and not removed: a file system may give the inode of a removed directory to the next one.
    await rename(rows, join(place.root, 'replaced'))
    await copy(join(place.root, 'backup'), rows)
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('when its lease is gone', async () => {
    const place = await newPlace()
    await storeWith(place)
    await rm(join(place.directory, 'lease'))
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it('when the row of its lease is damaged', async () => {
    const place = await newPlace()
    await storeWith(place)
    await withRawRows(place, async (rows) => {
      for (const [key, value] of await rows.iterator({ lt: Buffer.of(1) }).all()) {
        value[0]! ^= 1
        await rows.put(key, value)
      }
    })
    assert.equal(await continuityOf(place), 'copied-or-restored')
  })

  it.each(['os', 'disk'] as const)(
    'after its process was killed in durability os, opened in %s next',
    async (durability) => {
      const place = await newPlace()
      await killWhileOpen(place, 'os')
      assert.equal(await continuityOf(place, durability), 'unclean-stop')
      const store = await openAt(place, { durability })
      assert.equal(store.continuity, 'unclean-stop')
      await store.acceptContinuity()
      await store.close()
      assert.equal(await continuityOf(place, durability), 'kept')
    }
  )
})

async function continuityOf(place: Place, durability: 'disk' | 'os' = 'disk'): Promise<Continuity> {
  const store = await openAt(place, { durability })
  await store.close()
  return store.continuity
}

/** A store, stopped, and a backup of it. */
async function backUp(place: Place): Promise<string> {
  await storeWith(place, put('a', 'before the backup'))
  const backup = join(place.root, 'backup')
  await copy(place.directory, backup)
  return backup
}

/** What `cp -a` does: contents, names and the times that can be set. */
async function copy(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true, preserveTimestamps: true, force: true })
}

async function killWhileOpen(place: Place, durability: 'disk' | 'os'): Promise<void> {
  const child = startChild('hold.mjs', place.directory, place.keyPath, durability)
  await child.lines.next()
  await child.kill()
}
