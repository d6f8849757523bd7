import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { describe, it } from 'vitest'
import {
  MAX_GROUP_BATCHES,
  MAX_GROUP_BYTES,
  type Operation,
  WriteQueue
} from '../../src/level/write-queue.ts'
import { newPlace, openAt, type Place, textAt } from './scenario.ts'

describe('the write queue', () => {
  it('writes a batch at once when the disk is idle', () => {
    const disk = new Disk()
    void new WriteQueue(disk.apply).write([operation('a')], true)
    assert.deepEqual(disk.writes, [{ keys: ['a'], sync: true }])
  })

  it('writes what arrives while the disk is busy together, in the order of the calls', async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    const first = queue.write([operation('a')], true)
    const others = [queue.write([operation('b'), operation('c')], false), queue.write([operation('d')], true)]
    disk.finish()
    await first
    assert.deepEqual(disk.writes.slice(1), [{ keys: ['b', 'c', 'd'], sync: true }])
    disk.finish()
    await Promise.all(others)
  })

  it('waits for the disk only when a batch of the group asks for it', async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    const writes = [queue.write([operation('a')], true), queue.write([operation('b')], false)]
    disk.finish()
    await writes[0]
    assert.equal(disk.writes[1]?.sync, false)
    disk.finish()
    await Promise.all(writes)
  })

  it('acknowledges no batch before its write is done', async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    const acknowledged: string[] = []
    const writes = ['a', 'b'].map(async (key) => {
      await queue.write([operation(key)], true)
      acknowledged.push(key)
    })
    await settle()
    assert.deepEqual(acknowledged, [])
    disk.finish()
    await writes[0]
    await settle()
    assert.deepEqual(acknowledged, ['a'])
    disk.finish()
    await Promise.all(writes)
  })

  it(`puts at most ${MAX_GROUP_BATCHES} batches in one write`, async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    const first = queue.write([operation('first')], true)
    const writes = Array.from({ length: 100 }, (_, i) => queue.write([operation(String(i))], true))
    disk.finish()
    await first
    assert.equal(disk.writes[1]?.keys.length, MAX_GROUP_BATCHES)
    disk.finish()
    await writes[0]
    assert.equal(disk.writes[2]?.keys.length, 100 - MAX_GROUP_BATCHES)
    disk.finish()
    await Promise.all(writes)
  })

  it('ends a group once it is large, and lets a single larger batch through', async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    const writes = ['a', 'b', 'c'].map((key) => queue.write([operation(key, MAX_GROUP_BYTES + 1)], true))
    for (const write of writes) {
      disk.finish()
      await write
    }
    assert.deepEqual(
      disk.writes.map(({ keys }) => keys),
      [['a'], ['b'], ['c']]
    )
  })

  it('fails every batch of a failed write, and goes on with the next', async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    const first = queue.write([operation('a')], true)
    const group = [queue.write([operation('b')], true), queue.write([operation('c')], true)]
    disk.finish()
    await first
    disk.fail(new Error('no space'))
    for (const result of await Promise.allSettled(group)) assert.equal(result.status, 'rejected')
    const last = queue.write([operation('d')], true)
    disk.finish()
    await last
  })

  it('is drained once nothing waits', async () => {
    const disk = new Disk()
    const queue = new WriteQueue(disk.apply)
    await queue.drained()
    const writes = [queue.write([operation('a')], true), queue.write([operation('b')], true)]
    let isDrained = false
    const drained = queue.drained().then(() => {
      isDrained = true
    })
    disk.finish()
    await writes[0]
    await settle()
    assert.equal(isDrained, false)
    disk.finish()
    await drained
  })
})

describe('a store whose disk refuses a batch', () => {
  /** A limit on the size of files stands for a full disk; `prlimit` makes room again. */
  const fillDisk = async (place: Place): Promise<string[]> => {
    const script = fileURLToPath(new URL('children/fill-disk.mjs', import.meta.url))
    const limited = 'trap "" XFSZ; ulimit -S -f 400; exec "$0" "$@"'
    const child = spawn('sh', ['-c', limited, process.execPath, script, place.directory, place.keyPath])
    const [output] = await Promise.all([child.stdout.toArray(), once(child, 'close')])
    return Buffer.concat(output).toString().trim().split(' ')
  }

  it.skipIf(process.platform === 'win32')('says so, and keeps what it acknowledged', async () => {
    const place = await newPlace()
    const [code, acknowledged] = await fillDisk(place)
    assert.equal(code, 'STORE_WRITE_FAILED')
    assert.ok(Number(acknowledged) > 0)
    const rows = (await openAt(place)).partition('public')
    const keys = Array.from({ length: Number(acknowledged) }, (_, i) => Buffer.from(`n${i}`))
    for (const value of await rows.getMany(keys)) assert.equal(value?.length, 10_000)
  })

  it.runIf(process.platform === 'linux')('acknowledges nothing behind it, which would be lost', async () => {
    const place = await newPlace()
    const [, , after] = await fillDisk(place)
    assert.equal(after, 'STORE_WRITE_FAILED')
    assert.equal(await textAt(await openAt(place), 'after', 'private'), undefined)
  })
})

/** A disk that finishes a write when it is told to. */
class Disk {
  readonly writes: { keys: string[]; sync: boolean }[] = []
  finish: () => void = () => assert.fail('no write is under way')
  fail: (reason: Error) => void = () => assert.fail('no write is under way')

  apply = (operations: Operation[], sync: boolean): Promise<void> => {
    this.writes.push({ keys: operations.map(({ key }) => Buffer.from(key).toString()), sync })
    return new Promise((resolve, reject) => {
      this.finish = resolve
      this.fail = reject
    })
  }
}

function operation(key: string, valueBytes = 1): Operation {
  return { type: 'put', key: Buffer.from(key), value: new Uint8Array(valueBytes) }
}

/** Lets everything run that waits for nothing but its turn. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}
