import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { chmod, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'vitest'
import { changeKey, keyFile, passphrase } from '../../src/level/index.ts'
import { filesOf, newPlace, openAt, type Place, put, storeWith, textAt } from './scenario.ts'

const onPosix = it.skipIf(process.platform === 'win32')

describe('a wrong key', () => {
  it('is told at once and touches no file', async () => {
    const place = await newPlace()
    const key = passphrase('right')
    await (await openAt(place, { key })).close()
    const before = await filesOf(place.directory)
    for (const wrong of ['wrong', 'Right', 'right ', '']) {
      await assert.rejects(openAt(place, { key: passphrase(wrong) }), { code: 'STORE_WRONG_KEY' })
    }
    assert.deepEqual(await filesOf(place.directory), before)
    await openAt(place, { key })
  })

  it('is a key file of another store', async () => {
    const place = await newPlace()
    await storeWith(place)
    const other = { ...(await newPlace()), keyPath: join(place.root, 'other') }
    await storeWith(other)
    await assert.rejects(openAt({ ...place, keyPath: other.keyPath }), { code: 'STORE_WRONG_KEY' })
  })

  it('is a key of another kind, and neither a passphrase is asked for nor a key file made', async () => {
    const place = await newPlace()
    await storeWith(place)
    const key = passphrase(() => assert.fail('asked'))
    await assert.rejects(openAt(place, { key }), { code: 'STORE_WRONG_KEY' })

    const locked = await newPlace()
    await (await openAt(locked, { key: passphrase('words') })).close()
    await assert.rejects(openAt(locked), { code: 'STORE_WRONG_KEY' })
    await assert.rejects(stat(locked.keyPath), { code: 'ENOENT' })
  })
})

describe('a key file', () => {
  onPosix('is made for its owner alone, with 32 bytes', async () => {
    const place = await newPlace()
    await storeWith(place)
    const { mode, size } = await stat(place.keyPath)
    assert.equal(mode & 0o777, 0o600)
    assert.equal(size, 32)
  })

  onPosix('is refused when others can read it', async () => {
    const place = await newPlace()
    await storeWith(place)
    for (const mode of [0o640, 0o604, 0o660]) {
      await chmod(place.keyPath, mode)
      await assert.rejects(openAt(place), { code: 'STORE_KEY_FILE_OPEN' })
    }
    await chmod(place.keyPath, 0o400)
    await openAt(place)
  })

  it('that is missing is never made again for a store that exists', async () => {
    const place = await newPlace()
    await storeWith(place)
    await rm(place.keyPath)
    await assert.rejects(openAt(place), { code: 'STORE_KEY_FILE_MISSING' })
    await assert.rejects(stat(place.keyPath), { code: 'ENOENT' })
  })

  it('that lost bytes is damaged, not wrong', async () => {
    const place = await newPlace()
    await storeWith(place)
    await writeFile(place.keyPath, (await readFile(place.keyPath)).subarray(1))
    await assert.rejects(openAt(place), { code: 'STORE_KEY_FILE_DAMAGED' })
  })

  it('that is there already serves a new store, and two stores share no key through it', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const bytes = await readFile(place.keyPath)
    const second = { ...place, directory: join(place.root, 'second') }
    await storeWith(second, put('a', '2'))
    assert.deepEqual(await readFile(place.keyPath), bytes)
    const [one, two] = await Promise.all([headerOf(place), headerOf(second)])
    assert.notEqual(one.key.parameters.salt, two.key.parameters.salt)
    assert.notEqual(one.id, two.id)
  })

  it('in a place that cannot be made leaves no store behind', async () => {
    const place = await newPlace()
    await writeFile(join(place.root, 'file'), '')
    const blocked = { ...place, keyPath: join(place.root, 'file', 'key') }
    await assert.rejects(openAt(blocked), { code: 'STORE_NOT_WRITABLE' })
    await assert.rejects(stat(join(place.directory, 'store.json')), { code: 'ENOENT' })
    await storeWith(place)
  })
})

