/*
 * Two programs of which one is killed, again and again, while the other receives everything for the first time. Where
 * is drawn from a seed, in bytes that have passed between them, so that each stage is met however fast the machine is.
 * `CIS_SEED=… npx vitest run test/integration/crash-sync` kills at the same places again.
 */
import { randomInt } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Replica } from '@cis-memory/core'
import { type KeySource, keyFile, openLevelStore } from '@cis-memory/store/level'
import { homeAt, nodeRuntime } from 'cis-memory'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { decodeLiveRow } from '../../packages/core/src/replica/stored-entry.ts'
import { fsck } from '../../packages/core/test/support/fsck.ts'
import { Random } from '../simulator/src/random.ts'
import { App } from './support/app.ts'
import { atPort, portOf, RecordingProxy } from './support/proxy.ts'
import { Sandbox } from './support/sandbox.ts'

const SEED = Number(process.env.CIS_SEED ?? randomInt(2 ** 31))
const NEWCOMERS = ['b', 'c'] as const
const KILLS_EACH = 4
const ENTRIES = 2_000
const VALUE_BYTES = 1_000
/** Of about three million, so that four kills leave something to do. */
const MAX_BYTES_BEFORE_KILL = 700_000

interface Entry {
  readonly path: string
  readonly entryId: string
  readonly actor: string
  readonly isLocal: boolean
}

interface Round {
  readonly newcomer: string
  readonly killed: 'sender' | 'receiver'
  readonly afterBytes: number
  /** What the newcomer had of others before the round and after it. */
  readonly before: number
  readonly after: number
  /** Writes of the killed program that it had been told are durable, and that are gone. */
  readonly lost: readonly string[]
}

interface LastSync {
  readonly newcomer: string
  /** What others had written that the newcomer did not have. */
  readonly missing: number
  readonly received: number
  /** What a sync right after it received and sent. */
  readonly again: readonly [received: number, sent: number]
  readonly here: readonly Entry[]
  readonly there: readonly Entry[]
}

/** How many were written elsewhere. */
function countOfOthers(entries: readonly Entry[]): number {
  return entries.filter(({ isLocal }) => !isLocal).length
}

function pathsOf({ wrote }: App): string[] {
  return wrote.map(({ path }) => path)
}

