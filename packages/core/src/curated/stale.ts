import { equalBytes } from '../entry/bytes.ts'
import type { Path } from '../entry/path.ts'
import { type Alternative, encodeAlternative } from '../entry/payload.ts'
import type { OpenedEntry } from '../replica/open-entry.ts'
import type { DomainView } from '../replica/view.ts'
import type { EntryId } from '../versions.ts'
import type { StaleCurated } from './curated-types.ts'
import type { CuratedLink } from './source-index.ts'

/** What has become stale of curated memories, compared with the public domain as a view shows it. */
export async function* staleAmong(
  links: AsyncIterable<CuratedLink>,
  view: DomainView
): AsyncIterableIterator<StaleCurated> {
  for await (const { entry, path, sourcePath, sourceIds } of links) {
    const reason = await staleness(view, sourcePath, sourceIds)
    if (reason === undefined) continue
    const { entryId, payload } = entry
    yield { path, entryId, agent: payload?.agent, sourcePath, sourceIds, reason }
  }
}

async function staleness(
  view: DomainView,
  path: Path,
  ids: readonly EntryId[]
): Promise<StaleCurated['reason'] | undefined> {
  const read = await view.read(path)
  if (read.state === 'conflict') return 'contested'
  if (read.state === 'absent') return 'deleted'
  if (ids.length === read.base.length && ids.every((id) => read.base.includes(id))) return undefined
  // What is read as a value was opened.
  const now = encodeAlternative({ ...read.version, kind: read.version.kind as Alternative['kind'] })
  const saysTheSame = (alternative: Alternative): boolean => equalBytes(encodeAlternative(alternative), now)
  const source = await findAmong(view, path, ids)
  return source?.alternatives.some(saysTheSame) === true ? undefined : 'changed'
}

/** One of some versions of a path, live or replaced. */
async function findAmong(
  view: DomainView,
  path: Path,
  ids: readonly EntryId[]
): Promise<OpenedEntry | undefined> {
  const live = (await view.live(path)).find(({ entryId }) => ids.includes(entryId))
  if (live !== undefined) return live
  for await (const entry of view.replaced(path)) if (ids.includes(entry.entryId)) return entry
  return undefined
}
