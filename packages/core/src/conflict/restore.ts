import { checkLabels } from '../domains/labels.ts'
import { type Path, resolvePath } from '../entry/path.ts'
import { type Alternative, DELETED } from '../entry/payload.ts'
import { ContestedError, CoreError } from '../errors.ts'
import type { RestoreOptions, RestoreTarget, Written } from '../memory-types.ts'
import type { Draft } from '../replica/group-writer.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'
import type { Replica } from '../replica/replica.ts'
import type { Transaction } from '../replica/transaction.ts'
import type { DomainView } from '../replica/view.ts'
import type { EntryId } from '../versions.ts'
import { draftOf } from './choose.ts'
import { checkUnchanged } from './unchanged.ts'

/** Writes a version of the history back in place of what is live. */
export async function restoreVersion(
  replica: Replica,
  scope: Path,
  name: string,
  { entryId, index }: RestoreTarget,
  { domain = 'public', agent, signal }: RestoreOptions
): Promise<Written> {
  signal?.throwIfAborted()
  checkLabels(DELETED, agent)
  const path = resolvePath(scope, name)
  const view = replica.view(domain)
  const token = view.codec.tokens.of(path)
  const shown = await view.live(path)
  const entry = await findEntry(view, path, shown, entryId)
  const draft = draftOf(path, alternativeAt(entry, index), agent)
  const plan = async (transaction: Transaction): Promise<readonly Draft[]> => {
    const live = await transaction.live(token)
    const read = await view.readOf(path, token, live, transaction)
    if (read.state === 'conflict') throw new ContestedError(path, read.conflict.id)
    checkUnchanged(path, shown, live)
    return [{ ...draft, sources: entry.payload?.sources ?? [] }]
  }
  const [written] = await replica.write(domain, plan)
  if (written === undefined) throw notFound()
  return written
}

async function findEntry(
  view: DomainView,
  path: Path,
  live: readonly OpenedEntry[],
  entryId: EntryId
): Promise<OpenedEntry> {
  const found = live.find((entry) => entry.entryId === entryId)
  if (found !== undefined) return found
  for await (const entry of view.replaced(path)) if (entry.entryId === entryId) return entry
  throw notFound()
}

function alternativeAt({ alternatives }: OpenedEntry, index: number | undefined): Alternative {
  const alternative = alternatives[index ?? 0]
  if (alternative !== undefined && (index !== undefined || alternatives.length === 1)) return alternative
  throw new CoreError(
    'CORE_AMBIGUOUS_CHOICE',
    alternatives.length === 0
      ? 'this version cannot be opened with the keys here, so it cannot be brought back; nothing was written'
      : `this version has ${alternatives.length} values; nothing was written. Name one by its index`
  )
}

function notFound(): CoreError {
  return new CoreError(
    'CORE_NOT_FOUND',
    'the history here has no such version of this memory; nothing was written'
  )
}
