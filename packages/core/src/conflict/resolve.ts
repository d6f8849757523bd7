import { compareByTime } from '@cis-memory/clock'
import { checkLabels } from '../domains/labels.ts'
import { startsWith } from '../entry/bytes.ts'
import { type Path, parsePath, resolvePath } from '../entry/path.ts'
import { type Alternative, DELETED } from '../entry/payload.ts'
import { CoreError, StaleBaseError, StaleConflictError } from '../errors.ts'
import { MAX_ALTERNATIVES, MAX_COMMIT_ENTRIES } from '../limits.ts'
import type { Choice, Resolution, ResolveConflictOptions, ResolveOptions, Written } from '../memory-types.ts'
import type { Draft } from '../replica/group-writer.ts'
import { type OpenedEntry, pathName } from '../replica/open-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { Transaction } from '../replica/transaction.ts'
import { conflictOf, type DomainView, tokenOfUnreadable } from '../replica/view.ts'
import type { Conflict, Version } from '../versions.ts'
import { alternativeOf, besidePath, type CheckedChoice, checkChoice, decide, draftOf } from './choose.ts'
import { conflictId, conflictKind } from './detect.ts'
import { mergedAlternative } from './merged-alternative.ts'
import { type LocatedConflict, noProposal } from './proposals.ts'
import { checkUnchanged } from './unchanged.ts'

const SHORT_ID_LENGTHS = [6, 12, 32]

/** Finds, settles and takes back conflicts within a scope. */
export class Conflicts {
  readonly #replica: Replica
  readonly #scope: Path
  readonly #view: DomainView

  constructor(replica: Replica, scope: Path) {
    this.#replica = replica
    this.#scope = scope
    this.#view = replica.view('public')
  }

  /** One conflict by id or path. */
  async get(idOrPath: string): Promise<Conflict> {
    return (await this.find(idOrPath)).conflict
  }

