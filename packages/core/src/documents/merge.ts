import { invariant } from '../errors.ts'

type Yjs = typeof import('yjs')

/** Loading it is a fifth of what reading one memory from the shell takes, and few memories are documents. */
let loaded: Yjs | undefined

/** Loads what everything here but {@link isDocumentState} takes for granted. */
export async function loadYjs(): Promise<Yjs> {
  loaded ??= await import('yjs')
  return loaded
}

/** Yjs, for whoever holds a document that was opened. */
export function loadedYjs(): Yjs {
  invariant(loaded !== undefined, 'documents are compared and merged after they were opened')
  return loaded
}

/**
 * Whether bytes are a Yjs state. A member may sign anything; what Yjs cannot take in would break every reader. Loads
 * Yjs when it is the first to be asked.
 */
export async function isDocumentState(bytes: Uint8Array): Promise<boolean> {
  const { applyUpdate, decodeUpdate, Doc } = await loadYjs()
  try {
    // Reads what is there. The other makes room for as many parts as a few bytes can announce, before it reads any.
    decodeUpdate(bytes)
    // A name of its own costs more than the rest, and nobody asks for it.
    applyUpdate(new Doc({ guid: '' }), bytes)
    return true
  } catch {
    return false
  }
}

/**
 * One Yjs state that contains all of the given ones, each of which has been found to be one. The result does not
 * depend on their order as a document.
 */
export function mergeDocuments(states: readonly Uint8Array[]): Uint8Array {
  return states.length === 1 ? (states[0] as Uint8Array) : loadedYjs().mergeUpdates([...states])
}

/**
 * Whether a state has everything that another has: each of its insertions and each of its deletions. Both are ranges
 * of a client's clock, and both only ever grow.
 */
export function holdsState(state: Uint8Array, other: Uint8Array): boolean {
  const its = loadedYjs().decodeUpdate(state)
  const others = loadedYjs().decodeUpdate(other)
  return (
    holdsRanges(insertionsOf(its), insertionsOf(others)) && holdsRanges(deletionsOf(its), deletionsOf(others))
  )
}

/** A part of a client's clock. */
interface ClockRange {
  readonly client: number
  readonly from: number
  readonly to: number
}

type Update = ReturnType<Yjs['decodeUpdate']>

function insertionsOf({ structs }: Update): ClockRange[] {
  return structs
    .filter((struct) => !(struct instanceof loadedYjs().Skip))
    .map(({ id, length }) => ({ client: id.client, from: id.clock, to: id.clock + length }))
}

function deletionsOf({ ds }: Update): ClockRange[] {
  return [...ds.clients].flatMap(([client, ranges]) =>
    ranges.map(({ clock, len }) => ({ client, from: clock, to: clock + len }))
  )
}

function holdsRanges(ranges: readonly ClockRange[], others: readonly ClockRange[]): boolean {
  const byClient = new Map<number, { from: number; to: number }[]>()
  for (const { client, from, to } of [...ranges].sort((a, b) => a.from - b.from)) {
    const joined = byClient.get(client) ?? []
    const last = joined.at(-1)
    if (last !== undefined && from <= last.to) last.to = Math.max(last.to, to)
    else joined.push({ from, to })
    byClient.set(client, joined)
  }
  return others.every(({ client, from, to }) =>
    byClient.get(client)?.some((joined) => joined.from <= from && to <= joined.to)
  )
}
