import type { ActorId } from '@cis-memory/clock'
import type { MemoryStore } from '@cis-memory/store'
import { expect } from 'vitest'
import { Oracle } from '../../../clock/test/oracle.ts'
import {
  type Choice,
  type Conflict,
  type CoreError,
  createMemory,
  type EntryId,
  type Read
} from '../../src/index.ts'
import type { Batch } from '../../src/sync/batch.ts'
import type { FeedReading } from '../../src/sync/sync-replica.ts'
import { fsck } from './fsck.ts'
import { collect, type Device, devices, openDevice, readPage } from './world.ts'

/*
 * What replicas promise, told with sets of names: every entry is a name with its values and what its writer had in
 * front of it; a replica is the set of entries it was given. It never looks at dots, contexts or clocks. Each step is
 * done by the real replicas and by this bookkeeping, and both must agree afterwards.
 */

export const SCOPE = '/acme/web'
const PATHS = ['a', 'b'] as const
const WHOLE = new Uint8Array(0)
/** What a deletion leaves. No value is this text. */
const DELETED = 'deleted'
type Value = string

/** One thing that happens. Indices wrap around, so every number is meaningful. */
export type Step =
  | {
      readonly type: 'put' | 'delete'
      readonly device: number
      readonly path: number
      readonly value: number
      /** What the writer says it has seen: nothing, what it last saw, what is there now, or it does not care. */
      readonly base: 'none' | 'remembered' | 'read' | 'overwrite'
    }
  | { readonly type: 'read' | 'undo' | 'private' | 'clean'; readonly device: number; readonly path: number }
  /** One of the versions that are here is written again. */
  | { readonly type: 'bring-back'; readonly device: number; readonly path: number; readonly pick: number }
  | {
      readonly type: 'resolve'
      readonly device: number
      readonly path: number
      readonly choice: 'local' | 'remote' | 'both' | 'one' | 'value' | 'delete' | 'stale'
      readonly pick: number
    }
  /** A page of a feed, as it should be. */
  | { readonly type: 'pull'; readonly device: number; readonly from: number }
  /** Some entries of another replica in some order, perhaps twice, perhaps without the proofs they need. */
  | {
      readonly type: 'gossip'
      readonly device: number
      readonly from: number
      readonly picks: readonly number[]
      readonly withHeads: boolean
    }
  | { readonly type: 'back-up' | 'restore'; readonly device: number }
  | { readonly type: 'set-clock'; readonly device: number; readonly offsetMs: number }

interface Known {
  readonly path: string
  readonly actor: ActorId
  readonly values: readonly Value[]
  /** The entries that were live for its writer. */
  readonly replaced: readonly string[]
}

interface Backup {
  readonly store: MemoryStore
  readonly offered: ReadonlySet<string>
  readonly privateValues: ReadonlyMap<string, string>
}

interface Side {
  device: Device
  /** Every entry this replica was ever given, held ones included. */
  offered: Set<string>
  /** Those of them that were applied, by path. */
  received: Map<string, Set<string>>
  /** What its handle last read or wrote of each path. */
  seen: Map<string, readonly string[]>
  privateValues: Map<string, string>
  backup: Backup
}

const START_MS = Date.UTC(2026, 0, 1)
/** Later than any clock in these stories. */
const FAR_MS = 90 * 86_400_000

export class World {
  readonly #sides: Side[]
  readonly #oracle = new Oracle()
  readonly #entries = new Map<string, Known>()
  readonly #dots = new Map<string, string>()
  readonly #actors = new Set<string>()
  readonly #staleIds: string[] = []
  /** Which versions each conflict id has stood for, and the other way round. */
  readonly #conflictIds = new Map<string, string>()
  readonly #paths = new Set<string>(PATHS.map((name) => `${SCOPE}/${name}`))
  #count = 0

