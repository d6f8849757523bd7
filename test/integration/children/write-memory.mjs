/**
 * Writes memory for ever and says what it does, until it is killed:
 * write-memory.mjs <directory> <key file> <writers in flight>
 *
 * It prints a line of JSON before it starts (the actor) and after each acknowledged operation.
 */
import { randomBytes } from 'node:crypto'
import { writeSync } from 'node:fs'
import { createMemory, createSpace, Replica, spaceIdentity } from '@cis-memory/core'
import { keyFile, openLevelStore } from '@cis-memory/store/level'

const [directory, keyPath, inFlight] = process.argv.slice(2)
const runtime = {
  now: Date.now,
  random: (length) => new Uint8Array(randomBytes(length)),
  timer: (ms, callback) => {
    const timer = setTimeout(callback, ms).unref()
    return () => clearTimeout(timer)
  }
}
const say = (line) => writeSync(1, `${JSON.stringify(line)}\n`)

const store = await openLevelStore({ directory, key: keyFile(keyPath) })
if ((await spaceIdentity(store)) === undefined)
  await createSpace(store, runtime, { space: 'acme', device: 'writer' })
const replica = await Replica.open({ store, runtime })
const memory = createMemory(replica, '/acme/web')
say({ actor: replica.actor })

let count = 0
const run = randomBytes(4).toString('hex')

async function put(domain, path, value, options) {
  const { entryId } = await memory[domain].put(path, value, options)
  say({ domain, path, entryId, value })
}

/** Fresh paths, a path written over and over, private memory, a delete, an undo. */
async function writeOn(writer) {
  for (;;) {
    const n = ++count
    const value = `${run} ${n}`
    const path = `runs/${run}/${writer}/${n}`
    await put('public', path, value)
    if (n % 3 === 0) await put('public', `same/${writer}`, value, { overwrite: true })
    if (n % 4 === 0) await put('private', path, value)
    if (n % 5 === 0) {
      const written = await memory.public.delete(path)
      say({ domain: 'public', path, entryId: written.entryId })
      if (n % 2 === 0) {
        const undone = await memory.undo(path)
        say({ domain: 'public', path, entryId: undone.entryId, value })
      }
    }
  }
}

/** Conflicts that another device left here are settled one way and taken back again. */
async function settleOn() {
  for (;;) {
    let isIdle = true
    for await (const conflict of memory.getUnresolvedConflicts()) {
      isIdle = false
      const { entryId } = await memory.resolveConflict(conflict.id, { keep: 'both' })
      say({ domain: 'public', path: conflict.path, entryId })
      const undone = await memory.undo(conflict.path)
      say({ domain: 'public', path: conflict.path, entryId: undone.entryId })
    }
    if (isIdle) return
  }
}

await Promise.all([settleOn(), ...Array.from({ length: Number(inFlight) }, (_, writer) => writeOn(writer))])
