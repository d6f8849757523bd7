import type { MemoryStore, RowChange } from '@cis-memory/store'
import { toHex } from '../../../packages/core/src/entry/bytes.ts'
import { decodeCbor } from '../../../packages/core/src/entry/cbor.ts'
import type { DomainCodec } from '../../../packages/core/src/replica/open-entry.ts'
import {
  decodeHistoryRow,
  decodeLiveRow,
  type StoredEntry
} from '../../../packages/core/src/replica/stored-entry.ts'
import type { Known, Ledger } from './ledger.ts'
import { covers, standing } from './reference.ts'
import { promised } from './violation.ts'

const ID_HEX_DIGITS = 32

/** What is at one path of one disk. */
interface PathRecord {
  readonly received: Map<string, Known>
  live: readonly string[]
  /** All that stood there since the device was opened, with the landing it came by. */
  readonly past: { readonly landing: number; readonly live: readonly string[] }[]
}

/** Who a device writes as, and how far that has gone. */
export interface OwnActor {
  readonly actor: string
  readonly last: number
}

/**
 * What is on a device's disk, read from the rows of each batch as it lands. Every landing is held to the ledger: whatever
 * stopped standing was seen by something that stands, and nothing stands beside what had seen it.
 */
export class DiskRecord {
  readonly place: number
  readonly #ledger: Ledger
  readonly #actors: Set<string> = new Set()
  #paths = new Map<string, PathRecord>()
  #held = new Set<string>()
  #own: OwnActor = { actor: '', last: 0 }
  #landings = 0
  #contested = new Set<string>()
  readonly #contestedPast: { readonly landing: number; readonly paths: ReadonlySet<string> }[] = []
  #rows: MemoryStore | undefined

  constructor(place: number, ledger: Ledger) {
    this.place = place
    this.#ledger = ledger
  }

  /** Batches so far: names a moment. */
  get landings(): number {
    return this.#landings
  }

  get own(): OwnActor {
    return this.#own
  }

  /** Entries that wait to be judged. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  get paths(): Iterable<string> {
    return this.#paths.keys()
  }

  received(path: string): ReadonlyMap<string, Known> {
    return this.#paths.get(path)?.received ?? new Map()
  }

  live(path: string): readonly string[] {
    return this.#paths.get(path)?.live ?? []
  }

  has(entry: Known): boolean {
    return this.received(entry.path).has(entry.id)
  }

  /** Whether exactly these stood at a path at some moment since one. */
  stoodSince(path: string, landing: number, ids: readonly string[]): boolean {
    const past = this.#paths.get(path)?.past ?? []
    const wanted = [...ids].sort().join()
    return since(past, landing, { landing: 0, live: [] }).some(
      ({ live }) => [...live].sort().join() === wanted
    )
  }

