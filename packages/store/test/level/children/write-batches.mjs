/**
 * Writes numbered batches for ever, several at a time, and prints each number once it is acknowledged:
 * write-batches.mjs <directory> <key file>
 *
 * Batch n puts ROWS_PER_BATCH rows named n.0, n.1 and so on, and the row `last`.
 */
import { writeSync } from 'node:fs'
import { keyFile, openLevelStore } from '../../../dist/level/index.js'

const ROWS_PER_BATCH = 8
const BATCHES_IN_FLIGHT = 5

const [directory, keyPath] = process.argv.slice(2)
const store = await openLevelStore({ directory, key: keyFile(keyPath) })
const rows = store.partition('public')
let n = Number(Buffer.from((await rows.get(Buffer.from('last'))) ?? '0').toString())

async function writeNext() {
  n += 1
  const number = n
  const value = Buffer.from(String(number))
  const changes = Array.from({ length: ROWS_PER_BATCH }, (_, i) => ({
    type: 'put',
    key: Buffer.from(`${number}.${i}`),
    value: Buffer.alloc(1000, value)
  }))
  await rows.write([...changes, { type: 'put', key: Buffer.from('last'), value }])
  writeSync(1, `${number}\n`)
}

await Promise.all(
  Array.from({ length: BATCHES_IN_FLIGHT }, async () => {
    while (true) await writeNext()
  })
)
