import {
  type AuditRecord,
  type Choice,
  type ConflictMode,
  type ConflictSettings,
  contentDigest,
  type Domain,
  type EntryId,
  type HistoryItem,
  type Memory,
  type MemoryValue,
  type PolicyDecision,
  type Read,
  type Version
} from '@cis-memory/core'
import type { MemoryStore } from '@cis-memory/store'
import { expect } from 'vitest'
import { intercepted } from '../../../core/test/support/store-doubles.ts'
import { collect, type Device, devices, openDevice, pull } from '../../../core/test/support/world.ts'
import { AgentExecutor, ConflictGuard, type SafeMemoryContext } from '../../src/index.ts'
import { interfere } from '../world.ts'
import { type CheckStep, PATHS, type Step, type WorldStep } from './steps.ts'

/*
 * Three devices, their guards and agents, and what must be true of them, told without the code under test where that
 * is possible: what is contested is asked of every path one by one, never of the index that the guard reads; what was
 * there before a write is kept from when it was written.
 */

const SCOPE = '/acme'
const DOMAINS: readonly Domain[] = ['public', 'private']

/** What owners may have chosen. The first leaves everything to people. */
const POLICIES: readonly ConflictSettings[] = [
  {},
  {},
  ...(['auto_lww', 'keep_all', 'ai_merge'] as const).map((mode: ConflictMode) => ({ mode })),
  { mode: 'ai_merge', auto: true },
  { policies: [{ mode: 'keep_all', scope: '/acme/web', pattern: '*' }] },
  {
    policies: [
      { mode: 'auto_lww', scope: '/acme/a' },
      { mode: 'ai_merge', auto: true, scope: '/acme/web' }
    ]
  }
]

/** How steps of an owner may fail: something is not as the step takes it to be, and nothing happens. */
const OWNER_FAILURES = [
  'CORE_AMBIGUOUS_CHOICE',
  'CORE_CLOCK_AHEAD',
  'CORE_CONFLICT_NOT_FOUND',
  'CORE_CONTESTED',
  'CORE_NOT_FOUND',
  'CORE_PROPOSAL_NOT_FOUND',
  'CORE_STALE_BASE',
  'CORE_STALE_CONFLICT'
]

/** A device that can be stopped at a write. */
interface Side {
  store: MemoryStore
  device: Device
  policies: ConflictSettings
  /** Where it stops: at the write after so many. */
  stopsAfter: { left: number; readonly isOnDisk: boolean } | undefined
  hasStopped: boolean
  /** Versions its owner was shown: path, entry and index, with what they said. */
  readonly shown: Map<string, { readonly path: string; readonly says: string }>
}

/** What is at one place, as its owner reads it. */
interface Place {
  readonly state: Read['state']
  readonly value: MemoryValue | undefined
  readonly base: readonly EntryId[]
  readonly decision: PolicyDecision | undefined
  /** Versions whose words an agent is to be given. */
  readonly given: readonly EntryId[]
}

type Places = ReadonlyMap<string, Place>

interface Delivered {
  readonly side: Side
  /** The process that made it: one that has stopped is gone, and its contexts with it. */
  readonly process: Device
  readonly agent: string
  readonly context: SafeMemoryContext
  readonly executor: AgentExecutor
  readonly places: Places
  readonly maxAgeMs: number | undefined
  readonly onConflict: 'abort' | 'finish'
  /** Versions its agent was shown or has written, by place. */
  readonly seen: Set<string>
}

interface Entry {
  readonly says: ReadonlySet<string>
  readonly parents: readonly EntryId[]
}

export class World {
  readonly #sides: readonly Side[]
  #delivered: Delivered[] = []
  /** Every entry that was ever seen anywhere. */
  readonly #entries = new Map<EntryId, Entry>()
  /** What came of each agent's request, for the audit to be held against. */
  readonly #outcomes: { readonly side: Side; readonly agent: string; readonly given: Places | undefined }[] =
    []
  readonly counts = new Map<string, number>()
  /** Requests so far: each agent has a name of its own. */
  #asked = 0
  /** Every path there is anywhere: keeping both versions of a conflict writes one of them beside it. */
  readonly #paths = new Set<string>(PATHS)

