/**
 * Writes until the disk refuses and prints the code of the error, then the rows acknowledged before:
 * fill-disk.mjs <directory> <key file>. Run it under a limit on the size of files.
 */
import { writeSync } from 'node:fs'
import { keyFile, openLevelStore } from '../../../dist/level/index.js'

const [directory, keyPath] = process.argv.slice(2)
const store = await openLevelStore({ directory, key: keyFile(keyPath) })
const rows = store.partition('public')
let acknowledged = 0
let code
while (code === undefined) {
  try {
    await rows.write([{ type: 'put', key: Buffer.from(`n${acknowledged}`), value: Buffer.alloc(10_000, 1) }])
    acknowledged += 1
  } catch (error) {
    code = error.code
  }
}
writeSync(1, `${code} ${acknowledged}\n`)
await store.close()
