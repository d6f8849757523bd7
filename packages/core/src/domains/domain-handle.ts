import { type Path, parsePath, resolvePath } from '../entry/path.ts'
import { type Alternative, DELETED } from '../entry/payload.ts'
import type { MemoryValue } from '../entry/value.ts'
import { CoreError } from '../errors.ts'
import type { DeleteOptions, DomainMemory, ListOptions, PutOptions, Written } from '../memory-types.ts'
import type { AbortOptions } from '../ports/channel.ts'
import type { Draft } from '../replica/group-writer.ts'
import type { Replica } from '../replica/replica.ts'
import type { Transaction } from '../replica/transaction.ts'
import type { DomainView } from '../replica/view.ts'
import type { Domain, EntryId, HistoryItem, MemoryItem, Read, SourceVersion } from '../versions.ts'
import { type Base, checkBase } from './base-rule.ts'
import { badOption, checkLabels, valueToWrite } from './labels.ts'
import { SeenBases } from './seen-bases.ts'

/** Where a value that is written comes from. */
export interface Origin {
  readonly sources: readonly SourceVersion[]
  /** Throws when that is not so any more. Called with the lock of both domains held. */
  readonly check?: () => Promise<void>
}

/** The memories of one domain within a scope, on a replica. */
export class DomainHandle implements DomainMemory {
  protected readonly replica: Replica
  protected readonly scope: Path
  protected readonly view: DomainView
  readonly #domain: Domain
  readonly #seen = new SeenBases()

  constructor(replica: Replica, domain: Domain, scope: Path) {
    this.replica = replica
    this.scope = scope
    this.view = replica.view(domain)
    this.#domain = domain
  }

  async get(path: string, options: AbortOptions = {}): Promise<Read> {
    options.signal?.throwIfAborted()
    const read = await this.view.read(resolvePath(this.scope, path))
    this.#seen.remember(read)
    return read
  }

  async put(path: string, value: MemoryValue, options: PutOptions = {}): Promise<Written> {
    // A text would come apart into its characters.
    if (typeof options.tags === 'string') throw badOption('tags are a list of texts')
    const alternative: Alternative = {
      ...valueToWrite(value, options.contentType),
      category: options.category,
      // A set: the same tags in another order are the same tags, and no conflict.
      tags: [...new Set(options.tags)].sort(),
      expiresAt: options.expiresAt
    }
    return this.writeOne(path, 'put', alternative, options)
  }

  async delete(path: string, options: DeleteOptions = {}): Promise<Written | undefined> {
    options.signal?.throwIfAborted()
    const read = await this.view.read(resolvePath(this.scope, path))
    // What only a policy makes absent is there for others: deleting it makes it so for everybody.
    if (read.state === 'absent' && read.settledBy === undefined) return undefined
    return this.writeOne(path, 'delete', DELETED, options)
  }

  async *list(options: ListOptions = {}): AsyncIterableIterator<MemoryItem> {
    options.signal?.throwIfAborted()
    const scope = options.prefix === undefined ? this.scope : resolvePrefix(this.scope, options.prefix)
    for await (const item of this.view.list(scope)) {
      options.signal?.throwIfAborted()
      this.#seen.remember(item.read)
      yield item
    }
  }

  async *history(path: string, options: AbortOptions = {}): AsyncIterableIterator<HistoryItem> {
    options.signal?.throwIfAborted()
    for await (const item of this.view.history(resolvePath(this.scope, path))) {
      options.signal?.throwIfAborted()
      yield item
    }
  }

  /** Writes one value by the base rule. */
  protected async writeOne(
    name: string,
    type: Draft['type'],
    alternative: Alternative,
    options: PutOptions,
    origin: Origin = { sources: [] }
  ): Promise<Written> {
    options.signal?.throwIfAborted()
    checkLabels(alternative, options.agent)
    const path = resolvePath(this.scope, name)
    const base = this.#baseOf(path, options)
    const draft: Draft = {
      path,
      type,
      alternatives: [alternative],
      agent: options.agent,
      sources: origin.sources
    }
    const token = this.view.codec.tokens.of(path)
    const plan = async (transaction: Transaction): Promise<readonly Draft[]> => {
      await origin.check?.()
      const live = await transaction.live(token)
      const read = await this.view.readOf(path, token, live, transaction)
      return [{ ...draft, isOverwrite: checkBase(read, base) }]
    }
    const [written] = await this.replica.write(this.#domain, plan)
    if (written === undefined) throw new CoreError('CORE_CLOSED', 'nothing was written')
    this.#seen.rememberWritten(path, written.entryId)
    return written
  }

  #baseOf(path: Path, options: PutOptions): Base {
    const { base, overwrite = false } = options
    if (base === undefined) return { ...this.#seen.get(path), overwrite }
    const ids: readonly EntryId[] = 'base' in base ? base.base : base
    return { ids, settles: true, overwrite }
  }
}

/** A prefix as a caller gives it: relative, absolute, or `''` for the whole scope. A slash at its end is allowed. */
export function resolvePrefix(scope: Path, prefix: string): Path {
  const trimmed = prefix.length > 1 && prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
  if (trimmed === '') return scope
  return trimmed === '/' ? parsePathWithin(scope) : resolvePath(scope, trimmed)
}

function parsePathWithin(scope: Path): Path {
  return scope === '/' ? parsePath('/') : resolvePath(scope, '/')
}
