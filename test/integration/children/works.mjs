/**
 * What a program does with its memory until it is told to stop, or is killed: one function a kind of work. Each says
 * what it was told is durable.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { AgentExecutor, ConflictGuard, exportMemories, importMemories, openSession } from 'cis-memory'

const WRITERS = 4
const SHARED_PATHS = 8
const CLEANINGS = 3

/** What somebody may be told who works beside others, one of whom is about to be killed. */
const EXPECTED =
  /^(?:CORE_(?:STALE_BASE|CONTESTED|STALE_CONFLICT|CONFLICT_NOT_FOUND|AMBIGUOUS_CHOICE|NOT_FOUND)|GUARD_CONFLICT_PENDING|SYNC_\w+|TRANSPORT_\w+)$/

/** Does one thing; answers nothing when it was refused as it may be. */
async function attempt(act) {
  try {
    return await act()
  } catch (error) {
    if (!EXPECTED.test(error.code)) throw error
    return undefined
  }
}

export const works = {
  /** Fresh paths, paths that others write too, private memory, deletions that are taken back. */
  async write({ memory, run, tell, isGoing }) {
    let count = 0
    const writer = async () => {
      while (isGoing()) {
        const n = ++count
        const path = `runs/${run}/${n}`
        const put = (domain, where) =>
          attempt(async () => tell(domain, await memory[domain].put(where, path, { overwrite: true })))
        await put('public', path)
        if (n % 3 === 0) await put('public', `same/${n % SHARED_PATHS}`)
        if (n % 4 === 0) await put('private', path)
        if (n % 5 === 0) tell('public', await memory.public.delete(path))
        if (n % 10 === 0) tell('public', await memory.undo(path))
      }
    }
    await Promise.all(Array.from({ length: WRITERS }, writer))
  },

  /** Settles every conflict there is, in each way, and takes every other one back. */
  async settle({ memory, tell, isGoing }) {
    const choices = ['both', 'local', 'remote']
    let count = 0
    for (let isIdle = false; !isIdle && isGoing(); ) {
      isIdle = true
      for await (const { id, path, versions } of memory.getUnresolvedConflicts()) {
        const resolution = await attempt(() =>
          memory.resolveConflict(id, { keep: choices[count++ % choices.length] })
        )
        if (resolution === undefined) continue
        isIdle = false
        tell('public', { ...resolution, replaced: versions.map(({ entryId }) => entryId) })
        if (count % 2 === 0) await attempt(async () => tell('public', await memory.undo(path)))
        if (!isGoing()) return
      }
    }
  },

  /** Private copies of public memories, which are then brought back to an earlier version. */
  async curate({ memory, run, tell, isGoing }) {
    for (let n = 0; isGoing(); n++) {
      const path = `curated/${run}/${n}`
      const first = await memory.public.put(path, `${path} first`)
      tell('public', first)
      tell('private', await memory.curateFromPublic(path, { mode: 'copy' }))
      tell('public', await memory.public.put(path, `${path} second`))
      await attempt(async () => tell('public', await memory.restore(path, { entryId: first.entryId })))
    }
  },

  /** Deletes what is past its time. */
  async clean({ memory, isGoing }) {
    for (let n = 0; n < CLEANINGS && isGoing(); n++) await memory.cleanHistory()
  },

  /** Everything out into a file and back in below another path, through the socket as the command does it. */
  async transfer({ home, run, tell, isGoing }) {
    const file = join(home, 'export.jsonl')
    for (let n = 0; isGoing(); n++) {
      const session = await openSession({ home })
      try {
        const lines = []
        for await (const memory of exportMemories(session, { prefix: 'same' }))
          lines.push(JSON.stringify(memory))
        await writeFile(file, `${lines.join('\n')}\n`)
        const source = [await readFile(file)]
        const prefix = `imported/${run}/${n}`
        for await (const { path, domain, outcome } of importMemories(session, { source, prefix }))
          if (outcome === 'created') tell(domain, { path: path.startsWith('/') ? path : `/${path}` })
      } finally {
        await session.close()
      }
    }
  },

  /** Types into a document in which others type too. */
  async type({ memory, run, tell, isGoing }) {
    const path = 'typed'
    const document = await memory.public.doc(path)
    for (let n = 0; isGoing(); n++) {
      const word = `<${run}.${n}>`
      document.doc.getText('text').insert(0, word)
      await document.flush()
      tell('document', { path, word })
    }
    await document.close()
  },

  /** An agent that reads everything and writes a memory, each of which is put on record. */
  async ask({ memory, run, tell, isGoing }) {
    const guard = new ConflictGuard(memory)
    try {
      for (let n = 0; isGoing(); n++) {
        await attempt(async () => {
          const scope = `/asked/${run}`
          const context = await guard.checkAndCreateContext({ agent: 'asked', scope })
          await new AgentExecutor(guard).execute(
            async (given) => tell('public', await given.put(`${scope}/${n}`, 'an answer')),
            context
          )
        })
        if (n % 16 === 0) tell('audit', { path: '/', head: (await memory.audit.verify()).head })
      }
    } finally {
      await guard.close()
    }
  },

  async sync({ node, peer, isGoing }) {
    while (isGoing()) await attempt(() => node.syncWithNode(peer))
  }
}
