import { type Path, parentOf } from '../entry/path.ts'
import type { Replica } from '../replica/replica.ts'
import { conflictOf } from '../replica/view.ts'
import type { ConflictKind, VersionSummary } from '../versions.ts'
import type { ConflictStats, ConflictSuggestion, DeviceLabel } from './conflict-types.ts'
import { endedConflicts } from './settled.ts'

const DAY_MS = 24 * 60 * 60 * 1000
/** What happens this often at one place is no accident. */
const MIN_REPEATED = 3
const OLD_CONFLICT_MS = 7 * DAY_MS
const MAX_LISTED = 20
const MAX_SUGGESTED = 5

/** What is counted of a conflict, open or not. */
interface Counted {
  readonly path: string
  readonly kind: ConflictKind
  readonly detectedAt: number
  readonly versions: readonly Pick<VersionSummary, 'device' | 'deviceName'>[]
}

interface PairCount {
  readonly devices: readonly [DeviceLabel, DeviceLabel]
  readonly count: number
}

/** Counts the conflicts at or below a scope that were noticed since. */
export async function conflictStats(
  replica: Replica,
  scope: Path,
  since: number,
  signal: AbortSignal | undefined
): Promise<ConflictStats> {
  signal?.throwIfAborted()
  const tally = new Tally()
  const counts = { open: 0, settledByPolicy: 0, settled: 0, old: 0 }
  const oldest = replica.runtime.now() - OLD_CONFLICT_MS
  for await (const read of replica.view('public').inConflict(scope)) {
    signal?.throwIfAborted()
    const conflict = conflictOf(read)
    if (conflict === undefined || conflict.detectedAt < since) continue
    counts[read.state === 'conflict' ? 'open' : 'settledByPolicy']++
    if (read.state === 'conflict' && conflict.detectedAt < oldest) counts.old++
    tally.add(conflict)
  }
  for await (const ended of endedConflicts(replica, scope, since)) {
    signal?.throwIfAborted()
    if (ended.detectedAt < since) continue
    counts.settled++
    tally.add(ended)
  }
  return tally.stats(counts)
}

class Tally {
  readonly #paths = new Map<string, number>()
  readonly #scopes = new Map<string, number>()
  readonly #days = new Map<string, number>()
  readonly #pairs = new Map<string, PairCount>()

  /** A conflict that an undo brought back was counted when it came: nobody wrote against anybody this time. */
  add({ path, kind, detectedAt, versions }: Counted): void {
    if (kind === 'reopened') return
    increase(this.#paths, path)
    increase(this.#scopes, parentOf(path as Path))
    increase(this.#days, new Date(detectedAt).toISOString().slice(0, 10))
    for (const devices of pairsOf(versions)) {
      const key = devices.map(({ device }) => device).join(' ')
      this.#pairs.set(key, { devices, count: (this.#pairs.get(key)?.count ?? 0) + 1 })
    }
  }

  stats({
    old,
    ...counts
  }: {
    readonly open: number
    readonly settledByPolicy: number
    readonly settled: number
    readonly old: number
  }): ConflictStats {
    const byPath = most(this.#paths).map(([path, count]) => ({ path, count }))
    const byScope = most(this.#scopes).map(([scope, count]) => ({ scope, count }))
    const byDevices = [...this.#pairs.values()].sort((a, b) => b.count - a.count).slice(0, MAX_LISTED)
    const perDay = [...this.#days].sort().map(([day, count]) => ({ day, count }))
    return { ...counts, byPath, byScope, byDevices, perDay, suggestions: suggest(byPath, byDevices, old) }
  }
}

function suggest(
  byPath: ConflictStats['byPath'],
  byDevices: ConflictStats['byDevices'],
  old: number
): ConflictSuggestion[] {
  const isRepeated = ({ count }: { readonly count: number }): boolean => count >= MIN_REPEATED
  const suggestions: ConflictSuggestion[] = [
    ...byDevices
      .filter(isRepeated)
      .slice(0, MAX_SUGGESTED)
      .map(({ devices, count }) => ({ code: 'sync-before-writing', devices, count }) as const),
    ...byPath
      .filter(isRepeated)
      .slice(0, MAX_SUGGESTED)
      .map(({ path, count }) => ({ code: 'split-this-key', path, count }) as const)
  ]
  if (old > 0) suggestions.push({ code: 'settle-old-conflicts', count: old })
  return suggestions
}

function pairsOf(versions: Counted['versions']): [DeviceLabel, DeviceLabel][] {
  const byDevice = new Map(versions.map(({ device, deviceName }) => [device, deviceName]))
  const devices = [...byDevice]
    .map(([device, name]): DeviceLabel => ({ device, name }))
    .sort((a, b) => (a.device < b.device ? -1 : 1))
  return devices.flatMap((one, at) =>
    devices.slice(at + 1).map((other): [DeviceLabel, DeviceLabel] => [one, other])
  )
}

function increase(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}

function most(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MAX_LISTED)
}
