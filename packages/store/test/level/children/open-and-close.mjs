/** Opens and closes a store for ever, counting: open-and-close.mjs <directory> <key file> */
import { writeSync } from 'node:fs'
import { keyFile, openLevelStore } from '../../../dist/level/index.js'

const [directory, keyPath] = process.argv.slice(2)
for (let n = 1; ; n++) {
  writeSync(1, `${n}\n`)
  const store = await openLevelStore({ directory, key: keyFile(keyPath) })
  await store.close()
}
