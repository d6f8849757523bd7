import { makerOf } from '../curated/adapt.ts'
import type { CurateOptions } from '../curated/curated-types.ts'
import type { Path } from '../entry/path.ts'
import { ContestedError, CoreError, StaleBaseError } from '../errors.ts'
import { MAX_SOURCES } from '../limits.ts'
import type { Written } from '../memory-types.ts'
import type { Replica } from '../replica/replica.ts'
import type { Read, ValueRead } from '../versions.ts'
import { DomainHandle } from './domain-handle.ts'

/** Private memory within a scope, and the way public memory is adapted into it. */
export class PrivateHandle extends DomainHandle {
  constructor(replica: Replica, scope: Path) {
    super(replica, 'private', scope)
  }

  /**
   * Copies or adapts a public memory, with a link to the versions it was made from. It replaces what was made from the
   * same memory before.
   */
  async curate(from: DomainHandle, name: string, options: CurateOptions): Promise<Written> {
    const { signal } = options
    const make = makerOf(options)
    const source = sourceIn(await from.get(name, { ...(signal && { signal }) }))
    const target = options.as ?? source.path
    const before = await this.get(target)
    const isOwn = before.state === 'value' && before.version.sources.some(({ path }) => path === source.path)
    const { alternative, agent } = await make(source)
    const base = isOwn || before.state === 'absent' ? before.base : []
    const written = { base, ...(agent !== undefined && { agent }), ...(signal && { signal }) }
    return this.writeOne(target, 'put', alternative, written, {
      sources: source.base.slice(-MAX_SOURCES).map((entryId) => ({ path: source.path, entryId })),
      check: () => this.#requireUnchanged(source)
    })
  }

  /** A model may take its time. What it has adapted must still be what is there. */
  async #requireUnchanged({ path, base }: ValueRead): Promise<void> {
    const now = await this.replica.view('public').read(path as Path)
    if (now.state === 'conflict') throw new ContestedError(path, now.conflict.id)
    const isSame = now.base.length === base.length && now.base.every((id) => base.includes(id))
    if (!isSame) throw new StaleBaseError(path, now.base)
  }
}

function sourceIn(read: Read): ValueRead {
  if (read.state === 'conflict') throw new ContestedError(read.path, read.conflict.id)
  if (read.state === 'absent') {
    throw new CoreError('CORE_NOT_FOUND', 'there is no such public memory in this scope; nothing was written')
  }
  return read
}
