import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createMemory, type EntryId, Replica, spaceIdentity } from '@cis-memory/core'
import { keyFile, openLevelStore } from '@cis-memory/store/level'
import { expect, it, onTestFinished } from 'vitest'
import { Forger } from '../../packages/core/test/support/forge.ts'
import { fsck } from '../../packages/core/test/support/fsck.ts'
import { collect, TestRuntime } from '../../packages/core/test/support/world.ts'

const ROUNDS = 10
const SCOPE = '/acme/web'

/** What a child says it was told: an operation that was acknowledged. */
interface Acknowledged {
  readonly domain: 'public' | 'private'
  readonly path: string
  readonly entryId: EntryId
  readonly value?: string
}

/** Runs writers until some operations are acknowledged, and kills them there. */
async function writeUntilKilled(
  place: { directory: string; keyPath: string },
  inFlight: number,
  killAfter: number
): Promise<{ actor: string; acknowledged: Acknowledged[] }> {
  const script = fileURLToPath(new URL('children/write-memory.mjs', import.meta.url))
  const args = [script, place.directory, place.keyPath, String(inFlight)]
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  onTestFinished(() => void child.kill('SIGKILL'))
  const acknowledged: Acknowledged[] = []
  let actor = ''
  for await (const line of createInterface(child.stdout as NodeJS.ReadableStream)) {
    const said = JSON.parse(line) as Acknowledged & { actor?: string }
    if (said.actor === undefined) acknowledged.push(said)
    else actor = said.actor
    // What the pipe still holds was acknowledged too, so reading goes on to its end.
    if (acknowledged.length === killAfter) child.kill('SIGKILL')
  }
  await exit
  return { actor, acknowledged }
}

/** Every dot in the store with the entry that has it. */
async function dotsOf(replica: Replica, paths: Iterable<string>): Promise<Map<string, string>> {
  const dots = new Map<string, string>()
  for (const domain of ['public', 'private'] as const) {
    const view = replica.view(domain)
    for (const path of paths) {
      const all = [...(await view.live(path as never)), ...(await collect(view.replaced(path as never)))]
      for (const { dot, entryId } of all) dots.set(`${domain} ${dot}`, entryId)
    }
  }
  return dots
}

it('P6 P11 P14: a replica killed while it writes, settles and undoes goes on as itself, with all it has acknowledged', async () => {
  const root = await mkdtemp(join(tmpdir(), 'cis-crash-'))
  onTestFinished(() => rm(root, { recursive: true }))
  const place = { directory: join(root, 'store'), keyPath: join(root, 'key') }
  const everything: Acknowledged[] = []
  const dots = new Map<string, string>()
  const paths = new Set<string>()
  let actor: string | undefined
  for (let round = 0; round < ROUNDS; round++) {
    const run = await writeUntilKilled(place, round % 2 === 0 ? 64 : 1, 1 + ((round * 53) % 170))
    everything.push(...run.acknowledged)
    for (const { path } of run.acknowledged) paths.add(path.startsWith('/') ? path : `${SCOPE}/${path}`)

    const store = await openLevelStore({ directory: place.directory, key: keyFile(place.keyPath) })
    onTestFinished(() => store.close())
    expect(store.continuity).toBe('kept')
    expect(await spaceIdentity(store)).toBeDefined()
    const runtime = new TestRuntime()
    runtime.nowMs = Date.now()
    const replica = await Replica.open({ store, runtime })
    actor ??= run.actor
    expect([run.actor, replica.actor]).toEqual([actor, actor])
    expect(await fsck(replica, store)).toEqual([])

    const memory = createMemory(replica, SCOPE)
    for (const { domain, path, entryId, value } of run.acknowledged) {
      const versions = (await collect(memory[domain].history(path))).filter(
        ({ version }) => version.entryId === entryId
      )
      expect(versions.length, `${domain} ${path} ${entryId}`).toBeGreaterThan(0)
      if (value !== undefined) expect(versions[0]?.version.value).toBe(value)
    }
    const now = await dotsOf(replica, paths)
    for (const [dot, entryId] of now) expect(dots.get(dot) ?? entryId).toBe(entryId)
    for (const [dot, entryId] of dots) expect(now.get(dot)).toBe(entryId)
    for (const [dot, entryId] of now) dots.set(dot, entryId)
    await leaveConflicts(replica, round)
    await replica.close()
    await store.close()
  }
  expect(everything.some(({ path }) => path.includes('contested'))).toBe(true)
  expect(new Set(everything.map(({ entryId }) => entryId)).size).toBe(everything.length)
}, 120_000)

/** Versions of another member, so that the next child has something to settle. */
async function leaveConflicts(replica: Replica, round: number): Promise<void> {
  for (const side of [1, 2]) {
    const forger = new Forger(replica, replica.key, 2 * round + side)
    const entries = Array.from({ length: 8 }, (_, i) =>
      forger.entry(`${SCOPE}/contested/${round}/${i}`, i + 1, { value: `side ${side}` })
    )
    await replica.ingest(forger.batch(entries), { instance: new Uint8Array(16).fill(9) })
  }
}
