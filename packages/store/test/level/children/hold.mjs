/** Opens a store, says so, and keeps it open: hold.mjs <directory> <key file> <durability> [socket path] */
import { writeSync } from 'node:fs'
import { keyFile, openLevelStore } from '../../../dist/level/index.js'

const [directory, keyPath, durability, socketPath] = process.argv.slice(2)
const store = await openLevelStore({
  directory,
  key: keyFile(keyPath),
  durability,
  ...(socketPath === undefined ? {} : { socketPath })
})
await store.partition('public').write([{ type: 'put', key: Buffer.from('held'), value: Buffer.from('yes') }])
writeSync(1, `${store.continuity}\n`)
setInterval(() => {}, 60_000)