  /** What stood at a path at a moment. */
  liveAt(path: string, landing: number): readonly string[] {
    return (this.#paths.get(path)?.past ?? []).findLast((each) => each.landing <= landing)?.live ?? []
  }

  /** Whether a path below κ was contested at a moment. */
  isContestedAt(scope: string, landing: number): boolean {
    const { paths } = this.#contestedPast.findLast((each) => each.landing <= landing) ?? { paths: [] }
    return [...paths].some((path) => path.startsWith(scope))
  }

  /** Whether at some moment since one, at least one path below κ was contested, or none was. */
  wasContestedSince(scope: string, landing: number, isContested: boolean): boolean {
    return since(this.#contestedPast, landing, { landing: 0, paths: new Set<string>() }).some(
      ({ paths }) => [...paths].some((path) => path.startsWith(scope)) === isContested
    )
  }

  /** A batch of the public partition has reached the disk. */
  landed(changes: readonly RowChange[], codec: DomainCodec | undefined): void {
    this.#landings++
    const touched = new Map<
      string,
      { arrived: StoredEntry[]; live: StoredEntry[] | undefined; gone: string[] }
    >()
    const at = (path: string): NonNullable<ReturnType<typeof touched.get>> => {
      const known = touched.get(path) ?? { arrived: [], live: undefined, gone: [] }
      touched.set(path, known)
      return known
    }
    for (const change of changes) {
      const letter = String.fromCharCode(change.key[0] as number)
      if (letter === 'E') {
        promised(change.type === 'put', 'P4: merging never empties a path', () => toHex(change.key))
        const entries = decodeLiveRow(change.value)
        Object.assign(at(toHex(change.key.subarray(1))), { live: entries })
        at(toHex(change.key.subarray(1))).arrived.push(...entries)
      }
      if (letter === 'Y') {
        const path = pathOfHistoryKey(change.key)
        if (change.type === 'put') at(path).arrived.push(decodeHistoryRow(change.value))
        else at(path).gone.push(idAtEnd(change.key))
      }
      if (letter === 'Q') {
        if (change.type === 'put') this.#held.add(idAtEnd(change.key))
        else this.#held.delete(idAtEnd(change.key))
      }
      if (letter === 'M' && change.type === 'put') this.#takeOwn(change)
    }
    for (const [path, { arrived, live, gone }] of touched) {
      this.#judge(path, arrived, live, gone, codec)
    }
  }

  /** Reads everything again when a power cut or a backup has put other rows in place of those that landed here. */
  async reread(rows: MemoryStore): Promise<void> {
    if (rows === this.#rows) return
    this.#rows = rows
    this.#landings++
    this.#paths = new Map()
    this.#held = new Set()
    this.#contested = new Set()
    for await (const row of rows.partition('public').range(EVERYTHING)) {
      const letter = String.fromCharCode(row.key[0] as number)
      if (letter === 'Q') this.#held.add(idAtEnd(row.key))
      if (letter === 'M') this.#takeOwn({ type: 'put', ...row })
      if (letter === 'Y') {
        const entry = this.#ledger.get(idAtEnd(row.key))
        this.#path(entry.path).received.set(entry.id, entry)
      }
      if (letter !== 'E') continue
      const path = this.#path(toHex(row.key.subarray(1)))
      path.live = decodeLiveRow(row.value).map((entry) => entry.id)
      for (const id of path.live) path.received.set(id, this.#ledger.get(id))
    }
    for (const [path, record] of this.#paths) {
      record.past.push({ landing: this.#landings, live: record.live })
      this.#noteContested(path, record.live)
      this.#checkAll(path, record)
    }
    this.#contestedPast.push({ landing: this.#landings, paths: new Set(this.#contested) })
  }

  /** Holds everything at every path to the ledger. */
  checkAll(): void {
    for (const [path, record] of this.#paths) this.#checkAll(path, record)
  }

  #judge(
    path: string,
    arrived: readonly StoredEntry[],
    live: readonly StoredEntry[] | undefined,
    gone: readonly string[],
    codec: DomainCodec | undefined
  ): void {
    const record = this.#path(path)
    const before = record.live
    this.#learn(record, arrived, codec)
    if (live !== undefined) record.live = live.map((entry) => entry.id)
    for (const id of gone) {
      promised(record.live.includes(id), 'P11: what was ever live is live or in history', () => id)
    }
    record.past.push({ landing: this.#landings, live: record.live })
    const expected = standing(record.received.values())
    const isAsTold = expected.size === record.live.length && record.live.every((id) => expected.has(id))
    promised(isAsTold, 'P10: what stands is what the rules say', () => {
      return `at ${path} of ${this.place}: ${record.live.join()} instead of ${[...expected].join()}`
    })
    const fallen = [...before, ...arrived.map((entry) => entry.id)].filter((id) => !record.live.includes(id))
    for (const id of fallen) this.#checkFallen(path, record, id)
    this.#checkBeside(path, record)
    this.#noteContested(path, record.live)
    this.#contestedPast.push({ landing: this.#landings, paths: new Set(this.#contested) })
  }

  /** Tells the ledger of what was written here, in the order it was; everything else it has to know already. */
  #learn(record: PathRecord, arrived: readonly StoredEntry[], codec: DomainCodec | undefined): void {
    let stood: Iterable<string> = record.live
    for (const entry of [...arrived].sort((a, b) => a.dot.n - b.dot.n)) {
      if (this.#ledger.find(entry.id) === undefined) {
        promised(this.#actors.has(entry.dot.actor), 'nothing comes from nowhere', () => {
          return `${entry.id} of ${entry.dot.actor} at ${this.place}`
        })
        promised(codec !== undefined, 'nothing is written before a device is open', () => entry.id)
        const known = this.#ledger.wrote(entry, codec, { place: this.place, isHostile: false }, stood)
        this.#checkWrite(known, [...stood])
        if (entry.dot.actor === this.#own.actor) this.#own = { ...this.#own, last: entry.dot.n }
        stood = [known.id]
      }
      record.received.set(entry.id, this.#ledger.get(entry.id))
    }
  }

  #checkWrite(entry: Known, stood: readonly string[]): void {
    const isExact = stood.length === entry.parents.length && stood.every((id) => entry.parents.includes(id))
    promised(isExact, 'P18: a write names exactly what it replaces', () => entry.id)
    for (const id of entry.saw) {
      const seen = this.#ledger.get(id)
      promised(seen.hlc < entry.hlc, 'P8: what was seen is older', () => entry.id)
      const isWhole = [...(seen.document ?? [])].every((line) => entry.document?.has(line) !== false)
      promised(isWhole, 'P31: a document holds all it replaces', () => entry.id)
    }
  }

  #checkAll(path: string, record: PathRecord): void {
    for (const id of record.received.keys())
      if (!record.live.includes(id)) this.#checkFallen(path, record, id)
    this.#checkBeside(path, record)
  }

  /** P10: whoever stands in the place of an entry had seen it, or had seen who had. */
  #checkFallen(path: string, { live }: PathRecord, id: string): void {
    const entry = this.#ledger.get(id)
    promised(this.#ledger.accountsFor(live, entry), 'P10: concurrent versions are both kept', () => {
      return `${id} at ${path} of ${this.place} was replaced by ${live.join()}, which had not seen it`
    })
  }

  /** P10: no two stand beside each other of which one had seen the other. */
  #checkBeside(path: string, { live }: PathRecord): void {
    for (const id of live) {
      const seen = live.find((other) => this.#ledger.get(id).saw.has(other))
      promised(
        seen === undefined || this.#ledger.isMurky(this.#ledger.get(id)),
        'P10: no false conflict',
        () => {
          return `${id} and ${seen} at ${path} of ${this.place}, and the first had seen the second`
        }
      )
    }
  }

  #noteContested(path: string, live: readonly string[]): void {
    if (isContested(live.map((id) => this.#ledger.get(id)))) this.#contested.add(path)
    else this.#contested.delete(path)
  }

  #path(path: string): PathRecord {
    const known = this.#paths.get(path) ?? { received: new Map(), live: [], past: [] }
    this.#paths.set(path, known)
    return known
  }

  #takeOwn({ key, value }: RowChange & { type: 'put' }): void {
    if (Buffer.from(key.subarray(1)).toString() !== 'own') return
    const [, actor] = decodeCbor(value) as [Uint8Array, Uint8Array]
    const name = toHex(actor)
    this.#own = { actor: name, last: this.#lastOf(name) }
    this.#actors.add(name)
  }

  #lastOf(actor: string): number {
    let last = 0
    for (const { received } of this.#paths.values()) {
      for (const entry of received.values()) if (entry.actor === actor) last = Math.max(last, entry.n)
    }
    return last
  }
}

const EVERYTHING = { gte: new Uint8Array(0), lt: new Uint8Array(600).fill(0xff) }

function idAtEnd(key: Uint8Array): string {
  return toHex(key).slice(-ID_HEX_DIGITS)
}

function pathOfHistoryKey(key: Uint8Array): string {
  const depth = key[1] as number
  return toHex(key.subarray(2, 2 + depth * 16))
}

/** Whether several versions stand at a path that differ. */
export function isContested(live: readonly Known[]): boolean {
  if (live.some((entry) => entry.values.length === 0)) return true
  const distinct = new Set(live.flatMap((entry) => entry.values))
  if (distinct.size < 2) return false
  const areDocuments = live.every((entry) => entry.document !== undefined && entry.values.length === 1)
  // Documents merge when they are read, unless one should hold the other and lacks something of it.
  return !areDocuments || live.some((later) => live.some((earlier) => covers(later, earlier)))
}

/** What was there at a moment, and everything after it. */
function since<T extends { readonly landing: number }>(
  past: readonly T[],
  landing: number,
  before: T
): readonly T[] {
  let first = past.length
  while (first > 0 && (past[first - 1] as T).landing > landing) first--
  return first === 0 ? [before, ...past] : past.slice(first - 1)
}