describe(`a first sync whose ends are killed (CIS_SEED=${SEED})`, () => {
  const random = new Random(String(SEED))
  const rounds: Round[] = []
  const lastSyncs: LastSync[] = []
  /** Writes that each home has been told are durable. */
  const acknowledged = new Map<string, string[]>()
  let sandbox: Sandbox
  let wire: RecordingProxy
  let sender: App
  let wireAddress: string

  async function openSender(): Promise<void> {
    sender = App.start(sandbox, 'a')
    await sender.ask('open')
    const [address = ''] = await sender.ask<string[]>('listen')
    wire.targetPort = portOf(address)
    wireAddress = atPort(address, wire.port)
  }

  /** Opens a newcomer, with an invitation the first time. It knows its peer by the wire alone. */
  async function openReceiver(name: string, code?: string): Promise<App> {
    const app = App.start(sandbox, name)
    if (code !== undefined) await app.ask('join', { code, device: name })
    await rm(join(app.home, 'peers.json'), { force: true })
    await app.ask('open')
    await app.ask('listen', { dialOnly: true })
    return app
  }

  async function entriesOf(app: App): Promise<Entry[]> {
    return app.ask<Entry[]>('entries')
  }

  async function killOneDuringSync(receiver: App, newcomer: string): Promise<App> {
    const before = rounds.findLast((round) => round.newcomer === newcomer)?.after ?? 0
    const killed = random.chance(0.5) ? 'sender' : 'receiver'
    const afterBytes = random.below(MAX_BYTES_BEFORE_KILL)
    const [victim, survivor] = killed === 'sender' ? [sender, receiver] : [receiver, sender]
    const writes = [sender, receiver].map((app) => app.ask('write', { prefix: `written/${app.child.pid}` }))
    const passed = wire.after(afterBytes)
    const syncing = receiver.ask('sync', { peer: wireAddress })
    const over = Promise.allSettled([syncing, ...writes])
    await Promise.race([passed, syncing])
    await victim.crash()
    await survivor.ask('stop')
    await over
    const home = killed === 'sender' ? 'a' : newcomer
    acknowledged.set(home, [...(acknowledged.get(home) ?? []), ...pathsOf(victim)])
    let next = receiver
    if (killed === 'sender') await openSender()
    else next = await openReceiver(newcomer)
    const restarted = killed === 'sender' ? sender : next
    const lost = await restarted.ask<string[]>('missing', { paths: pathsOf(victim) })
    const after = countOfOthers(await entriesOf(next))
    rounds.push({ newcomer, killed, afterBytes, before, after, lost })
    return next
  }

  async function finish(receiver: App, newcomer: string): Promise<void> {
    const before = await entriesOf(receiver)
    const own = new Set(before.filter(({ isLocal }) => isLocal).map(({ entryId }) => entryId))
    const { received } = await receiver.ask<{ received: number }>('sync', { peer: wireAddress })
    const again = await receiver.ask<{ received: number; sent: number }>('sync', { peer: wireAddress })
    const [here, there] = [await entriesOf(receiver), await entriesOf(sender)]
    lastSyncs.push({
      newcomer,
      missing: there.filter(({ entryId }) => !own.has(entryId)).length - countOfOthers(before),
      received,
      again: [again.received, again.sent],
      here,
      there
    })
    acknowledged.set(newcomer, [...(acknowledged.get(newcomer) ?? []), ...pathsOf(receiver)])
    await receiver.close()
  }

  beforeAll(async () => {
    sandbox = await Sandbox.create()
    wire = await RecordingProxy.to(0)
    await openSender()
    await sender.ask('fill', { prefix: 'a', count: ENTRIES, valueBytes: VALUE_BYTES })
    for (const newcomer of NEWCOMERS) {
      let receiver = await openReceiver(newcomer, await sender.ask<string>('invite'))
      for (let count = 0; count < KILLS_EACH; count++) {
        receiver = await killOneDuringSync(receiver, newcomer)
      }
      await finish(receiver, newcomer)
    }
    acknowledged.set('a', [...(acknowledged.get('a') ?? []), ...pathsOf(sender)])
    await sender.close()
  }, 300_000)

  afterAll(async () => {
    await sandbox[Symbol.asyncDispose]()
    await wire[Symbol.asyncDispose]()
  })

  it('loses no write that was acknowledged by whoever was killed', () => {
    expect(rounds.length).toBeGreaterThanOrEqual(8)
    expect(rounds.flatMap(({ lost }) => lost)).toEqual([])
    const paths = lastSyncs.at(-1)?.there.map(({ path }) => path)
    const all = [...acknowledged.values()].flat()
    expect(all.length).toBeGreaterThan(rounds.length)
    expect(all.filter((path) => !paths?.includes(path))).toEqual([])
  })

  it('loses nothing that had been received', () => {
    for (const { before, after } of rounds) expect(after).toBeGreaterThanOrEqual(before)
    const midway = rounds.filter(({ after }) => after > 0 && after < ENTRIES)
    expect(midway.length).toBeGreaterThan(0)
  })

  it('goes on from its checkpoint: what is durable is not sent again', () => {
    for (const { missing, received, again } of lastSyncs) {
      expect(received).toBe(missing)
      expect(again).toEqual([0, 0])
    }
  })

  it('ends in the same state on both sides (P20)', () => {
    const live = (entries: readonly Entry[]): string[] =>
      entries.map(({ path, entryId }) => `${path} ${entryId}`).sort()
    for (const { here, there } of lastSyncs) {
      expect(here.length).toBeGreaterThanOrEqual(ENTRIES)
      expect(live(here)).toEqual(live(there))
    }
  })

  it('keeps every actor: a crash alone raises no doubt', () => {
    for (const { here, there } of lastSyncs) {
      for (const entries of [here, there]) {
        const actors = entries.filter(({ isLocal }) => isLocal).map(({ actor }) => actor)
        expect(new Set(actors).size).toBeLessThanOrEqual(1)
      }
    }
  })

  it('leaves stores whose rows agree, and no number used twice (P6, P14)', async () => {
    const byDot = new Map<string, string>()
    const complaints: string[] = []
    for (const name of ['a', ...NEWCOMERS]) {
      const { storeDirectory, keyFile: keyPath } = homeAt(join(sandbox.directory, name))
      const key: KeySource = keyFile(keyPath)
      const store = await openLevelStore({ directory: storeDirectory, key, createIfMissing: false })
      expect(store.continuity).toBe('kept')
      const replica = await Replica.open({ store, runtime: nodeRuntime() })
      complaints.push(...(await fsck(replica, store)).map((complaint) => `${name}: ${complaint}`))
      const live = { gte: Buffer.from('E'), lt: Buffer.from('F') }
      for await (const { value } of store.partition('public').range(live)) {
        for (const { dot, id } of decodeLiveRow(value)) {
          const name_ = `${dot.actor} ${dot.n}`
          const known = byDot.get(name_) ?? id
          if (known !== id) complaints.push(`${name_} names ${known} and ${id}`)
          byDot.set(name_, known)
        }
      }
      await replica.close()
      await store.close()
    }
    expect(complaints).toEqual([])
    expect(byDot.size).toBeGreaterThanOrEqual(ENTRIES)
  }, 60_000)
})