  private constructor(sides: readonly Side[]) {
    this.#sides = sides
  }

  static async open(policies: readonly number[]): Promise<World> {
    const settings = policies.map(policiesAt)
    const all = await devices(3, SCOPE)
    const sides: Side[] = []
    for (const [i, device] of all.entries()) {
      const store = (device.store as MemoryStore).copy()
      const side = {
        store,
        device,
        policies: settings[i] ?? {},
        stopsAfter: undefined,
        hasStopped: false,
        shown: new Map()
      }
      sides.push(side)
      await open(side)
    }
    return new World(sides)
  }

  async take(step: Step): Promise<void> {
    if (step.type === 'check') await this.#check(step)
    else if (step.type === 'run') await this.#run(step)
    else if (step.type === 'agent-write') await this.#agentWrite(step)
    else await this.#happen(step)
  }

  /** Everything that must be true of all devices at the end. */
  async finish(): Promise<void> {
    for (const side of this.#sides) {
      await this.#reopenIfStopped(side)
      await this.#look(side)
      expect(await side.device.memory.audit.verify()).toMatchObject({ state: 'intact' })
    }
    for (const outcome of this.#outcomes) await expectOnRecord(outcome)
  }

  async #happen(step: WorldStep): Promise<void> {
    const side = this.#at(step.device)
    switch (step.type) {
      case 'write':
        return this.#attempt(side, ({ memory }) =>
          memory.public.put(step.path, step.value, { overwrite: true })
        )
      case 'delete':
        return this.#attempt(side, ({ memory }) => memory.public.delete(step.path, { overwrite: true }))
      case 'undo':
        return this.#undo(side, step.path)
      case 'settle':
        return this.#attempt(side, async ({ memory }) => {
          const { id, versions } = await memory.getConflict(step.path)
          await memory.resolveConflict(id, choiceOf(step, versions))
        })
      case 'restore':
        return this.#attempt(side, async ({ memory }) => {
          const history = await collect(memory.public.history(step.path))
          const version = history[step.pick % Math.max(history.length, 1)]?.version
          if (version !== undefined) await memory.restore(step.path, version)
        })
      case 'curate':
        return this.#curate(side, step.path)
      case 'propose':
        return this.#attempt(side, async ({ memory }) => {
          const { id } = await memory.getConflict(step.path)
          await memory.proposeMerge(id, async () => ({
            value: `merge of ${id}`,
            model: 'scripted',
            promptHash: 'p'
          }))
        })
      case 'refuse':
        return this.#attempt(side, async ({ memory }) => {
          const { id } = await memory.getConflict(step.path)
          await memory.refuseProposal(id)
        })
      case 'pull':
        return this.#pull(side, this.#at(step.from))
      case 'collide':
        await this.#happen({ type: 'write', device: step.device, path: step.path, value: 1 })
        await this.#happen({ type: 'write', device: step.from, path: step.path, value: 2 })
        return this.#pull(side, this.#at(step.from))
      case 'change-of-mind':
        await this.#happen({ ...step, type: 'collide' })
        await this.#happen({ ...step, type: 'settle', pick: 0 })
        return this.#undo(side, step.path)
      case 'look':
        return this.#look(side)
      case 'set-clock':
        side.device.runtime.nowMs += step.byMs
        return
      case 'crash':
        side.stopsAfter = { left: step.afterWrites, isOnDisk: step.isOnDisk }
        return
      case 'reopen':
        side.policies = policiesAt(step.policies)
        await side.device.replica.close()
        return this.#reopen(side)
    }
  }

  /** Does what an owner does, and lets it fail in the ways it may. */
  async #attempt(side: Side, act: (device: Device) => Promise<unknown>): Promise<void> {
    const process = side.device
    const failure = await failureOf(() => act(process))
    await this.#reopenIfStopped(side)
    if (failure === undefined || side.device !== process) return
    if (!OWNER_FAILURES.includes(String(failure.code))) throw failure
  }

  async #pull(to: Side, from: Side): Promise<void> {
    if (to === from) return
    const process = from.device
    await this.#attempt(to, (device) => pull(device, process))
  }

  /** P34: what was there before the last write is there again. */
  async #undo(side: Side, path: string): Promise<void> {
    const process = side.device
    const before = await this.#note(process.memory, path)
    const live = before.filter(({ isLive }) => isLive).map(({ version }) => version)
    const parents = live[0]?.parents ?? []
    await this.#attempt(side, ({ memory }) => memory.undo(path))
    if (side.device !== process) return
    const after = await this.#note(process.memory, path)
    const isUndone = after[0] !== undefined && after[0].version.entryId !== before[0]?.version.entryId
    if (!isUndone) return
    this.#count('undone')
    expect(new Set(live.map(({ entryId }) => entryId)).size, 'one write is undone').toBe(1)
    const now = after.filter(({ isLive }) => isLive).map(({ version }) => version)
    if (parents.length === 0) expect(now.map(({ kind }) => kind)).toEqual(['deleted'])
    else expect(new Set(now.map(contentDigest))).toEqual(this.#saidBy(parents))
  }

  /** The private copy is of something that nobody contradicted. */
  async #curate(side: Side, path: string): Promise<void> {
    const process = side.device
    const source = await process.memory.public.get(path)
    await this.#attempt(side, ({ memory }) => memory.curateFromPublic(path, { mode: 'copy' }))
    if (side.device !== process) return
    const copy = await process.memory.private.get(path)
    if (copy.state !== 'value' || source.state !== 'conflict') return
    expect(
      copy.version.sources.map(({ entryId }) => entryId),
      'nothing is copied of what is contested'
    ).not.toEqual(source.base)
  }

  /** The owner looks at everything, and finds whatever it was shown before, live or in history. */
  async #look(side: Side): Promise<void> {
    const { memory } = side.device
    await this.#findPaths(memory)
    for (const path of this.#paths) {
      const versions = await this.#note(memory, path)
      const known = new Map(versions.map(({ version }) => [keyOf(version), contentDigest(version)]))
      for (const [key, { path: at, says }] of side.shown) {
        if (at === path) expect(known.get(key), 'a version that was shown is not lost').toBe(says)
      }
      for (const [key, says] of known) side.shown.set(key, { path, says })
    }
  }

  async #check(step: CheckStep): Promise<void> {
    const side = this.#at(step.device)
    const process = side.device
    const agent = `agent-${this.#asked++}`
    let places = await this.#placesIn(process.memory, step.scope)
    const inScope = this.#pathsIn(step.scope)
    const keys =
      step.select === 'one key'
        ? inScope.slice(this.#asked % Math.max(inScope.length, 1)).slice(0, 1)
        : inScope
    let { meanwhile } = step
    const memory = interfere(process.memory, {
      isDeaf: step.isDeaf,
      afterCheck: async () => {
        const now = meanwhile
        meanwhile = []
        for (const each of now) await this.#happen(each)
      }
    })
    const refresh = async (): Promise<void> => {
      if (step.fresh === 'fails') throw new Error('nobody answers')
      const peer = this.#at(step.fresh as number)
      if (peer !== side) await pull(process, peer.device)
      places = await this.#placesIn(process.memory, step.scope)
    }
    const guard = new ConflictGuard(memory, { refresh, now: () => process.runtime.nowMs })
    let context: SafeMemoryContext | undefined
    const failure = await failureOf(async () => {
      context = await guard.checkAndCreateContext({
        agent,
        scope: step.scope,
        onConflict: step.onConflict,
        fresh: step.fresh !== 'no',
        ...(step.maxAgeMs !== undefined && { maxAgeMs: step.maxAgeMs }),
        select: step.select === 'everything' ? {} : { keys }
      })
    })
    await this.#reopenIfStopped(side)
    const isStopped = side.device !== process
    if (context === undefined) {
      if (isStopped) return
      this.#outcomes.push({ side, agent, given: undefined })
      this.#expectRefusal(step, places, failure)
      return
    }
    this.#count('delivered')
    if (isContested(places)) throw new Error('a context was delivered although its scope was contested')
    const shown = step.select === 'everything' ? places : placesAt(places, keys)
    if ([...shown.values()].some(({ decision }) => decision !== undefined))
      this.#count('delivered on a decision')
    this.#outcomes.push({ side, agent, given: shown })
    if (isStopped) return
    const { maxAgeMs, onConflict } = step
    const seen = new Set([...shown].flatMap(([place, { base }]) => base.map((id) => `${place} ${id}`)))
    const delivered = {
      side,
      process,
      agent,
      context,
      places: shown,
      maxAgeMs,
      onConflict,
      seen,
      executor: new AgentExecutor(guard)
    }
    this.#delivered.push(delivered)
    if (context.isFresh) expectContext(context, shown)
  }

  /** Refusing without a reason would be safe and useless. */
  #expectRefusal(step: CheckStep, places: Places, failure: Failure | undefined): void {
    this.#count('refused')
    const { code } = failure ?? {}
    if (step.fresh === 'fails') expect(code).toBe('GUARD_NOT_FRESH')
    if (code === 'GUARD_CONTEXT_EXPIRED') expect(step.maxAgeMs).toBeDefined()
    const mayBeClosed = step.meanwhile.some(({ type }) => type === 'reopen')
    if (code === 'GUARD_NOT_FRESH' || code === 'GUARD_CONTEXT_EXPIRED' || mayBeClosed) return
    expect(code, String(failure)).toBe('GUARD_CONFLICT_PENDING')
    if (!isContested(places)) expect([step.isDeaf, step.meanwhile.length > 0]).toEqual([false, true])
  }

  async #run({ context: index, meanwhile }: Step & { type: 'run' }): Promise<void> {
    const delivered = this.#pick(index)
    if (delivered === undefined) return
    await expectEndedOrNot(delivered)
    const { side, process, executor, context, places, maxAgeMs, onConflict } = delivered
    const contested = isContested(await this.#placesIn(process.memory, context.scope))
    let hasStarted = false
    const failure = await failureOf(() =>
      executor.execute(async (given) => {
        hasStarted = true
        expectContext(given, places)
        for (const each of meanwhile) await this.#happen(each)
      }, context)
    )
    await this.#reopenIfStopped(side)
    this.#count(hasStarted ? 'started' : 'not started')
    if (hasStarted && contested) throw new Error('an agent was started although the scope was contested')
    if (failure === undefined) {
      const isDisturbed = isContested(await this.#placesIn(side.device.memory, context.scope))
      expect(isDisturbed && onConflict === 'abort', 'an answer that counts on contested memory').toBe(false)
      return
    }
    if (side.device !== process) return
    const codes = ['GUARD_CONFLICT_PENDING', ...(maxAgeMs === undefined ? [] : ['GUARD_CONTEXT_EXPIRED'])]
    expect(codes, String(failure)).toContain(failure.code)
  }

  async #agentWrite({ context: index, path, value }: Step & { type: 'agent-write' }): Promise<void> {
    const delivered = this.#pick(index)
    if (delivered === undefined || !isIn(delivered.context.scope, path)) return
    const { side, process, agent, context, seen, maxAgeMs } = delivered
    const before = await process.memory.public.get(path)
    let written: { readonly entryId: EntryId; readonly replaced: readonly EntryId[] } | undefined
    const failure = await failureOf(async () => {
      written = value === undefined ? await context.delete(path) : await context.put(path, value)
    })
    await this.#reopenIfStopped(side)
    const isStopped = side.device !== process
    this.#count(written === undefined ? 'not written' : 'written')
    if (failure !== undefined) {
      if (isStopped) return
      const mayBe = ['CORE_STALE_BASE', 'CORE_CONTESTED', 'CORE_CLOCK_AHEAD', 'GUARD_CONFLICT_PENDING']
      if (maxAgeMs !== undefined) mayBe.push('GUARD_CONTEXT_EXPIRED')
      expect(mayBe, String(failure)).toContain(failure.code)
      return
    }
    if (written === undefined) {
      expect(before.state).toBe('absent')
      return
    }
    expect(before.state, 'an agent settles nothing that is contested').not.toBe('conflict')
    const place = placeOf('public', path)
    const unseen = written.replaced.filter((id) => !seen.has(`${place} ${id}`))
    // Nothing can be lost where nothing was: a deleted memory needs no base.
    if (before.state === 'value') expect(unseen, 'an agent replaces nothing unseen').toEqual([])
    seen.add(`${place} ${written.entryId}`)
    const [record] = await collect(side.device.memory.audit.list({ agent, kind: 'written', path }))
    expect(record?.memories[0]?.entryIds).toEqual([written.entryId])
  }

  /** What an owner reads at each place of a scope. */
  async #placesIn(memory: Memory, scope: string): Promise<Places> {
    const places = new Map<string, Place>()
    await this.#findPaths(memory)
    for (const path of this.#pathsIn(scope)) {
      for (const domain of DOMAINS)
        places.set(placeOf(domain, path), placeFrom(await memory[domain].get(path)))
    }
    return places
  }

  /** Every version of a path that a device knows, kept for good. */
  async #note({ public: memory }: Memory, path: string): Promise<HistoryItem[]> {
    const history = await collect(memory.history(path))
    const says = new Map<EntryId, Set<string>>()
    for (const { version } of history) {
      says.set(version.entryId, (says.get(version.entryId) ?? new Set()).add(contentDigest(version)))
    }
    for (const { version } of history) {
      const { entryId, parents } = version
      this.#entries.set(entryId, { says: says.get(entryId) ?? new Set(), parents })
    }
    return history
  }

  async #findPaths({ public: memory }: Memory): Promise<void> {
    for await (const { read } of memory.list()) this.#paths.add(read.path)
  }

  #pathsIn(scope: string): string[] {
    return [...this.#paths].filter((path) => isIn(scope, path))
  }

  #saidBy(ids: readonly EntryId[]): ReadonlySet<string> {
    return new Set(ids.flatMap((id) => [...(this.#entries.get(id)?.says ?? [])]))
  }

  async #reopenIfStopped(side: Side): Promise<void> {
    if (side.hasStopped) await this.#reopen(side)
  }

  async #reopen(side: Side): Promise<void> {
    side.store = side.store.copy()
    await open(side)
    this.#delivered = this.#delivered.filter(
      ({ process, side: of }) => of !== side || process === side.device
    )
    this.#count('opened again')
  }

  #at(index: number): Side {
    return this.#sides[index % this.#sides.length] as Side
  }

  #pick(index: number): Delivered | undefined {
    return this.#delivered[index % Math.max(this.#delivered.length, 1)]
  }

  #count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }
}

