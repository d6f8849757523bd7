/**
 * Writes until the disk refuses, has room made and writes once more, then stops without closing. Prints the code of the
 * error, the rows acknowledged before it, and the code of the last write or `acknowledged`:
 * fill-disk.mjs <directory> <key file>. Run it under a soft limit on the size of files.
 */
import { execFileSync } from 'node:child_process'
import { writeSync } from 'node:fs'
import { keyFile, openLevelStore } from '../../../dist/level/index.js'

const [directory, keyPath] = process.argv.slice(2)
const store = await openLevelStore({ directory, key: keyFile(keyPath) })

async function write(partition, key) {
  try {
    await store
      .partition(partition)
      .write([{ type: 'put', key: Buffer.from(key), value: Buffer.alloc(10_000, 1) }])
    return 'acknowledged'
  } catch (error) {
    return error.code
  }
}

let acknowledged = 0
let code
while (code === undefined) {
  const outcome = await write('public', `n${acknowledged}`)
  if (outcome === 'acknowledged') acknowledged += 1
  else code = outcome
}
writeSync(1, `${code} ${acknowledged} `)
execFileSync('prlimit', ['--pid', String(process.pid), '--fsize=unlimited'])
writeSync(1, await write('private', 'after'))
process.kill(process.pid, 'SIGKILL')
