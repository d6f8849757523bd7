import type { AbortOptions, Domain } from '@cis-memory/core'
import { MAX_IMPORT_ITEMS, MAX_IMPORT_REQUEST_BYTES } from '../limits.ts'
import type { ImportItem, ImportOutcome } from '../operations/contract.ts'
import type { CisSession } from '../operations/session.ts'
import { planMarkdown } from './markdown.ts'
import { readMarkdown } from './read-markdown.ts'

export interface ImportMarkdownOptions extends AbortOptions {
  /** A file, or a folder with all that lies below it. */
  readonly source: string
  /** A path within the session's scope that everything goes below. @default the scope itself */
  readonly prefix?: string | undefined
  /** @default 'public' */
  readonly domain?: Domain | undefined
  /** Say what would happen, and write nothing. @default false */
  readonly dryRun?: boolean | undefined
}

/** How far an import is. */
export interface ImportProgress extends ImportOutcome {
  /** Memories done with this one, of how many. */
  readonly done: number
  readonly total: number
}

/**
 * Imports Markdown: one memory a heading, named after the file and the heading. Doing it again writes only what has
 * changed in the files; what somebody else has changed in memory since is left alone and reported as `refused`.
 *
 * @throws {CisError} `CIS_IMPORT_NOT_FOUND`, `CIS_IMPORT_TOO_LARGE`
 */
export async function* importMarkdown(
  session: CisSession,
  options: ImportMarkdownOptions
): AsyncGenerator<ImportProgress, void, undefined> {
  const { source, prefix, domain, dryRun, signal } = options
  const { items } = planMarkdown(await readMarkdown(source))
  let done = 0
  for (const batch of batchesOf(items)) {
    const named = batch.map(({ path, text }) => ({
      path: prefix === undefined ? path : `${prefix}/${path}`,
      text
    }))
    for (const outcome of await importBatch(session, named, { domain, dryRun }, signal && { signal })) {
      yield { ...outcome, done: ++done, total: items.length }
    }
  }
}

/** A text over the bound of a request is alone in its batch. No memory can hold it, so it is not sent at all. */
async function importBatch(
  session: CisSession,
  items: readonly ImportItem[],
  how: Pick<ImportMarkdownOptions, 'domain' | 'dryRun'>,
  options: AbortOptions | undefined
): Promise<readonly ImportOutcome[]> {
  const [only] = items
  if (only !== undefined && Buffer.byteLength(only.text) > MAX_IMPORT_REQUEST_BYTES) {
    return [{ path: only.path, outcome: 'refused', code: 'CORE_VALUE_TOO_LARGE' }]
  }
  return session.call('memory.import', { items, ...how }, options)
}

/** Requests of bounded size; an item over the bound is alone in its own. */
function* batchesOf(items: readonly ImportItem[]): Generator<readonly ImportItem[]> {
  let batch: ImportItem[] = []
  let bytes = 0
  for (const item of items) {
    const size = Buffer.byteLength(item.text)
    if (batch.length === MAX_IMPORT_ITEMS || (batch.length > 0 && bytes + size > MAX_IMPORT_REQUEST_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