async function open(side: Side): Promise<void> {
  side.hasStopped = false
  side.stopsAfter = undefined
  const { store } = side
  const stoppable = intercepted(store, async (_, write) => {
    if (side.hasStopped || side.store !== store) throw new Error('this device has stopped')
    const { stopsAfter } = side
    if (stopsAfter === undefined || stopsAfter.left-- > 0) return write()
    side.hasStopped = true
    if (stopsAfter.isOnDisk) await write()
    throw new Error('this device stops here')
  })
  side.device = await openDevice(stoppable, side.device.runtime, SCOPE, side.policies)
}

function policiesAt(index: number): ConflictSettings {
  return POLICIES[index % POLICIES.length] as ConflictSettings
}

function placeFrom(read: Read): Place {
  const { state, base } = read
  if (state === 'conflict') return { state, base, value: undefined, decision: undefined, given: [] }
  const { settledBy: decision } = read
  if (state === 'absent') return { state, base, value: undefined, decision, given: [] }
  return { state, base, value: read.value, decision, given: givenOf(read.version, base, decision) }
}

function givenOf(
  version: Version,
  base: readonly EntryId[],
  decision: PolicyDecision | undefined
): readonly EntryId[] {
  if (decision?.mode === 'auto_lww') return [version.entryId]
  if (decision?.mode !== 'keep_all') return base
  const kept = decision.conflict.versions.filter(({ kind }) => kind !== 'deleted')
  return [...new Set(kept.map(({ entryId }) => entryId))]
}