describe('a passphrase', () => {
  it('opens the store however its letters are composed', async () => {
    const place = await newPlace()
    await (await openAt(place, { key: passphrase('caf\u00e9') })).close()
    await openAt(place, { key: passphrase('cafe\u0301') })
  })

  it('can come from a function, which is asked once per opening', async () => {
    const place = await newPlace()
    let asked = 0
    const key = passphrase(async () => {
      asked += 1
      return 'words'
    })
    await (await openAt(place, { key })).close()
    await (await openAt(place, { key })).close()
    assert.equal(asked, 2)
  })

  it('that is empty makes no store', async () => {
    const place = await newPlace()
    await assert.rejects(openAt(place, { key: passphrase('') }), RangeError)
    await assert.rejects(stat(join(place.directory, 'store.json')), { code: 'ENOENT' })
  })

  it('costs 64 MiB and three passes of argon2id, with a salt of its own', async () => {
    const place = await newPlace()
    await openAt(place, { key: passphrase('words') })
    const { kind, parameters } = (await headerOf(place)).key
    assert.equal(kind, 'passphrase')
    const { salt, ...costs } = parameters
    assert.deepEqual(costs, { memoryKib: 65_536, passes: 3, lanes: 1 })
    assert.equal(Buffer.from(salt, 'base64').length, 16)
  })

  it.each([
    ['memoryKib', 64 * 1024 * 1024],
    ['passes', 1e9],
    ['lanes', 0],
    ['passes', 'three']
  ])('is not stretched when the stored %s is %s', async (name, value) => {
    const place = await newPlace()
    await (await openAt(place, { key: passphrase('words') })).close()
    await editHeader(place, (header) => {
      header.key.parameters[name] = value
    })
    const key = passphrase(() => assert.fail('asked'))
    await assert.rejects(openAt(place, { key }), { code: 'STORE_DAMAGED' })
  })
})

describe('changing the key', () => {
  it('lets the new one in and the old one no longer, and keeps the rows', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const newKey = passphrase('words')
    await changeKey({ directory: place.directory, key: keyFile(place.keyPath), newKey })
    await assert.rejects(openAt(place), { code: 'STORE_WRONG_KEY' })
    const store = await openAt(place, { key: newKey })
    assert.equal(await textAt(store, 'a'), '1')
    assert.equal(store.continuity, 'kept')
  })

  it('rewrites store.json and nothing else', async () => {
    const place = await newPlace()
    await storeWith(place, put('a', '1'))
    const before = await filesOf(place.directory)
    const newKey = keyFile(join(place.root, 'new-key'))
    await changeKey({ directory: place.directory, key: keyFile(place.keyPath), newKey })
    const after = await filesOf(place.directory)
    const changed = [...after].filter(([path, { bytes }]) => !before.get(path)?.bytes.equals(bytes))
    assert.deepEqual(
      changed.map(([path]) => path),
      [join(place.directory, 'store.json')]
    )
    assert.equal(after.size, before.size)
  })

  it('works while the store is open', async () => {
    const place = await newPlace()
    const store = await openAt(place)
    const newKey = keyFile(join(place.root, 'new-key'))
    await changeKey({ directory: place.directory, key: keyFile(place.keyPath), newKey })
    await store.partition('public').write([put('a', '1')])
    await store.close()
    assert.equal(await textAt(await openAt(place, { key: newKey }), 'a'), '1')
  })

  it('needs the old one', async () => {
    const place = await newPlace()
    await (await openAt(place, { key: passphrase('words') })).close()
    const before = await filesOf(place.directory)
    const { directory } = place
    const change = changeKey({ directory, key: passphrase('word'), newKey: keyFile(place.keyPath) })
    await assert.rejects(change, { code: 'STORE_WRONG_KEY' })
    assert.deepEqual(await filesOf(place.directory), before)
    await assert.rejects(stat(place.keyPath), { code: 'ENOENT' })
  })

  it('needs a store', async () => {
    const place = await newPlace()
    const key = keyFile(place.keyPath)
    const change = changeKey({ directory: place.directory, key, newKey: key })
    await assert.rejects(change, { code: 'STORE_NOT_FOUND' })
  })
})

interface HeaderFile {
  id: string
  key: { kind: string; parameters: Record<string, string | number> & { salt: string } }
  checksum?: string
}

async function headerOf(place: Place): Promise<HeaderFile> {
  return JSON.parse(await readFile(join(place.directory, 'store.json'), 'utf8'))
}

/** Changes store.json so that its checksum is right. */
async function editHeader(place: Place, edit: (header: HeaderFile) => void): Promise<void> {
  const { checksum: _, ...header } = await headerOf(place)
  edit(header)
  const checksum = createHash('sha256').update(JSON.stringify(header)).digest('hex')
  await writeFile(join(place.directory, 'store.json'), JSON.stringify({ ...header, checksum }))
}
