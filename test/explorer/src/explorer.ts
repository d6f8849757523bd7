import { promised, Violation } from '../../simulator/src/violation.ts'
import { allReceived } from './contents.ts'
import { canSync, heal } from './healing.ts'
import { formatOperation, isAct, type Kind, type Operation, operationsOf, type Stop } from './operations.ts'
import { Renamings } from './renaming.ts'
import { type Local, type Settings, Transitions } from './transitions.ts'

export interface ExploreOptions extends Pick<Settings, 'replicas' | 'restoredAs'> {
  readonly operations: number
  readonly kinds: readonly Kind[]
  /** Whether states that differ in the names of replicas alone count as one. @default true */
  readonly merges?: boolean
  /** Hears of each layer once it is complete. */
  readonly onLayer?: (layer: Layer) => void
  readonly onProgress?: (done: number, of: number) => void
}

/** All states that so many operations lead to, and no fewer. */
export interface Layer {
  readonly operations: number
  readonly states: number
  /** Operations that changed something. */
  readonly transitions: number
  /** Transitions that led to a state that was known. */
  readonly merged: number
  /** Operations that had nothing to do, or were refused. */
  readonly idle: number
}

export interface Report {
  readonly layers: readonly Layer[]
  /** Different disks, and how often production code was run between them. */
  readonly locals: number
  readonly runs: number
  readonly heals: number
  readonly violation: Violation | undefined
  /** The shortest path to the violation. */
  readonly path: readonly Operation[]
}

/** All disks and their backups at one moment, with how it came to that. */
interface World {
  readonly places: readonly Local[]
  readonly backups: readonly Local[]
  readonly from: World | undefined
  readonly by: Operation | undefined
}

/** Goes through every order of operations, the shortest first, and holds every state it meets to its promises. */
export async function explore(options: ExploreOptions): Promise<Report> {
  const explorer = new Explorer(options)
  return explorer.run()
}

/** Lets one path happen, and holds every state on it to its promises. */
export async function replay(path: readonly Operation[], options: ExploreOptions): Promise<Report> {
  return new Explorer(options).follow(path)
}

class Explorer {
  readonly #options: ExploreOptions
  readonly #kinds: ReadonlySet<Kind>
  readonly #renamings: Renamings
  readonly #transitions: Transitions
  readonly #operations: readonly Operation[]
  readonly #known = new Set<string>()
  readonly #healed = new Set<string>()
  readonly #layers: Layer[] = []

  constructor(options: ExploreOptions) {
    const { replicas, kinds, merges = true } = options
    this.#options = options
    this.#kinds = new Set(kinds)
    this.#renamings = new Renamings(replicas, merges)
    const durability = kinds.includes('cut') || kinds.includes('kill') ? 'os' : 'disk'
    this.#transitions = new Transitions({ ...options, durability }, this.#renamings)
    this.#operations = operationsOf(this.#kinds, replicas)
  }

  async run(): Promise<Report> {
    const { operations, onLayer, onProgress } = this.#options
    let last: World = await this.#start()
    let by: Operation | undefined
    try {
      await this.#check(last)
      let worlds: World[] = [last]
      for (let depth = 1; depth <= operations; depth++) {
        this.#transitions.goesOn = depth < operations
        const counts = { operations: depth, states: 0, transitions: 0, merged: 0, idle: 0 }
        const found: World[] = []
        for (const [done, world] of worlds.entries()) {
          onProgress?.(done, worlds.length)
          last = world
          const pending = [...this.#operations]
          for (by = pending.shift(); by !== undefined; by = pending.shift()) {
            const next = await this.#after(world, by, (stop) => pending.push(stop))
            if (next === undefined) {
              counts.idle++
              continue
            }
            counts.transitions++
            if (!this.#isNew(next)) {
              counts.merged++
              continue
            }
            await this.#check(next)
            found.push(next)
          }
        }
        counts.states = found.length
        this.#layers.push(counts)
        onLayer?.(counts)
        worlds = found
      }
    } catch (error) {
      return this.#report(error, [...pathTo(last), ...(by === undefined ? [] : [by])])
    }
    return this.#report()
  }

  async follow(path: readonly Operation[]): Promise<Report> {
    let world = await this.#start()
    const done: Operation[] = []
    try {
      for (const operation of path) {
        done.push(operation)
        const next = await this.#after(world, operation, () => {})
        if (next === undefined) continue
        world = next
        await this.#check(world)
      }
    } catch (error) {
      return this.#report(error, done)
    }
    return this.#report(undefined, done)
  }

  async #start(): Promise<World> {
    const places = await this.#transitions.start()
    const world: World = { places, backups: places, from: undefined, by: undefined }
    this.#isNew(world)
    return world
  }