  private constructor(all: readonly Device[]) {
    this.#sides = all.map((device) => ({
      device,
      offered: new Set(),
      received: new Map(),
      seen: new Map(),
      privateValues: new Map(),
      backup: backupOf(device, new Set(), new Map())
    }))
    for (const { replica } of all) this.#actors.add(replica.actor)
  }

  static async start(count: number): Promise<World> {
    return new World(await devices(count, SCOPE))
  }

  async run(steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      const side = this.#at(step.device)
      side.device.runtime.nowMs += 1000
      await this.#do(step, side)
      await this.#check(side)
    }
  }

  /**
   * Everybody hears everything. Then all are of one opinion, and nothing waits but what was written by an actor, or in
   * sight of an entry, that was lost with all that is known of it.
   */
  async settle(): Promise<void> {
    for (const { device } of this.#sides) device.runtime.nowMs = START_MS + FAR_MS
    for (let round = 0; round < 3; round++) {
      for (const to of this.#sides) {
        for (const from of this.#sides) if (to !== from) while (await this.#pull(to, from)) {}
      }
    }
    const opinions: unknown[] = []
    for (const side of this.#sides) await this.#check(side)
    for (const side of this.#sides) {
      const waiting = [...side.offered].filter((id) => !hasReceived(side, id))
      expect(
        waiting.filter((id) => !this.#isLost(id)),
        'everything was proven'
      ).toEqual([])
      const reads: unknown[] = []
      for (const path of this.#paths) reads.push(asSeen(await side.device.memory.public.get(path)))
      const conflicts = await collect(side.device.memory.getUnresolvedConflicts())
      opinions.push({ reads, conflicts: conflicts.map((conflict) => [conflict.path, conflict.id]).sort() })
    }
    for (const opinion of opinions) expect(opinion).toEqual(opinions[0])
  }

  /** Whether nobody knows its actor any more, or has what its writer had in front of it. */
  #isLost(id: string): boolean {
    const { actor, replaced } = this.#known(id)
    const isActorKnown = this.#sides.some(
      ({ device }) => device.replica.membership.deviceOf(actor) !== undefined
    )
    const isHere = (seen: string): boolean => this.#sides.some((side) => hasReceived(side, seen))
    return !isActorKnown || replaced.some((seen) => !isHere(seen) || this.#isLost(seen))
  }

  #at(index: number): Side {
    return this.#sides[index % this.#sides.length] as Side
  }

  async #do(step: Step, side: Side): Promise<void> {
    const { runtime } = side.device
    switch (step.type) {
      case 'put':
      case 'delete':
        return this.#write(step, side)
      case 'resolve':
        return this.#resolve(step, side)
      case 'undo':
        return this.#undo(pathAt(step.path), side)
      case 'bring-back':
        return this.#bringBack(pathAt(step.path), step.pick, side)
      case 'clean':
        return this.#clean(side)
      case 'read':
        side.seen.set(pathAt(step.path), (await side.device.memory.public.get(pathAt(step.path))).base)
        return
      case 'private': {
        const value = `private ${this.#count++}`
        const outcome = side.device.memory.private.put(pathAt(step.path), value)
        if ((await this.#expectWritten(outcome)) === undefined) return
        side.privateValues.set(pathAt(step.path), value)
        return
      }
      case 'pull':
        await this.#pull(side, this.#at(step.from))
        return
      case 'gossip':
        return this.#gossip(side, this.#at(step.from), step.picks, step.withHeads)
      case 'back-up':
        side.backup = backupOf(side.device, side.offered, side.privateValues)
        return
      case 'restore':
        return this.#restore(side)
      case 'set-clock':
        runtime.nowMs = START_MS + this.#count * 1000 + step.offsetMs
        return
    }
  }

  async #write(step: Extract<Step, { type: 'put' | 'delete' }>, side: Side): Promise<void> {
    const path = pathAt(step.path)
    const { memory } = side.device
    const live = this.#live(side, path)
    const values = live.flatMap((id) => this.#known(id).values)
    const isContested = new Set(values).size > 1
    const isAbsent = !isContested && (values.length === 0 || values[0] === DELETED)
    const read =
      step.base === 'read' ? await side.device.replica.view('public').read(path as never) : undefined
    const base = step.base === 'none' ? [] : read?.base
    const seen = base ?? side.seen.get(path) ?? []
    const options = { ...(base === undefined ? {} : { base }), overwrite: step.base === 'overwrite' }
    const hasSeen = seen.length === live.length && seen.every((id) => live.includes(id))
    const value = `value ${step.value}`
    const outcome =
      step.type === 'put' ? memory.public.put(path, value, options) : memory.public.delete(path, options)
    if (step.type === 'delete' && isAbsent) {
      expect(await outcome, 'nothing there, nothing deleted').toBeUndefined()
      return
    }
    const isBlind = !hasSeen && step.base !== 'overwrite' && !(isAbsent && seen.length === 0)
    if (isContested && !(hasSeen && base !== undefined)) return this.#expectRefused(outcome, 'CORE_CONTESTED')
    if (!isContested && isBlind) return this.#expectRefused(outcome, 'CORE_STALE_BASE')
    const written = await this.#expectWritten(outcome)
    if (written === undefined) return
    expect([...written.replaced].sort()).toEqual([...live].sort())
    this.#wrote(side, written.entryId, path, [step.type === 'put' ? value : DELETED], live)
    side.seen.set(path, [written.entryId])
  }

  /** A write that the rules allow. Only a clock that is far behind may stop it. */
  async #expectWritten<T>(outcome: Promise<T>): Promise<T | undefined> {
    try {
      return await outcome
    } catch (error) {
      expect((error as CoreError).code).toBe('CORE_CLOCK_AHEAD')
      return undefined
    }
  }

  async #expectRefused(outcome: Promise<unknown>, code: string): Promise<void> {
    await expect(outcome).rejects.toMatchObject({ code })
  }

  async #resolve(step: Extract<Step, { type: 'resolve' }>, side: Side): Promise<void> {
    const path = pathAt(step.path)
    const { memory } = side.device
    const live = this.#live(side, path)
    const values = live.flatMap((id) => this.#known(id).values)
    if (new Set(values).size < 2) {
      await this.#expectRefused(memory.getConflict(path), 'CORE_CONFLICT_NOT_FOUND')
      return
    }
    const conflict = await memory.getConflict(path)
    if (step.choice === 'stale') {
      const stale = this.#staleIds[step.pick % Math.max(this.#staleIds.length, 1)]
      const current = await collect(memory.getUnresolvedConflicts())
      if (stale === undefined || current.some(({ id }) => id === stale)) return
      const outcome = memory.resolveConflict(stale, { keep: 'both' })
      const error = (await outcome.catch((reason: unknown) => reason)) as CoreError
      expect(['CORE_STALE_CONFLICT', 'CORE_CONFLICT_NOT_FOUND']).toContain(error.code)
      return
    }
    this.#staleIds.push(conflict.id)
    const version = conflict.versions[step.pick % conflict.versions.length] as Conflict['versions'][number]
    const outcome = memory.resolveConflict(conflict.id, choiceOf(step, version))
    const refusal = await outcome.then(
      () => undefined,
      (reason: CoreError) => reason.code
    )
    if (refusal !== undefined) {
      const canFail = ['local', 'remote', 'both'].includes(step.choice)
      expect(['CORE_CLOCK_AHEAD', ...(canFail ? ['CORE_AMBIGUOUS_CHOICE'] : [])]).toContain(refusal)
      return
    }
    const { entryId, alsoWritten } = await outcome
    for (const beside of alsoWritten) {
      expect(this.#valuesAt(side, beside), 'never over something that is there').toEqual([])
      this.#paths.add(beside)
      const [written] = await side.device.replica.view('public').live(beside as never)
      const value = written?.alternatives[0]?.value as string
      this.#wrote(side, written?.entryId as string, beside, [value], this.#live(side, beside))
    }
    const [kept] = await side.device.replica.view('public').live(path as never)
    const keptValue = (kept?.alternatives[0]?.value as string | undefined) ?? DELETED
    if (step.choice === 'one') expect(keptValue).toBe(version.kind === 'deleted' ? DELETED : version.value)
    if (step.choice === 'delete') expect(keptValue).toBe(DELETED)
    if (step.choice !== 'value') expect([...values, DELETED]).toContain(keptValue)
    if (step.choice === 'both') {
      const written = alsoWritten.flatMap((beside) => this.#valuesAt(side, beside))
      expect(new Set([keptValue, ...written])).toEqual(new Set(values.filter((value) => value !== DELETED)))
    }
    this.#wrote(side, entryId, path, [keptValue], live)
  }

  async #undo(path: string, side: Side): Promise<void> {
    const live = this.#live(side, path)
    const outcome = side.device.memory.undo(path)
    const [only] = live
    const replaced = only === undefined ? [] : this.#known(only).replaced
    const known = await this.#received(side, path)
    if (live.length !== 1 || !replaced.every((id) => known.has(id)))
      return this.#expectRefused(outcome, 'CORE_NOT_FOUND')
    const written = await this.#expectWritten(outcome)
    if (written === undefined) return
    const values = replaced.length === 0 ? [DELETED] : replaced.flatMap((id) => this.#known(id).values)
    this.#wrote(side, written.entryId, path, values, live)
    const read = await side.device.replica.view('public').read(path as never)
    expect(valuesOf(read), 'P34: what was there is back').toEqual(shown(values))
  }

  async #bringBack(path: string, pick: number, side: Side): Promise<void> {
    const { memory, replica } = side.device
    const here = [...(await this.#received(side, path))].sort()
    const entryId = here[pick % here.length]
    if (entryId === undefined) return
    const { values } = this.#known(entryId)
    const index = pick % values.length
    const live = this.#live(side, path)
    const outcome = memory.restore(path, { entryId: entryId as EntryId, index })
    if (this.#valuesAt(side, path).length > 1) return this.#expectRefused(outcome, 'CORE_CONTESTED')
    const written = await this.#expectWritten(outcome)
    if (written === undefined) return
    const value = values[index] as Value
    this.#wrote(side, written.entryId, path, [value], live)
    const read = await replica.view('public').read(path as never)
    expect(valuesOf(read), 'what was chosen is back').toEqual(shown([value]))
  }

  /**
   * Long after everything that happened, all replaced versions are past their time. Those that stay are live, contested,
   * replaced by what is live, or not known by name to have been replaced; all others go.
   */
  async #clean(side: Side): Promise<void> {
    const { runtime, memory } = side.device
    const nowMs = runtime.nowMs
    const before = new Map<string, Set<string>>()
    for (const path of this.#paths) before.set(path, await this.#received(side, path))
    runtime.nowMs = START_MS + 2 * FAR_MS
    const { versions } = await memory.cleanHistory({ domain: 'public' })
    await memory.cleanHistory({ domain: 'private' })
    runtime.nowMs = nowMs
    let gone = 0
    for (const [path, known] of before) {
      const left = await this.#received(side, path)
      const live = this.#oracle.live(known)
      const isContested = new Set([...live].flatMap((id) => this.#known(id).values)).size > 1
      const named = this.#namedBy(live, known)
      const parents = new Set([...live].flatMap((id) => this.#known(id).replaced))
      for (const id of known) {
        const mayGo = !isContested && named.has(id) && !parents.has(id)
        expect(!left.has(id), 'P12: what is proven and needed by nothing goes, and only that').toBe(mayGo)
        if (!left.has(id)) side.offered.delete(id)
      }
      gone += known.size - left.size
    }
    expect(versions).toBe(gone)
  }

  /** What versions have replaced, and those theirs, as far as all between them are here. */
  #namedBy(live: ReadonlySet<string>, here: ReadonlySet<string>): Set<string> {
    const named = new Set<string>()
    const next = [...live]
    for (let id = next.pop(); id !== undefined; id = next.pop()) {
      for (const parent of this.#known(id).replaced) {
        if (named.has(parent) || !here.has(parent)) continue
        named.add(parent)
        next.push(parent)
      }
    }
    return named
  }

  async #pull(to: Side, from: Side): Promise<boolean> {
    if (to === from) return false
    const { page, reading } = await readPage(to.device, from.device)
    await this.#ingest(to, page.batch, reading)
    return page.hasMore
  }

  async #gossip(to: Side, from: Side, picks: readonly number[], withHeads: boolean): Promise<void> {
    if (to === from) return
    const query = { after: 0n, scope: WHOLE, shared: [WHOLE] }
    const { batch } = await from.device.replica.readFeed(query)
    if (batch.entries.length === 0) return
    const entries = picks.map(
      (pick) => batch.entries[pick % batch.entries.length] as Batch['entries'][number]
    )
    const needed = new Set(entries.map((entry) => entry.commit.id))
    const commits = batch.commits.filter(({ commit }) => withHeads || needed.has(commit.id))
    await this.#ingest(to, { records: withHeads ? batch.records : [], commits, entries })
  }

  async #ingest(to: Side, batch: Batch, reading?: FeedReading): Promise<void> {
    await to.device.replica.ingest(batch, reading)
    for (const { header } of batch.entries) to.offered.add(header.id)
  }

  async #restore(side: Side): Promise<void> {
    const { store, offered, privateValues } = side.backup
    const copy = store.copy({ continuity: 'copied-or-restored' })
    side.device = await openDevice(copy, side.device.runtime, SCOPE)
    side.offered = new Set(offered)
    side.privateValues = new Map(privateValues)
    side.seen = new Map()
    expect(this.#actors, 'P15: a restored replica writes as somebody new').not.toContain(
      side.device.replica.actor
    )
    this.#actors.add(side.device.replica.actor)
    // A handle that goes on from what is there, as an owner would after a restore.
    for (const path of PATHS) await side.device.memory.private.get(path)
  }

  /** Holds a replica to all that must be true of it at any moment. */
  async #check(side: Side): Promise<void> {
    const { replica, store, memory } = side.device
    expect(await fsck(replica, store)).toEqual([])
    const tip = replica.end.lsn
    let received = 0
    for (const path of this.#paths) {
      const known = await this.#received(side, path)
      received += known.size
      for (const id of known) expect(side.offered, 'nothing comes from nowhere').toContain(id)
      const live = await replica.view('public').live(path as never)
      expect(new Set(live.map((entry) => entry.entryId))).toEqual(this.#oracle.live(known))
      for (const entry of live) this.#checkDot(entry.dot, entry.entryId)
      const read = await replica.view('public').read(path as never)
      expect(valuesOf(read)).toEqual(this.#valuesAt(side, path))
      const isContested = new Set(live.flatMap((entry) => this.#known(entry.entryId).values)).size > 1
      expect(read.state === 'conflict').toBe(isContested)
      if (read.state === 'conflict') this.#checkConflictId(read.conflict.id, [...read.base].sort().join())
    }
    expect(received + replica.pendingCount, 'what was given is here or waits').toBe(side.offered.size)
    for (const [path, value] of side.privateValues) {
      expect(await createMemory(replica, SCOPE).private.get(path)).toMatchObject({ value })
    }
    await collect(memory.getUnresolvedConflicts())
    expect(replica.end.lsn, 'P30: reading writes nothing').toBe(tip)
  }

  #checkConflictId(id: string, versions: string): void {
    expect(this.#conflictIds.get(id) ?? versions, 'one id, one set of versions').toBe(versions)
    expect(this.#conflictIds.get(versions) ?? id, 'one set of versions, one id').toBe(id)
    this.#conflictIds.set(id, versions).set(versions, id)
  }

  #checkDot(dot: string, id: string): void {
    expect(this.#dots.get(dot) ?? id, 'P6: a number is used once').toBe(id)
    this.#dots.set(dot, id)
  }

  /** The entries of a path that were applied at a replica: live ones and history. */
  async #received(side: Side, path: string): Promise<Set<string>> {
    const view = side.device.replica.view('public')
    const live = await view.live(path as never)
    const history = await collect(view.replaced(path as never))
    const received = new Set<string>([...live, ...history].map((entry) => entry.entryId))
    side.received.set(path, received)
    return received
  }

  #wrote(side: Side, id: string, path: string, values: readonly Value[], replaced: readonly string[]): void {
    this.#oracle.wrote(id, replaced)
    this.#entries.set(id, { path, actor: side.device.replica.actor, values, replaced })
    side.offered.add(id)
    side.received.set(path, new Set(side.received.get(path)).add(id))
    this.#count++
  }

  #known(id: string): Known {
    const known = this.#entries.get(id)
    if (known === undefined) throw new RangeError(`nobody wrote ${id}`)
    return known
  }

  #live(side: Side, path: string): string[] {
    return [...this.#oracle.live(side.received.get(path) ?? [])]
  }

  /** What a reader is shown: nothing, one value, or all that differ. */
  #valuesAt(side: Side, path: string): Value[] {
    return shown(this.#live(side, path).flatMap((id) => this.#known(id).values))
  }
}

function hasReceived({ received }: Side, id: string): boolean {
  return [...received.values()].some((ids) => ids.has(id))
}

function backupOf({ store }: Device, offered: Set<string>, privateValues: Map<string, string>): Backup {
  const copy = (store as MemoryStore).copy()
  return { store: copy, offered: new Set(offered), privateValues: new Map(privateValues) }
}

function shown(values: readonly Value[]): Value[] {
  const distinct = [...new Set(values)]
  return distinct.length === 1 && distinct[0] === DELETED ? [] : distinct.sort()
}

function valuesOf(read: Read): Value[] {
  if (read.state === 'absent') return []
  if (read.state === 'value') return [read.value as Value]
  return [
    ...new Set(
      read.conflict.versions.map(({ kind, value }) => (kind === 'deleted' ? DELETED : (value as Value)))
    )
  ].sort()
}

/** A read without what differs between devices on purpose. */
function asSeen(read: Read): unknown {
  const { state, path, base } = read
  return {
    state,
    path,
    base,
    values: valuesOf(read),
    id: read.state === 'conflict' ? read.conflict.id : undefined
  }
}

function pathAt(index: number): string {
  return `${SCOPE}/${PATHS[index % PATHS.length]}`
}

function choiceOf(step: Extract<Step, { type: 'resolve' }>, version: Conflict['versions'][number]): Choice {
  switch (step.choice) {
    case 'one':
      return { keep: version.entryId as EntryId, index: version.index }
    case 'value':
      return { value: `settled ${step.pick}` }
    case 'delete':
      return { delete: true }
    case 'stale':
      return { keep: 'both' }
    default:
      return { keep: step.choice }
  }
}