/** The context shows exactly what was there when it was checked, and says where a policy has decided. */
function expectContext(context: SafeMemoryContext, places: Places): void {
  for (const [place, { state, value, decision }] of places) {
    const memory = context.get(pathOf(place), { domain: place.split(':', 1)[0] as Domain })
    expect(memory?.value, place).toEqual(state === 'value' ? value : undefined)
    if (memory === undefined) continue
    expect(memory.decision?.mode, place).toBe(decision?.mode)
    const { versions = [] } = decision?.conflict ?? {}
    const told = [
      ...(memory.decision?.kept ?? []).map(({ origin }) => origin),
      ...(memory.decision?.putAside ?? [])
    ]
    const chosen = decision?.mode === 'auto_lww' ? [memory.origin] : []
    const ids = (all: readonly { entryId: EntryId }[]): EntryId[] => all.map(({ entryId }) => entryId).sort()
    expect(ids([...told, ...chosen]), 'every version is given or named').toEqual(ids(versions))
  }
  expect(context.size).toBe([...places.values()].filter(({ state }) => state === 'value').length)
}

/** A context gives what it holds until it has ended, and nothing from then on. */
async function expectEndedOrNot({
  process,
  context,
  maxAgeMs,
  onConflict,
  places
}: Delivered): Promise<void> {
  const isExpired = maxAgeMs !== undefined && process.runtime.nowMs - context.checkedAt >= maxAgeMs
  const isEnded = isExpired || (onConflict === 'abort' && !context.isFresh)
  // Nothing is waited for in between: a conflict that is announced meanwhile ends it.
  if (!isEnded) return expectContext(context, places)
  const failure = await failureOf(async () => context.list())
  expect(failure?.code, 'gives nothing once it has ended').toBeDefined()
}

