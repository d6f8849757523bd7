/**
 * A program that keeps its memory with cis, on the built package: app.mjs <home> [<options as JSON>]
 *
 * It does what the lines of its standard input say, without waiting for one before it begins the next, and answers:
 *
 *   [id, name, argument]  ->  [id, "ok", result]  or  [id, "error", { name, code, message, stack }]
 *
 * Values of memory are compared here and never printed.
 */
import { randomBytes } from 'node:crypto'
import { subscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { isDeepStrictEqual } from 'node:util'
import {
  AgentExecutor,
  ConflictGuard,
  createNode,
  homeAt,
  initHome,
  joinHome,
  keyFile,
  openMemory,
  passphrase
} from 'cis-memory'
import { doom } from './doom.mjs'
import { works } from './works.mjs'

const [directory, options = '{}'] = process.argv.slice(2)
const LOOPBACK = '/ip4/127.0.0.1/tcp/0'
const WRITES_IN_FLIGHT = 64

let memory
let node
let isGoing = false

const { clockOffsetMs = 0, doomed } = JSON.parse(options)
const { now } = Date
const setClock = (offsetMs) => {
  Date.now = () => now() + offsetMs
}
setClock(clockOffsetMs)
if (doomed !== undefined) doom(doomed)
const dialled = new Set()
subscribe('net.client.socket', ({ socket }) => {
  socket.once('connect', () => dialled.add(socket.remotePort ?? 'local socket'))
})

const say = (...line) => process.stdout.write(`${JSON.stringify(line)}\n`)
const tell = (domain, done) => say(0, 'wrote', { domain, ...done })

const actions = {
  open: async ({ scope = '/', secret, ...names }) => {
    const history = { keepDays: 30, keepVersions: 0 }
    const key = secret === undefined ? keyFile(homeAt(directory).keyFile) : passphrase(secret)
    memory = await openMemory({ directory, key, scope, history, ...names })
  },

  init: ({ device }) => initHome({ home: directory, space: 'team', device, listen: [] }),

  join: ({ code, device }) => joinHome({ home: directory, code, device, listen: [] }),

  listen: async ({ dialOnly = false, peers = [] }) => {
    node = await createNode({ memory, listen: dialOnly ? [] : [LOOPBACK], peers })
    return node.addresses()
  },

  /** The ports it has connected to. */
  dialled: () => [...dialled],

  invite: async () => (await node.invite()).code,

  put: async ({ domain = 'public', path, value, ...options }) =>
    (await memory[domain].put(path, value, options)).entryId,

  /** Writes `count` memories of `valueBytes` random bytes each, and says what is acknowledged. */
  fill: async ({ prefix, count, valueBytes }) => {
    let next = 0
    const work = async () => {
      for (let i = next++; i < count; i = next++) {
        const value = new Uint8Array(randomBytes(valueBytes))
        tell('public', await memory.public.put(`${prefix}/${i}`, value))
      }
    }
    await Promise.all(Array.from({ length: WRITES_IN_FLIGHT }, work))
  },

  /** Writes until told to stop, and says each path once its write is acknowledged. */
  write: async ({ prefix }) => {
    isGoing = true
    for (let i = 0; isGoing; i++) tell('public', await memory.public.put(`${prefix}/${i}`, i))
  },

  /** Does several kinds of work at once until told to stop, and says what is acknowledged. */
  work: async ({ kinds, run, peer }) => {
    isGoing = true
    const place = { memory, node, home: directory, run, peer, tell, isGoing: () => isGoing }
    await Promise.all(kinds.map((kind) => works[kind](place)))
  },

  stop: () => {
    isGoing = false
  },

  /** Has it die at a later step: see doom.mjs. */
  doom,

  /** What Node writes down about a process that crashes. */
  report: () => JSON.stringify(process.report.getReport()),

  /** Gives its rights up for those of another account. */
  demote: ({ id }) => {
    process.setgid(id)
    process.setuid(id)
  },

  clock: ({ offsetMs }) => setClock(offsetMs),

  /** Whether a path holds this, which is read as the base of the next write. */
  holds: async ({ domain = 'public', path, value }) => {
    const read = await memory[domain].get(path)
    return read.state === 'value' && isDeepStrictEqual(read.value, value)
  },

  /** The state of a path, which is read as the base of the next write. */
  state: async ({ domain = 'public', path }) => (await memory[domain].get(path)).state,

  /** Resolves once something from a peer is on disk under this path. */
  received: async ({ path }) => {
    const heard = new AbortController()
    const arrived = once(heard.signal, 'abort')
    memory.addEventListener('entry:received', ({ detail }) => {
      if (detail.path === path) heard.abort()
    })
    if ((await memory.public.get(path)).state === 'absent') await arrived
  },

  /** Which of these paths hold nothing. */
  missing: async ({ paths }) => {
    const reads = await Promise.all(paths.map((path) => memory.public.get(path)))
    return paths.filter((_, i) => reads[i].state === 'absent')
  },

  /** Which of these words are not in a document. */
  untyped: async ({ path, words }) => {
    const document = await memory.public.doc(path)
    const text = document.doc.getText('text').toString()
    await document.close()
    return words.filter((word) => !text.includes(word))
  },

  notices: () => memory.getNotices(),

  /** Whether the audit log is whole, and has what was noted. */
  verify: ({ noted }) => memory.audit.verify(noted === undefined ? {} : { noted }),

  /** Every public memory: where it is, the entry that is live there, and whether it was written here. */
  entries: async () => {
    const entries = []
    for await (const { read } of memory.public.list()) {
      const versions = read.state === 'conflict' ? read.conflict.versions : [read.version]
      for (const { entryId, actor, isLocal } of versions)
        entries.push({ path: read.path, entryId, actor, isLocal })
    }
    return entries
  },

  sync: ({ peer, ...options }) => node.syncWithNode(peer, options),

  broadcast: ({ path }) => node.broadcastUpdate(path),

  conflicts: async () => {
    const found = []
    for await (const { id } of memory.getUnresolvedConflicts()) found.push(id)
    return found
  },

  resolve: ({ id, keep }) => memory.resolveConflict(id, { keep }),

  curate: ({ path }) => memory.curateFromPublic(path, { mode: 'copy' }),

  /** Runs an agent on the whole scope; resolves to how much it was given. */
  agent: async () => {
    const guard = new ConflictGuard(memory)
    try {
      const context = await guard.checkAndCreateContext({ agent: 'reviewer' })
      return await new AgentExecutor(guard).execute(async (given) => given.render().length, context)
    } finally {
      await guard.close()
    }
  },

  close: async () => {
    await memory?.close()
  }
}

async function act(id, name, argument) {
  try {
    say(id, 'ok', (await actions[name](argument)) ?? null)
  } catch (error) {
    const { name: kind, code, message, stack } = error
    say(id, 'error', { name: kind, code, message, stack })
  }
}

for await (const line of createInterface({ input: process.stdin })) void act(...JSON.parse(line))
