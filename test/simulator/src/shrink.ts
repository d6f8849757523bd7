import type { FaultName } from './faults.ts'
import type { Action, Script } from './script.ts'

/** One of three may be hostile, and the others have somebody to agree with. */
const MIN_REPLICAS = 3

export interface ShrinkOptions {
  /** Whether a script still fails in the way that is looked for. */
  readonly fails: (script: Script) => Promise<boolean>
  /** Whether it has taken long enough; what was found by then is the answer. */
  readonly isOver: () => boolean
  readonly onProgress?: (script: Script) => void
}

/**
 * A shorter script that fails in the same way: actions are taken out, half of them first and single ones last (delta
 * debugging), then faults, devices, and whatever else an action can do without.
 *
 * @see Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input" (2002)
 */
export async function shrink(script: Script, options: ShrinkOptions): Promise<Script> {
  let current = script
  const attempt = async (candidate: Script): Promise<boolean> => {
    if (options.isOver() || !(await options.fails(candidate))) return false
    current = candidate
    options.onProgress?.(current)
    return true
  }
  for (let before = -1; before !== current.actions.length && !options.isOver(); ) {
    before = current.actions.length
    await removeActions(() => current, attempt)
    await calm(() => current, attempt)
    await simplify(() => current, attempt)
  }
  return current
}

type Current = () => Script
type Attempt = (candidate: Script) => Promise<boolean>

async function removeActions(current: Current, attempt: Attempt): Promise<void> {
  for (let size = Math.ceil(current().actions.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < current().actions.length; ) {
      const { actions } = current()
      const left = [...actions.slice(0, at), ...actions.slice(at + size)]
      if (!(await attempt({ ...current(), actions: left }))) at += size
    }
  }
}

/** Fewer devices and fewer faults. */
async function calm(current: Current, attempt: Attempt): Promise<void> {
  while (
    current().replicas > MIN_REPLICAS &&
    (await attempt({ ...current(), replicas: current().replicas - 1 }))
  ) {}
  for (const name of Object.keys(current().faults) as FaultName[]) {
    const { faults } = current()
    if (faults[name] !== 0) await attempt({ ...current(), faults: { ...faults, [name]: 0 } })
  }
}

async function simplify(current: Current, attempt: Attempt): Promise<void> {
  for (let at = 0; at < current().actions.length; at++) {
    for (const simpler of simplerThan(current().actions[at] as Action)) {
      await attempt({ ...current(), actions: current().actions.with(at, simpler) })
    }
  }
}

function* simplerThan(action: Action): Iterable<Action> {
  if ('cut' in action) {
    const { cut: _, ...whole } = action
    yield whole
  }
  if ('thinkMs' in action && action.thinkMs > 0) yield { ...action, thinkMs: 0 }
  if (action.gapMs > 0 && action.gapMs !== 1_000) yield { ...action, gapMs: 1_000 }
  if ('device' in action && action.device > 20) yield { ...action, device: action.device % 20 }
  if ('path' in action && action.path > 0) yield { ...action, path: 0 }
  if (action.type === 'sync' && action.isKept) yield { ...action, isKept: false }
  if (action.type === 'sync' && action.scope > 0) yield { ...action, scope: 0 }
  if (action.type === 'sync' && action.share > 0) yield { ...action, share: 0 }
}