  /**
   * The world after an operation; nothing when the operation has nothing to do there.
   *
   * @param onStop told of the ways in which it could have stopped in the middle
   */
  async #after(
    world: World,
    by: Operation,
    onStop: (stopped: Operation) => void
  ): Promise<World | undefined> {
    const { places, backups } = world
    const local = places[by.place]
    if (local === undefined) return undefined
    const become = (changes: ReadonlyMap<number, Local>, kept = backups): World | undefined => {
      const next = places.map((before, place) => changes.get(place) ?? before)
      for (const [place, clone] of changes) if (place === places.length) next.push(clone)
      const isChanged = kept !== backups || next.some((after, place) => after !== places[place])
      return isChanged ? { places: next, backups: kept, from: world, by } : undefined
    }
    const alone = (after: Local | undefined): World | undefined =>
      after === undefined ? undefined : become(new Map([[after.place, after]]))
    if (isAct(by)) return alone(await this.#transitions.act(local, by.type))
    if ('about' in by) return alone(await this.#transitions.forge(local, by.type, by.about))
    if ('peer' in by) {
      const peer = places[by.peer]
      if (peer === undefined || !canSync(local, peer)) return undefined
      const { dialer, listener, batches } = await this.#transitions.exchange(local, peer, by.type, by.stop)
      if (this.#kinds.has('stop') && by.stop === undefined) {
        for (const stop of stopsIn(batches)) onStop({ ...by, stop })
      }
      return become(
        new Map([
          [dialer.place, dialer],
          [listener.place, listener]
        ])
      )
    }
    switch (by.type) {
      case 'backup':
        if (backups[by.place] === local) return undefined
        return become(new Map(), backups.with(by.place, local))
      case 'restore':
        return alone(await this.#transitions.restore(local, backups[by.place] as Local))
      case 'clone':
        return places.length > this.#options.replicas
          ? undefined
          : alone(await this.#transitions.clone(local))
      case 'cut':
      case 'kill':
        return alone(await this.#transitions.fail(local, by.type))
    }
  }

  #isNew({ places, backups }: World): boolean {
    const parts = places.map(({ terms }, place) => {
      const backup = backups[place]
      return backup === undefined ? [terms] : [terms, backup.terms]
    })
    const key = this.#renamings.keyOf(parts)
    if (this.#known.has(key)) return false
    this.#known.add(key)
    return true
  }

  async #check({ places }: World): Promise<void> {
    this.#checkDots(places)
    const name = places.map(({ number }) => number).join()
    if (this.#healed.has(name)) return
    this.#healed.add(name)
    await heal(places, this.#transitions.entries)
  }

  /** P6: no two entries of honest members share a number, wherever they are. */
  #checkDots(places: readonly Local[]): void {
    const dots = new Map<string, string>()
    for (const id of places.flatMap(({ contents }) => allReceived(contents))) {
      const { actor, n, isForged } = this.#transitions.entries.get(id)
      const dot = `${actor}:${n}`
      promised(isForged || (dots.get(dot) ?? id) === id, 'P6: a number is used once', () => dot)
      dots.set(dot, id)
    }
  }

  #report(error?: unknown, path: readonly Operation[] = []): Report {
    const violation =
      error === undefined || error instanceof Violation
        ? error
        : new Violation('no bug', 'something else', { cause: error })
    const { localCount: locals, runs } = this.#transitions
    return { layers: this.#layers, locals, runs, heals: this.#healed.size, violation, path }
  }
}

/** After each batch but the last, which leaves what the whole operation leaves. */
function* stopsIn(batches: ReadonlyMap<number, number>): Iterable<Stop> {
  for (const [place, count] of batches) {
    for (let landed = 1; landed < count; landed++) yield { place, batches: landed }
  }
}

function pathTo(world: World): Operation[] {
  const path: Operation[] = []
  for (let at: World | undefined = world; at?.by !== undefined; at = at.from) path.unshift(at.by)
  return path
}

/** A path as `--path` takes it. */
export function formatPath(path: readonly Operation[]): string {
  return path.map(formatOperation).join(', ')
}
