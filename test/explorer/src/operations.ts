/** What an owner does on one device. */
export type Act = 'put' | 'same' | 'delete' | 'keep' | 'both' | 'undo'
/** What happens to a device's disk. */
export type Fate = 'backup' | 'restore' | 'clone' | 'cut' | 'kill'
export type Exchange = 'pull' | 'sync'
/** What a member's forged entry pretends to have been written: after all others, or before them. */
export type Forgery = 'ahead' | 'behind'

/** A device stops for good once so many of its batches have landed. */
export interface Stop {
  readonly place: number
  readonly batches: number
}

/** One thing that happens. Replicas are numbered from 0; the place behind the last is for a clone. */
export type Operation =
  | { readonly type: Act; readonly place: number }
  | { readonly type: Fate; readonly place: number }
  | { readonly type: Exchange; readonly place: number; readonly peer: number; readonly stop?: Stop }
  /** A hostile member hands a forged entry to `place` that claims to have seen the first write of `about`. */
  | { readonly type: Forgery; readonly place: number; readonly about: number }

export type Kind = Operation['type'] | 'stop'

export const ACTS: readonly Act[] = ['put', 'same', 'delete', 'keep', 'both', 'undo']
export const FATES: readonly Fate[] = ['backup', 'restore', 'clone', 'cut', 'kill']
export const EXCHANGES: readonly Exchange[] = ['pull', 'sync']
export const FORGERIES: readonly Forgery[] = ['ahead', 'behind']
export const KINDS: readonly Kind[] = [...ACTS, ...FATES, ...EXCHANGES, ...FORGERIES, 'stop']

/** What there is to happen on devices that wait for their disks. */
export const DEFAULT_KINDS: readonly Kind[] = [
  ...(['put', 'delete', 'keep', 'undo', 'pull', 'stop'] as const),
  ...(['backup', 'restore', 'clone'] as const)
]

export function isAct(operation: Operation): operation is Operation & { readonly type: Act } {
  return ACTS.includes(operation.type as Act)
}

/** All operations of some kinds, but for those that stop in the middle: what there is to stop shows when they run. */
export function operationsOf(kinds: ReadonlySet<Kind>, replicas: number): Operation[] {
  const all: Operation[] = []
  const replicaPlaces = [...Array(replicas).keys()]
  const places = kinds.has('clone') ? [...replicaPlaces, replicas] : replicaPlaces
  for (const place of places) {
    for (const type of ACTS) if (kinds.has(type)) all.push({ type, place })
    for (const type of EXCHANGES) {
      if (!kinds.has(type)) continue
      for (const peer of places) if (peer !== place) all.push({ type, place, peer })
    }
  }
  for (const place of replicaPlaces) {
    for (const type of FATES) if (kinds.has(type)) all.push({ type, place })
    for (const type of FORGERIES) {
      if (!kinds.has(type)) continue
      for (const about of replicaPlaces) all.push({ type, place, about })
    }
  }
  return all
}

const SEPARATORS = { pull: '<', sync: '-' } as const

/** An operation as `parseOperation` reads it. */
export function formatOperation(operation: Operation): string {
  const { type, place } = operation
  if ('about' in operation) return `${type} ${place} ${operation.about}`
  if (!('peer' in operation)) return `${type} ${place}`
  const { peer, stop } = operation
  const end = stop === undefined ? '' : ` !${stop.place}:${stop.batches}`
  return `${type} ${place}${SEPARATORS[operation.type]}${peer}${end}`
}

const NOTATION =
  /^(?<type>[a-z]+) (?<place>\d)(?:[<-](?<peer>\d))?(?: (?<about>\d))?(?: !(?<at>\d):(?<batches>\d))?$/

export function parseOperation(text: string): Operation {
  const { type, place, peer, about, at, batches } = NOTATION.exec(text.trim())?.groups ?? {}
  if (type === undefined || !KINDS.includes(type as Kind)) throw new RangeError(`no operation: ${text}`)
  if (peer !== undefined) {
    const stop = at === undefined ? {} : { stop: { place: Number(at), batches: Number(batches) } }
    return { type: type as Exchange, place: Number(place), peer: Number(peer), ...stop }
  }
  if (about !== undefined) return { type: type as Forgery, place: Number(place), about: Number(about) }
  return { type: type as Act | Fate, place: Number(place) }
}
