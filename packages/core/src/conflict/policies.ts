import picomatch from 'picomatch'
import { isWithin, type Path, parsePath, ROOT, relativeTo } from '../entry/path.ts'
import { CoreError } from '../errors.ts'
import { MAX_CONFLICT_POLICIES, MAX_POLICY_PATTERN_CHARACTERS } from '../limits.ts'
import type {
  Conflict,
  ConflictKind,
  ConflictMode,
  MergeProposal,
  PolicyDecision,
  Version
} from '../versions.ts'
import type { ConflictPolicy, ConflictSettings } from './conflict-types.ts'
import { mergedAlternative } from './merged-alternative.ts'

const MODES: readonly ConflictMode[] = ['manual', 'auto_lww', 'keep_all', 'ai_merge']
/** Names are no file names: nothing is hidden, no slash is a backslash, and what a pattern cannot say the order can. */
const GLOB: picomatch.PicomatchOptions = { dot: true, windows: false, nonegate: true, noextglob: true }

/** A mode, and whether it decides without anybody's yes. */
interface Choice {
  readonly mode: ConflictMode
  readonly decides: boolean
}

interface Rule extends Choice {
  readonly scope: Path
  readonly matches: (relativePath: string) => boolean
}

/** Which mode counts where. */
export class Policies {
  /** Leaves every conflict to people. */
  static readonly NONE: Policies = new Policies({})

  readonly #usual: Choice
  readonly #rules: readonly Rule[]

  /** @throws {CoreError} `CORE_BAD_OPTION`, `CORE_BAD_PATH` */
  constructor({
    mode = 'manual',
    auto,
    policies = []
  }: Pick<ConflictSettings, 'mode' | 'auto' | 'policies'>) {
    this.#usual = choiceOf(mode, auto)
    if (policies.length > MAX_CONFLICT_POLICIES) {
      throw badSetting(`there are at most ${MAX_CONFLICT_POLICIES} conflict policies`)
    }
    this.#rules = policies.map(ruleOf)
  }

  /** Whether models are to be asked anywhere. */
  get asksModels(): boolean {
    return [this.#usual, ...this.#rules].some(({ mode }) => mode === 'ai_merge')
  }

  /** The mode that was chosen for a path. */
  modeAt(path: Path): ConflictMode {
    return this.#at(path).mode
  }

  /** The mode that decides what is read at a path. Proposals that wait for a yes decide nothing. */
  decidingModeAt(path: Path): ConflictMode {
    const { mode, decides } = this.#at(path)
    return decides ? mode : 'manual'
  }

  /** Whether a conflict is settled as soon as it is there. A merge never is: nobody can have proposed it yet. */
  settlesAtOnce(path: Path | undefined, kind: ConflictKind): boolean {
    const mode = path === undefined ? 'manual' : this.modeAt(path)
    return mode !== 'ai_merge' && maySettle(mode, kind)
  }

  #at(path: Path): Choice {
    const rule = this.#rules.find(
      ({ scope, matches }) => isWithin(path, scope) && matches(relativeTo(path, scope))
    )
    return rule ?? this.#usual
  }
}

function ruleOf({ mode, auto, scope, pattern }: ConflictPolicy): Rule {
  return {
    ...choiceOf(mode, auto),
    scope: scope === undefined ? ROOT : parsePath(scope),
    matches: pattern === undefined ? () => true : matcherOf(pattern)
  }
}

function matcherOf(pattern: string): (relativePath: string) => boolean {
  if (typeof pattern !== 'string' || pattern === '' || pattern.length > MAX_POLICY_PATTERN_CHARACTERS) {
    throw badSetting(`the pattern of a policy has 1 to ${MAX_POLICY_PATTERN_CHARACTERS} characters`)
  }
  return picomatch(pattern.normalize('NFC'), GLOB)
}

function choiceOf(mode: ConflictMode, auto = false): Choice {
  if (!MODES.includes(mode)) throw badSetting(`the mode of a conflict policy is one of: ${MODES.join(', ')}`)
  if (typeof auto !== 'boolean') throw badSetting('auto is true or false')
  if (auto && mode !== 'ai_merge') throw badSetting('auto goes with the mode ai_merge alone')
  return { mode, decides: auto || mode !== 'ai_merge' }
}

/**
 * Checks what is not about policies: a program gives it, and a time that is none would show only when a conflict ends.
 *
 * @throws {CoreError} `CORE_BAD_OPTION`
 */
export function checkNumbers({ windowMs, retentionMs, alertOpen, alertPerDay }: ConflictSettings): void {
  for (const ms of [windowMs, retentionMs]) {
    if (ms !== undefined && !(ms >= 0)) throw badSetting('windowMs and retentionMs are milliseconds from 0')
  }
  for (const count of [alertOpen, alertPerDay]) {
    if (count !== undefined && !(Number.isSafeInteger(count) && count >= 1)) {
      throw badSetting('alertOpen and alertPerDay are whole numbers from 1')
    }
  }
}

function badSetting(problem: string): CoreError {
  return new CoreError('CORE_BAD_OPTION', `${problem}; nothing was opened`)
}

const LEFT_TO_PEOPLE: ReadonlySet<ConflictKind> = new Set(['fork', 'incomplete', 'unreadable'])

export type SettlingMode = PolicyDecision['mode']

/**
 * Whether a mode can settle a conflict at all. Evidence of a fork, a document that has lost something and what nobody
 * can read are for people.
 */
export function maySettle(mode: ConflictMode, kind: ConflictKind): mode is SettlingMode {
  return mode !== 'manual' && !LEFT_TO_PEOPLE.has(kind)
}

/**
 * The version that a mode has readers see; `undefined` leaves the conflict contested. Versions come earliest first by
 * `(hlc, actor, n)`, those of one entry in the order an undo gave them, which is the same.
 *
 * @param proposal what was proposed for exactly this conflict and not refused
 */
export function versionChosenBy(
  mode: SettlingMode,
  { versions }: Conflict,
  proposal: MergeProposal | undefined,
  isReadable: (version: Version) => boolean
): Version | undefined {
  const latest = versions.at(-1)
  if (mode === 'auto_lww') return latest
  const readable = versions.findLast(isReadable) ?? latest
  if (mode === 'keep_all' || readable === undefined) return readable
  return proposal === undefined ? undefined : { ...readable, ...mergedAlternative(versions, proposal) }
}
