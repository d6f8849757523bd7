import type { Choice, Conflict, Memory, Written } from '@cis-memory/core'
import type { Running, SimulatedDevice } from '../device.ts'
import type { DiskRecord } from '../disk-record.ts'
import { codeOf, isExpected, needsReopening } from '../expected.ts'
import type { Known } from '../ledger.ts'
import { LINES } from '../lines.ts'
import {
  CANARY,
  documentPath,
  isValuePath,
  PRIVATE_MARK,
  privatePath,
  tokenOf,
  valuePath
} from '../places.ts'
import type { Deed } from '../script.ts'
import { promised } from '../violation.ts'
import type { World } from '../world.ts'

type Of<T extends Deed['type']> = Extract<Deed, { type: T }>

/** What an owner or an agent does on one device, while everything else goes on. */
export class Owner {
  readonly #world: World
  readonly #device: SimulatedDevice
  readonly #running: Running
  readonly #record: DiskRecord
  /** A handle of its own: what it has read is what this deed has read. */
  readonly #memory: Memory

  constructor(world: World, device: SimulatedDevice, running: Running) {
    this.#world = world
    this.#device = device
    this.#running = running
    this.#record = world.record(device)
    this.#memory = running.memory.within(running.memory.scope)
  }

  async write({ type, path: index, base, thinkMs }: Of<'put' | 'delete'>): Promise<void> {
    const path = valuePath(index)
    const read = base === 'none' || base === 'overwrite' ? undefined : await this.#memory.public.get(path)
    if (thinkMs > 0) await this.#world.time.pause(thinkMs)
    const options = {
      ...(base === 'read' && read !== undefined ? { base: read } : {}),
      overwrite: base === 'overwrite'
    }
    const value = this.#value()
    const written = await this.#attempt(() =>
      type === 'put'
        ? this.#memory.public.put(path, value, options)
        : this.#memory.public.delete(path, options)
    )
    if (written === undefined) return
    const entry = this.#acknowledge(written)
    if (type === 'put')
      promised(entry.text.includes(value), 'P11: a write says what was asked', () => entry.id)
    if (base === 'overwrite') return
    const wasShown = (id: string): boolean => read?.base.some((shown) => shown === id) === true
    const isFair = entry.parents.every((id) => wasShown(id) || this.#world.ledger.get(id).isDeletion)
    promised(isFair, 'P18: a put never replaces what its writer had not seen', () => entry.id)
  }

