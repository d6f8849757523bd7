import type { AbortOptions, Domain } from '@cis-memory/core'
import { MAX_IMPORT_ITEMS, MAX_IMPORT_REQUEST_BYTES } from '../limits.ts'
import type { ImportItem, ImportOutcome } from '../operations/contract.ts'
import type { CisSession } from '../operations/session.ts'
import type { ReadItem } from './read-json-lines.ts'

export interface ImportOptions extends AbortOptions {
  /**
   * A Markdown file, a folder with all Markdown that lies below it, or a file of JSON lines: an export, or what the
   * MCP memory server has written. Bytes that are given as they come are JSON lines.
   */
  readonly source: string | AsyncIterable<Uint8Array | string>
  /** A path within the session's scope that everything goes below. @default the scope itself */
  readonly prefix?: string | undefined
  /** @default what the export says, and public for everything else */
  readonly domain?: Domain | undefined
  /** Say what would happen, and write nothing. @default false */
  readonly dryRun?: boolean | undefined
}

/** How far an import is. */
export interface ImportProgress extends ImportOutcome {
  /** Memories done with this one. */
  readonly done: number
}

/**
 * Imports memories. Doing it again writes only what has changed in the source; what somebody else has changed in
 * memory since is left alone and reported as `refused`. Of Markdown there is one memory a heading, named after the
 * file and the heading; of a knowledge graph one an entity, with the relations that lead from it.
 *
 * @throws {CisError} `CIS_IMPORT_NOT_FOUND`, `CIS_IMPORT_TOO_LARGE`, `CIS_IMPORT_MALFORMED`
 */
export async function* importMemories(
  session: CisSession,
  options: ImportOptions
): AsyncGenerator<ImportProgress, void, undefined> {
  const { source, prefix, domain, dryRun, signal } = options
  const { readSource } = await import('./read-source.ts')
  let batch: ImportItem[] = []
  let bytes = 0
  let done = 0
  let last: ReadItem | undefined
  const send = async function* (): AsyncGenerator<ImportProgress> {
    const items = batch
    batch = []
    bytes = 0
    if (items.length === 0) return
    const outcomes = await session.call('memory.import', { items, dryRun }, signal && { signal })
    for (const outcome of outcomes) yield { ...outcome, done: ++done }
  }
  for await (const read of readSource(source)) {
    const path = prefix === undefined ? read.path : `${prefix}/${read.path}`
    const item = { ...read, path, domain: domain ?? read.domain ?? 'public' }
    if (isSameConflict(item, last)) continue
    last = item
    const size = sizeOf(item)
    const isFull = batch.length === MAX_IMPORT_ITEMS || bytes + size > MAX_IMPORT_REQUEST_BYTES
    if (isFull || 'isContested' in item) yield* send()
    if ('isContested' in item || size > MAX_IMPORT_REQUEST_BYTES) {
      // Nobody can decide it here, or no memory can hold it.
      const code = 'isContested' in item ? 'CORE_CONTESTED' : 'CORE_VALUE_TOO_LARGE'
      yield { path, domain: item.domain, outcome: 'refused', code, done: ++done }
      continue
    }
    batch.push(item)
    bytes += size
  }
  yield* send()
}

/** Whether two lines are versions of one contested memory: it is refused once. */
function isSameConflict(a: ReadItem, b: ReadItem | undefined): boolean {
  return (
    b !== undefined && 'isContested' in a && 'isContested' in b && a.path === b.path && a.domain === b.domain
  )
}

function sizeOf(item: ReadItem): number {
  if (!('value' in item)) return 0
  const { value } = item
  if (value instanceof Uint8Array) return value.length
  return Buffer.byteLength(typeof value === 'string' ? value : JSON.stringify(value))
}
