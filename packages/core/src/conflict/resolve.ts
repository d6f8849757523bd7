import { isWithin, type Path, parsePath, resolvePath } from '../entry/path.ts'
import { DELETED } from '../entry/payload.ts'
import { CoreError, StaleBaseError, StaleConflictError } from '../errors.ts'
import { MAX_ALTERNATIVES, MAX_COMMIT_ENTRIES } from '../limits.ts'
import type { Choice, Resolution, ResolveOptions, Written } from '../memory-types.ts'
import type { Draft } from '../replica/group-writer.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { Transaction } from '../replica/transaction.ts'
import type { DomainView } from '../replica/view.ts'
import type { Conflict } from '../versions.ts'
import { alternativeOf, besidePath, decide, draftOf } from './choose.ts'
import { conflictId, conflictKind } from './detect.ts'

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
    const token = await this.#tokenOf(idOrPath)
    const conflict = token === undefined ? undefined : await this.#view.conflictAt(token)
    if (conflict === undefined || !isWithin(conflict.path as Path, this.#scope)) throw notFound()
    return conflict
  }

  async resolve(id: string, choice: Choice, options: ResolveOptions): Promise<Resolution> {
    options.signal?.throwIfAborted()
    const token = await this.#replica.pathOfConflict(id)
    if (token === undefined) throw notFound()
    const live = await this.#view.liveAt(token)
    const path = live.find((entry) => entry.payload !== undefined)?.payload?.path
    if (path === undefined || !isWithin(path, this.#scope)) throw notFound()
    const plan = (transaction: Transaction): Promise<readonly Draft[]> =>
      this.#planResolution(transaction, path, token, id, choice, options.agent)
    const maxEntries = 'keep' in choice && choice.keep === 'both' ? MAX_COMMIT_ENTRIES : 1
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
    choice: Choice,
    agent: string | undefined
  ): Promise<readonly Draft[]> {
    const live = await transaction.live(token)
    const current = conflictKind(live) === undefined ? undefined : conflictId(token, live)
    if (current !== id) throw new StaleConflictError(path, current)
    const { keep, beside } = decide(this.#view, live, choice)
    const drafts: Draft[] = []
    for (const candidate of beside) {
      const at = await this.#freePath(transaction, path, (length) =>
        besidePath(path, candidate.version, length)
      )
      drafts.push(draftOf(at, alternativeOf(candidate), agent))
    }
    return [...drafts, draftOf(path, keep, agent)]
  }

  /** A path beside another where nothing is. */
  async #freePath(transaction: Transaction, path: Path, nameOf: (idLength: number) => string): Promise<Path> {
    for (const length of SHORT_ID_LENGTHS) {
      const candidate = parsePath(nameOf(length))
      const token = this.#view.codec.tokens.of(candidate)
      const live = await transaction.live(token)
      if (this.#view.toRead(candidate, token, live, 0).state === 'absent') return candidate
    }
    throw new StaleBaseError(path, [])
  }

  /** Brings back what the live version of a path replaced, as it was. */
  async undo(name: string, options: ResolveOptions): Promise<Written> {
    options.signal?.throwIfAborted()
    const path = resolvePath(this.#scope, name)
    const token = this.#view.codec.tokens.of(path)
    const shown = await this.#view.live(path)
    const replaced = await this.#replacedBy(path, shown)
    const plan = async (transaction: Transaction): Promise<readonly Draft[]> => {
      const live = await transaction.live(token)
      const isSame =
        live.length === shown.length && live.every((entry, at) => entry.entryId === shown[at]?.entryId)
      if (!isSame) {
        throw new StaleBaseError(
          path,
          live.map((entry) => entry.entryId)
        )
      }
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
      if (parents.has(entry.entryId)) found.unshift(entry)
      if (found.length === parents.size) break
    }
    if (found.length < parents.size || found.some((entry) => entry.payload === undefined)) {
      throw new CoreError(
        'CORE_NOT_FOUND',
        'what was replaced here is no longer in the history; nothing was written'
      )
    }
    return found
  }

  async #tokenOf(idOrPath: string): Promise<Uint8Array | undefined> {
    const byId = await this.#replica.pathOfConflict(idOrPath)
    if (byId !== undefined) return byId
    return this.#view.codec.tokens.of(resolvePath(this.#scope, idOrPath))
  }
}

/** One value comes back as it was; several come back together, and are a conflict again. */
function undoDraft(path: Path, replaced: readonly OpenedEntry[], agent: string | undefined): Draft {
  const alternatives = replaced.flatMap((entry) => entry.alternatives).slice(0, MAX_ALTERNATIVES)
  const [only, ...others] = alternatives
  if (only === undefined) return { path, type: 'delete', alternatives: [DELETED], agent, sources: [] }
  if (others.length === 0) return draftOf(path, only, agent)
  return { path, type: 'put', alternatives, agent, sources: [] }
}

function notFound(): CoreError {
  return new CoreError(
    'CORE_CONFLICT_NOT_FOUND',
    'there is no such conflict in this scope. List the open ones with: cis memory conflicts list'
  )
}
