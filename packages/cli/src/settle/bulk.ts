import type { Choice, CisSession, Conflict } from 'cis-memory/session'
import { codeOf } from '../errors.ts'
import { draftOf } from '../merge/draft.ts'

/** One rule for many conflicts. `latest` is the version that was written last, by the clocks of those who wrote. */
export const STRATEGIES = ['local', 'remote', 'both', 'latest', 'merge'] as const
export type Strategy = (typeof STRATEGIES)[number]

/** A conflict that is to be settled by a rule. It holds no values, so that there may be many. */
export interface Planned {
  readonly id: string
  readonly path: string
  /** `merge` is worked out when its turn comes; `undefined` when the rule says nothing about it. */
  readonly choice: Choice | 'merge' | undefined
}

/**
 * - `settled`. `stale`: it is another conflict by now, or none.
 * - `skipped`: the rule does not say which of its versions to keep.
 */
export interface Outcome {
  readonly planned: Planned
  readonly outcome: 'settled' | 'stale' | 'skipped'
  /** Why it was not settled: an error code. */
  readonly code: string | undefined
}

/** Settled at once: writes that wait together reach the disk together. */
const MAX_PARALLEL = 16

/** What a rule comes to for a conflict. */
export function plan({ id, path, versions }: Conflict, strategy: Strategy): Planned {
  return { id, path, choice: choiceFor(versions, strategy) }
}

function choiceFor(versions: Conflict['versions'], strategy: Strategy): Planned['choice'] {
  const locals = versions.filter(({ isLocal }) => isLocal).length
  const isReadable = versions.every(({ kind }) => kind !== 'unreadable')
  const last = versions.at(-1)
  switch (strategy) {
    case 'local':
      return locals > 1 ? undefined : { keep: 'local' }
    case 'remote':
      return locals > 1 || versions.length !== 2 ? undefined : { keep: 'remote' }
    case 'both':
      return isReadable ? { keep: 'both' } : undefined
    case 'latest':
      return last === undefined || !isReadable ? undefined : { keep: last.entryId, index: last.index }
    case 'merge':
      return 'merge'
  }
}

/** Settles conflicts, some at a time, in no promised order. */
export async function* settleAll(
  session: CisSession,
  plans: readonly Planned[],
  signal: AbortSignal
): AsyncGenerator<Outcome> {
  const waiting = plans.values()
  const running = new Map<Planned, Promise<Outcome>>()
  for (;;) {
    while (running.size < MAX_PARALLEL) {
      const { value, done } = waiting.next()
      if (done) break
      running.set(value, settle(session, value, signal))
    }
    if (running.size === 0) return
    const finished = await Promise.race(running.values())
    running.delete(finished.planned)
    yield finished
  }
}

async function settle(session: CisSession, planned: Planned, signal: AbortSignal): Promise<Outcome> {
  const { id, path } = planned
  try {
    const choice = planned.choice === 'merge' ? await mergeOf(session, planned, signal) : planned.choice
    if (choice === undefined) return { planned, outcome: 'skipped', code: 'CORE_AMBIGUOUS_CHOICE' }
    await session.call('conflicts.resolve', { id, path, choice }, { signal })
    return { planned, outcome: 'settled', code: undefined }
  } catch (error) {
    signal.throwIfAborted()
    const code = codeOf(error)
    if (code === 'CORE_STALE_CONFLICT' || code === 'CORE_CONFLICT_NOT_FOUND') {
      return { planned, outcome: 'stale', code }
    }
    if (code !== 'CORE_AMBIGUOUS_CHOICE') throw error
    return { planned, outcome: 'skipped', code }
  }
}

/** What each changed, when that is text and does not overlap. */
async function mergeOf(
  session: CisSession,
  { id }: Planned,
  signal: AbortSignal
): Promise<Choice | undefined> {
  const shown = await session.call('conflicts.show', { conflict: id }, { signal })
  return (await draftOf(shown))?.merged?.choice
}
