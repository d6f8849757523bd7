/*
 * What replaces what. Vectors decide, with one exception: the save of a document must hold the state of every document
 * it covers. One that it lacks stays live beside it, which is a conflict. Whether it lacks it follows from the two
 * entries alone, so that replicas that have both agree.
 *
 * A document that is deleted, or replaced on purpose, may be started anew, and its next saves cover what they need not
 * hold. Each save says what that is: `dropped` is what the latest replacements on purpose below it had seen.
 */
import { covers, dominates, EMPTY_VECTOR, includes, join, type VersionVector } from '@cis-memory/clock'
import { holdsState } from '../documents/merge.ts'
import type { OpenedEntry } from './open-entry.ts'
import type { StoredEntry } from './stored-entry.ts'

/** Whether `f` replaces `e`: it covers it and, where that is asked of it, holds its state. */
export function replaces(f: OpenedEntry, e: OpenedEntry): boolean {
  return covers(f.stored, e.stored) && !lacks(f, e)
}

/** Whether the save of a document lacks a document that it should hold. */
function lacks(f: OpenedEntry, e: OpenedEntry): boolean {
  const state = savedState(f)
  if (state === undefined || includes(droppedBy(f), e.stored.dot)) return false
  return e.alternatives.some(
    ({ kind, value }) => kind === 'document' && !holdsState(state, value as Uint8Array)
  )
}

/** The state that a save of a document holds; `undefined` for other entries and for what cannot be opened. */
function savedState({ stored, alternatives }: OpenedEntry): Uint8Array | undefined {
  return stored.header.type === 'ydoc' ? (alternatives[0]?.value as Uint8Array | undefined) : undefined
}

/** What a save that replaces these entries need not hold. */
export function droppedBelow(replaced: readonly OpenedEntry[]): VersionVector {
  return join(...replaced.map(droppedBy))
}

/** What an entry has dropped on purpose: what a save says, and all that another entry had seen before itself. */
function droppedBy(entry: OpenedEntry): VersionVector {
  return savedState(entry) === undefined ? seenBefore(entry.stored) : (entry.payload?.dropped ?? EMPTY_VECTOR)
}

function seenBefore({ dot, context }: StoredEntry): VersionVector {
  return dot.n === 1 ? context : join(context, new Map([[dot.actor, dot.n - 1]]))
}

/**
 * Whether an entry that replaces another also replaces whatever that one does. Honest contexts always say so: they
 * hold whatever those they replace had seen. So does what an honest save says that it dropped.
 */
export function replacesAllThat(later: OpenedEntry, replaced: OpenedEntry): boolean {
  if (!dominates(join(later.stored.context, seenBefore(later.stored)), replaced.stored.context)) return false
  if (savedState(later) === undefined) return true
  const dropped = droppedBy(later)
  const isDropped = includes(dropped, replaced.stored.dot)
  return dominates(dropped, isDropped ? seenBefore(replaced.stored) : droppedBy(replaced))
}