  /** Several writes at once, which may share a commit. */
  async burst({ path, count }: Of<'burst'>): Promise<void> {
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const written = await this.#attempt(() =>
          this.#memory.public.put(valuePath(path + i), this.#value(), { overwrite: true })
        )
        if (written !== undefined) this.#acknowledge(written)
      })
    )
  }

  async keepPrivate({ path: index }: Of<'private'>): Promise<void> {
    const path = privatePath(index)
    const value = `${PRIVATE_MARK} ${this.#value()}`
    const written = await this.#attempt(() => this.#memory.private.put(path, value, { overwrite: true }))
    if (written === undefined) return
    const read = await this.#memory.private.get(path)
    promised(read.state === 'value', 'P32: a device reads what it wrote', () => path)
  }

  async read({ path: index }: Of<'read'>): Promise<void> {
    const path = valuePath(index)
    const token = tokenOf(this.#running.replica, path)
    const since = this.#record.landings
    const read = await this.#memory.public.get(path)
    if (this.#running.isDead) return
    promised(this.#record.stoodSince(token, since, read.base), 'P32: a read shows what is there', () => path)
    const live = read.base.map((id) => this.#world.ledger.get(id))
    const distinct = new Set(live.flatMap((entry) => entry.values))
    const isContested = distinct.size > 1 || live.some((entry) => entry.values.length === 0)
    promised((read.state === 'conflict') === isContested, 'P10: a read tells of every conflict', () => path)
  }

  async undo({ path: index }: Of<'undo'>): Promise<void> {
    const written = await this.#attempt(() => this.#memory.undo(valuePath(index)))
    if (written === undefined) return
    const entry = this.#acknowledge(written)
    const [undone] = entry.parents.map((id) => this.#world.ledger.get(id))
    const before = undone?.parents.flatMap((id) => this.#world.ledger.get(id).values) ?? []
    const isBack = undone?.parents.length === 0 ? entry.isDeletion : sameSet(entry.values, before)
    promised(isBack, 'P34: undo brings back what was there', () => entry.id)
  }

  async resolve({ path: index, choice, pick, thinkMs }: Of<'resolve'>): Promise<void> {
    const path = await this.#pathToSettle(index, pick)
    const conflict = await this.#attempt(() => this.#memory.getConflict(path))
    if (conflict === undefined) return
    if (thinkMs > 0) await this.#world.time.pause(thinkMs)
    const outcome = await this.#attempt(() =>
      this.#memory.resolveConflict(conflict.id, choiceOf(choice, conflict, pick, this.#value()))
    )
    if (outcome === undefined) return
    const entry = this.#acknowledge(outcome)
    const shown = conflict.versions.map(({ entryId }) => entryId)
    promised(sameSet(entry.parents, shown), 'P29: a resolution covers exactly what was shown', () => entry.id)
    for (const beside of outcome.alsoWritten) {
      promised(beside.startsWith(path), 'P29: what is kept as well is kept beside it', () => beside)
    }
    this.#world.count('resolved')
  }

  /** Mostly one where there is something to settle: else most scopes would stay contested, and no agent would run. */
  async #pathToSettle(index: number, pick: number): Promise<string> {
    const asked = valuePath(index)
    if (pick % 4 === 0) return asked
    const contested: string[] = []
    for await (const { path } of this.#memory.getUnresolvedConflicts())
      if (isValuePath(path)) contested.push(path)
    return contested[index % contested.length] ?? asked
  }

  /** Adds a line to a document, which nobody may lose. */
  async edit({ path: index, thinkMs }: Of<'edit'>): Promise<void> {
    const path = documentPath(index)
    const line = this.#value()
    const saved = await this.#attempt(async () => {
      const document = await this.#memory.public.doc(path)
      document.doc.clientID = this.#world.random.next()
      document.doc.getArray<string>(LINES).push([line])
      if (thinkMs > 0) await this.#world.time.pause(thinkMs)
      await document.close()
      return line
    })
    if (saved === undefined) return
    const token = tokenOf(this.#running.replica, path)
    const holder = [...this.#record.received(token).values()].find(
      (entry) => entry.document?.has(line) === true
    )
    promised(holder !== undefined, 'P31: an edit that was saved is in the document', () => path)
    this.#world.ledger.acknowledge(holder.id, this.#device.place)
  }

  /** Does what may be refused. A disk that failed has its device opened again. */
  async #attempt<T>(work: () => Promise<T | undefined>): Promise<T | undefined> {
    try {
      const outcome = await work()
      return this.#running.isDead ? undefined : outcome
    } catch (error) {
      if (!isExpected(error)) throw error
      this.#world.count(codeOf(error) as string)
      if (needsReopening(error)) this.#world.launch('recovery', () => this.#world.recover(this.#device))
      return undefined
    }
  }

  #acknowledge(written: Pick<Written, 'entryId'>): Known {
    const entry = this.#world.ledger.get(written.entryId)
    promised(this.#record.has(entry), 'P11: an acknowledged write is on disk', () => entry.id)
    this.#world.ledger.acknowledge(entry.id, this.#device.place)
    this.#world.trace.line(`${this.#device.place} wrote ${entry.id}`)
    return entry
  }

  #value(): string {
    return `${CANARY} ${this.#device.place} ${this.#world.nextNumber()}`
  }
}

function choiceOf(
  choice: Of<'resolve'>['choice'],
  { versions }: Conflict,
  pick: number,
  value: string
): Choice {
  const version = versions[pick % versions.length] as Conflict['versions'][number]
  switch (choice) {
    case 'one':
      return { keep: version.entryId, index: version.index }
    case 'value':
      return { value }
    case 'delete':
      return { delete: true }
    default:
      return { keep: choice }
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return [...new Set(a)].sort().join() === [...new Set(b)].sort().join()
}
