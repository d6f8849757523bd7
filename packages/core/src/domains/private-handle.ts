import type { Path } from '../entry/path.ts'
import type { Alternative } from '../entry/payload.ts'
import { ContestedError, CoreError } from '../errors.ts'
import type { CurateOptions, Written } from '../memory-types.ts'
import type { Replica } from '../replica/replica.ts'
import type { ValueRead } from '../versions.ts'
import { DomainHandle } from './domain-handle.ts'
import { badOption } from './labels.ts'

/** Private memory within a scope, and the way public memory is adapted into it. */
export class PrivateHandle extends DomainHandle {
  constructor(replica: Replica, scope: Path) {
    super(replica, 'private', scope)
  }

  /** Copies a public memory, with a link to the versions it was made from. A copy replaces an earlier copy. */
  async curate(from: DomainHandle, name: string, options: CurateOptions): Promise<Written> {
    if (options.mode !== 'copy') throw badOption("the mode of curating is 'copy'")
    const source = await readSource(from, name)
    const target = options.as ?? source.path
    const before = await this.get(target)
    const isOwnCopy =
      before.state === 'value' && before.version.sources.some(({ path }) => path === source.path)
    const { kind, value, contentType, category, tags, expiresAt } = source.version
    const alternative: Alternative = {
      kind: kind === 'document' ? 'document' : 'value',
      value,
      contentType,
      category,
      tags,
      expiresAt
    }
    const sources = source.base.map((entryId) => ({ path: source.path, entryId }))
    const base = isOwnCopy || before.state === 'absent' ? before.base : []
    return this.writeOne(target, 'put', alternative, { ...options, base }, sources)
  }
}

async function readSource(from: DomainHandle, name: string): Promise<ValueRead> {
  const read = await from.get(name)
  if (read.state === 'conflict') throw new ContestedError(read.path, read.conflict.id)
  if (read.state === 'absent') {
    throw new CoreError('CORE_NOT_FOUND', 'there is no such public memory in this scope; nothing was written')
  }
  return read
}