/** What came of a request is what is on record of it, no more and no less. */
async function expectOnRecord({
  side,
  agent,
  given
}: {
  side: Side
  agent: string
  given: Places | undefined
}): Promise<void> {
  const records = await collect(side.device.memory.audit.list({ agent }))
  const takenBack = new Set(records.map(({ kind, of }) => (kind === 'refusal' ? of : undefined)))
  const deliveries = records.filter(({ kind, seq }) => kind === 'delivery' && !takenBack.has(seq))
  expect(deliveries, `deliveries to ${agent}`).toHaveLength(given === undefined ? 0 : 1)
  const [delivery] = deliveries
  if (given === undefined || delivery === undefined) {
    expect(records.some(({ kind }) => kind === 'refusal')).toBe(true)
    return
  }
  expect(onRecord(delivery)).toEqual(
    [...given]
      .filter(([, { state }]) => state === 'value')
      .map(([place, { given }]) => `${place} ${[...given].sort().join()}`)
      .sort()
  )
}

function onRecord({ memories }: AuditRecord): string[] {
  return memories
    .map(({ domain, path, entryIds }) => `${placeOf(domain, path)} ${[...entryIds].sort().join()}`)
    .sort()
}

function choiceOf({ choice, pick }: WorldStep & { type: 'settle' }, versions: readonly Version[]): Choice {
  const version = versions[pick % versions.length] as Version
  if (choice === 'delete') return { delete: true }
  if (choice === 'value') return { value: pick }
  return choice === 'one' ? { keep: version.entryId, index: version.index } : { keep: choice }
}

function placesAt(places: Places, paths: readonly string[]): Places {
  return new Map([...places].filter(([place]) => paths.includes(pathOf(place))))
}

function isContested(places: Places): boolean {
  return [...places.values()].some(({ state }) => state === 'conflict')
}

/** Segment by segment, in other words than core's. */
function isIn(scope: string, path: string): boolean {
  const inner = path.split('/')
  return scope.split('/').every((segment, i) => inner[i] === segment)
}

function placeOf(domain: Domain, path: string): string {
  return `${domain}:${path}`
}

function pathOf(place: string): string {
  return place.slice(place.indexOf(':') + 1)
}

function keyOf({ entryId, index }: Version): string {
  return `${entryId} ${index}`
}

type Failure = Error & { readonly code?: unknown }

/** What a call fails with, or `undefined` when it does not. */
async function failureOf(call: () => Promise<unknown>): Promise<Failure | undefined> {
  try {
    await call()
    return undefined
  } catch (error) {
    // What a test finds is no failure of what is tested.
    if (error instanceof Error && error.name === 'AssertionError') throw error
    return error as Failure
  }
}