  /** One conflict by id or path, with where it is. */
  async find(idOrPath: string): Promise<LocatedConflict> {
    const byId = await this.#replica.pathOfConflict(idOrPath)
    const named = byId === undefined ? resolvePath(this.#scope, idOrPath) : undefined
    const token = named === undefined ? byId : this.#view.codec.tokens.of(named)
    if (token === undefined || !this.#isInScope(token)) throw notFound()
    const conflict = await this.#view.conflictAt(token)
    if (conflict === undefined) throw notFound()
    // When nothing there can be opened, only whoever asks knows its name.
    return { conflict: named === undefined ? conflict : { ...conflict, path: named }, token }
  }

  /**
   * The conflict that an id names.
   *
   * @throws {StaleConflictError} when its versions are others by now
   */
  async findById(id: string): Promise<LocatedConflict> {
    const token = await this.#replica.pathOfConflict(id)
    if (token === undefined || !this.#isInScope(token)) throw notFound()
    const read = await this.#view.readAt(token)
    const conflict = conflictOf(read)
    if (conflict?.id !== id) throw new StaleConflictError(read.path, conflict?.id)
    return { conflict, token }
  }

  async resolve(id: string, choice: Choice, options: ResolveConflictOptions): Promise<Resolution> {
    options.signal?.throwIfAborted()
    const checked = checkChoice(choice, options.agent)
    const named = options.path === undefined ? undefined : this.#nameOf(options.path)
    const token =
      named === undefined ? await this.#replica.pathOfConflict(id) : this.#view.codec.tokens.of(named)
    if (token === undefined || !this.#isInScope(token)) throw notFound()
    const path = named ?? pathName(await this.#view.liveAt(token))
    if (path === undefined) throw nameless()
    const plan = (transaction: Transaction): Promise<readonly Draft[]> =>
      this.#planResolution(transaction, path, token, id, checked, options.agent)
    const maxEntries = 'keep' in checked && checked.keep === 'both' ? MAX_COMMIT_ENTRIES : 1
    const written = await this.#replica.write('public', plan, maxEntries)
    const settled = written.find((entry) => entry.path === path)
    if (settled === undefined) throw notFound()
    return {
      conflictId: id,
      path,
      entryId: settled.entryId,
      alsoWritten: written.filter((entry) => entry !== settled).map((entry) => entry.path)
    }
  }

  async #planResolution(
    transaction: Transaction,
    path: Path,
    token: Uint8Array,
    id: string,
    choice: CheckedChoice,
    agent: string | undefined
  ): Promise<readonly Draft[]> {
    const live = await transaction.live(token)
    const current = conflictKind(live) === undefined ? undefined : conflictId(token, live)
    if (current !== id) throw new StaleConflictError(path, current)
    if ('keep' in choice && choice.keep === 'proposal') {
      return [draftOf(path, await this.#proposed(transaction, id, token, live), agent)]
    }
    const { keep, beside } = decide(this.#view, live, choice)
    const drafts = new Map<Path, Draft>()
    for (const candidate of beside) {
      const at = await this.#freePath(transaction, path, candidate.version, drafts)
      drafts.set(at, draftOf(at, alternativeOf(candidate), agent))
    }
    return [...drafts.values(), draftOf(path, keep, agent)]
  }

  async #proposed(
    transaction: Transaction,
    id: string,
    token: Uint8Array,
    live: readonly OpenedEntry[]
  ): Promise<Alternative> {
    const proposal = await this.#view.proposalFor(id, token, transaction)
    if (proposal === undefined || proposal.refusedAt !== undefined) throw noProposal()
    const versions = live.flatMap((entry) => this.#view.versionsOf(entry))
    return mergedAlternative(versions, proposal)
  }

  /** A path beside another where nothing is, and where nothing of this resolution goes. */
  async #freePath(
    transaction: Transaction,
    path: Path,
    version: Version,
    taken: ReadonlyMap<Path, Draft>
  ): Promise<Path> {
    for (const length of SHORT_ID_LENGTHS) {
      const candidate = parsePath(besidePath(path, version, length))
      if (taken.has(candidate)) continue
      const token = this.#view.codec.tokens.of(candidate)
      const live = await transaction.live(token)
      const read = await this.#view.readOf(candidate, token, live, transaction)
      if (read.state === 'absent' && read.settledBy === undefined) return candidate
    }
    throw new StaleBaseError(path, [])
  }

  /** Brings back what the live version of a path replaced, as it was. */
  async undo(name: string, options: ResolveOptions): Promise<Written> {
    options.signal?.throwIfAborted()
    checkLabels(DELETED, options.agent)
    const path = resolvePath(this.#scope, name)
    const token = this.#view.codec.tokens.of(path)
    const shown = await this.#view.live(path)
    const replaced = await this.#replacedBy(path, shown)
    const plan = async (transaction: Transaction): Promise<readonly Draft[]> => {
      checkUnchanged(path, shown, await transaction.live(token))
      return [undoDraft(path, replaced, options.agent)]
    }
    const [written] = await this.#replica.write('public', plan)
    if (written === undefined) throw notFound()
    return written
  }

  /** The entries that the one live entry of a path replaced, earliest first. */
  async #replacedBy(path: Path, live: readonly OpenedEntry[]): Promise<OpenedEntry[]> {
    const [only, ...others] = live
    if (only === undefined || others.length > 0) {
      throw new CoreError('CORE_NOT_FOUND', 'there is no single write here to undo; nothing was written')
    }
    const parents = new Set(only.stored.header.parents)
    const found: OpenedEntry[] = []
    for await (const entry of this.#view.replaced(path)) {
      if (parents.has(entry.entryId)) found.push(entry)
      if (found.length === parents.size) break
    }
    found.sort((a, b) => compareByTime(a.stored, b.stored))
    if (found.length < parents.size || found.some((entry) => entry.payload === undefined)) {
      throw new CoreError(
        'CORE_NOT_FOUND',
        'what was replaced here is no longer in the history; nothing was written'
      )
    }
    return found
  }

  /** A path as a caller gives it; `undefined` for what one without a name is called. */
  #nameOf(path: string): Path | undefined {
    return tokenOfUnreadable(path) === undefined ? resolvePath(this.#scope, path) : undefined
  }

  /** By tokens, since a path none of whose versions can be opened has no name. */
  #isInScope(token: Uint8Array): boolean {
    return startsWith(token, this.#view.codec.tokens.of(this.#scope))
  }
}

/** One value comes back as it was; several come back together, and are a conflict again. */
function undoDraft(path: Path, replaced: readonly OpenedEntry[], agent: string | undefined): Draft {
  const alternatives = replaced.flatMap((entry) => entry.alternatives)
  if (alternatives.length > MAX_ALTERNATIVES) {
    throw new CoreError(
      'CORE_TOO_MANY_VERSIONS',
      `this would bring back more than ${MAX_ALTERNATIVES} versions at once; nothing was written. Read them from the history`
    )
  }
  const [only, ...others] = alternatives
  if (only === undefined) return { path, type: 'delete', alternatives: [DELETED], agent, sources: [] }
  if (others.length === 0) return draftOf(path, only, agent)
  return { path, type: 'put', alternatives, agent, sources: [] }
}

function nameless(): CoreError {
  return new CoreError(
    'CORE_AMBIGUOUS_CHOICE',
    'none of these versions can be opened here, so the name of their memory is not known; nothing was written. Give its path with the choice, or write to it by its path, with what was read there as the base'
  )
}

function notFound(): CoreError {
  return new CoreError(
    'CORE_CONFLICT_NOT_FOUND',
    'there is no such conflict in this scope: it is settled, it has changed, or it lies elsewhere'
  )
}
