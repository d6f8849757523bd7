import { randomBytes } from 'node:crypto'
import { timestampFromMs } from '@cis-memory/clock'
import { MemoryStore, type Store } from '@cis-memory/store'
import { createMember } from '../../src/entry/records.ts'
import {
  adoptSpace,
  type ConflictSettings,
  createMemory,
  createSpace,
  deviceIdentity,
  type Memory,
  Replica,
  type Runtime
} from '../../src/index.ts'
import type { FeedPage, FeedReading } from '../../src/sync/sync-replica.ts'

/** A clock that tests move, with real randomness and timers that never fire by themselves. */
export class TestRuntime implements Runtime {
  nowMs = Date.UTC(2026, 0, 1)
  readonly timers = new Set<() => void>()

  now(): number {
    return this.nowMs++
  }

  random(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }

  timer(_ms: number, callback: () => void): () => void {
    this.timers.add(callback)
    return () => this.timers.delete(callback)
  }

  /** Fires every pending timer once. */
  fireTimers(): void {
    const pending = [...this.timers]
    this.timers.clear()
    for (const callback of pending) callback()
  }
}

export interface Device {
  readonly store: Store
  readonly runtime: TestRuntime
  readonly replica: Replica
  readonly memory: Memory
}

/** As little as an owner can keep, so that a cleaning shows what it may never delete. */
const HISTORY = { keepDays: 30, keepVersions: 0 }

/** Opens what a store holds. */
export async function openDevice(
  store: Store,
  runtime: TestRuntime,
  scope = '/acme/web',
  conflict: ConflictSettings = {}
): Promise<Device> {
  const replica = await Replica.open({ store, runtime, conflict, history: HISTORY })
  return { store, runtime, replica, memory: createMemory(replica, scope) }
}

/**
 * Devices of one space, the first of which started it and let the others in. They have not synced since.
 *
 * @param settings what each of them makes of conflicts
 */
export async function devices(
  count: number,
  scope = '/acme/web',
  settings: readonly ConflictSettings[] = []
): Promise<Device[]> {
  const store = new MemoryStore({ continuity: 'kept' })
  const runtime = new TestRuntime()
  const identity = await createSpace(store, runtime, { space: 'acme', device: 'device-0' })
  const all = [await openDevice(store, runtime, scope, settings[0])]
  const [first] = all as [Device]
  for (let i = 1; i < count; i++) {
    const otherStore = new MemoryStore({ continuity: 'kept' })
    const otherRuntime = new TestRuntime()
    const key = await deviceIdentity(otherStore, otherRuntime)
    const member = { device: key.id, role: 'member', name: `device-${i}` } as const
    await first.replica.addRecord(
      createMember(first.replica.key, identity.genesis.space, member, timestampFromMs(runtime.now()))
    )
    await adoptSpace(otherStore, identity, first.replica.membership.records())
    all.push(await openDevice(otherStore, otherRuntime, scope, settings[i]))
  }
  return all
}

/** Moves everything `from` has to `to`, page by page, without a network. */
export async function pull(to: Device, from: Device): Promise<void> {
  for (;;) {
    const { page, reading } = await readPage(to, from)
    await to.replica.ingest(page.batch, reading)
    if (!page.hasMore) return
  }
}

/** The next page of the feed of `from` as a session would have it sent to `to`. */
export async function readPage(
  { replica: to }: Device,
  { replica: from }: Device
): Promise<{ readonly page: FeedPage; readonly reading: FeedReading }> {
  const scope = new Uint8Array(0)
  const feed = from.instance
  const { place: known, lsn } = await to.progressOf(feed, feed, scope)
  const isContinued = known !== undefined && (await from.hasPlace(known))
  const after = isContinued ? lsn : 0n
  const place = await from.placeOf(to.instance)
  const places = place !== undefined && (await to.hasPlace(place)) ? [place] : []
  const page = await from.readFeed({ after, scope, shared: [scope], reader: { store: to.instance, places } })
  const { end: told, next } = page
  return { page, reading: { store: feed, known, isContinued, told, feed, scope, after, next } }
}

/** Lets all devices exchange what they have until nobody learns anything new. */
export async function syncAll(all: readonly Device[]): Promise<void> {
  for (let round = 0; round < 2; round++) {
    for (const to of all) {
      for (const from of all) if (to !== from) await pull(to, from)
    }
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
