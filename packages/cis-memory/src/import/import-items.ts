import { isDeepStrictEqual } from 'node:util'
import {
  ContestedError,
  CoreError,
  type DomainMemory,
  type MemoryValue,
  type PublicMemory,
  StaleBaseError,
  type Version
} from '@cis-memory/core'
import { given } from '../given.ts'
import { MAX_PARALLEL_IMPORTS } from '../limits.ts'
import type { ImportItem, ImportOutcome } from '../operations/contract.ts'
import { domainOf, publicOf, type SessionMemory } from '../operations/handlers.ts'

/** Labels what an import writes, so that the next one knows what it may replace. */
export const IMPORT_AGENT = 'cis-import'

interface How {
  readonly dryRun: boolean
  readonly signal: AbortSignal
}

/**
 * Brings memories to what was imported: what is the same stays untouched, what an import wrote is replaced, and what
 * anybody else has written since is theirs.
 */
export async function importItems(
  session: SessionMemory,
  items: readonly ImportItem[],
  how: How
): Promise<readonly ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  for (const group of groupsOf(items)) {
    how.signal.throwIfAborted()
    outcomes.push(...(await Promise.all(group.map((item) => importItem(session, item, how)))))
  }
  return outcomes
}

/** Items that are written side by side, so that one fsync serves many. No path is in one of them twice. */
function* groupsOf(items: readonly ImportItem[]): Generator<readonly ImportItem[]> {
  let group = new Map<string, ImportItem>()
  for (const item of items) {
    const name = `${item.domain ?? 'public'}:${item.path}`
    if (group.size === MAX_PARALLEL_IMPORTS || group.has(name)) {
      yield [...group.values()]
      group = new Map()
    }
    group.set(name, item)
  }
  if (group.size > 0) yield [...group.values()]
}

async function importItem(session: SessionMemory, item: ImportItem, how: How): Promise<ImportOutcome> {
  const { path, domain = 'public', isDocument = false } = item
  const told = (outcome: ImportOutcome['outcome'], code?: string): ImportOutcome => ({
    path,
    domain,
    outcome,
    code
  })
  try {
    if (!isDocument) return told(await importValue(domainOf(session, domain), item, how))
    if (domain === 'private') return told('refused', 'CORE_NOT_A_DOCUMENT')
    return told(await importDocument(publicOf(session), item, how))
  } catch (error) {
    how.signal.throwIfAborted()
    const { code } = error as { readonly code?: unknown }
    // One memory that cannot be written is no reason to leave out the others; a store that is gone is.
    if (typeof code !== 'string' || !REFUSALS.has(code)) throw error
    return told('refused', code)
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  'CORE_BAD_OPTION',
  'CORE_BAD_PATH',
  'CORE_BAD_VALUE',
  'CORE_CONTESTED',
  'CORE_DOC_TOO_LARGE',
  'CORE_NOT_A_DOCUMENT',
  'CORE_STALE_BASE',
  'CORE_VALUE_TOO_LARGE'
])

async function importValue(
  memory: DomainMemory,
  { path, value, contentType, category, tags, expiresAt }: ImportItem,
  { dryRun, signal }: How
): Promise<ImportOutcome['outcome']> {
  const labels = { contentType, category, tags, expiresAt }
  const before = await memory.get(path, { signal })
  if (before.state === 'conflict') throw new ContestedError(path, before.conflict.id)
  if (before.state === 'value') {
    const isOurs = before.version.agent === IMPORT_AGENT
    if (isSame(before.value, value) && (!isOurs || isLabelled(before.version, labels))) return 'unchanged'
    // What a policy of this device chose is no reason to settle for everybody.
    if (before.settledBy !== undefined) throw new ContestedError(path, before.settledBy.conflict.id)
    if (!isOurs) throw new StaleBaseError(path, before.base)
  }
  if (!dryRun) await memory.put(path, value, { ...given(labels), base: before, agent: IMPORT_AGENT, signal })
  return before.state === 'absent' ? 'created' : 'updated'
}

/** Merges a state into the document at a path. Nothing that is there is lost by that, whoever wrote it. */
async function importDocument(
  memory: PublicMemory,
  { path, value }: ImportItem,
  { dryRun, signal }: How
): Promise<ImportOutcome['outcome']> {
  const { applyUpdate, Doc, encodeStateAsUpdate } = await import('yjs')
  await using document = await memory.doc(path, { signal })
  const merged = new Doc()
  const isNew = document.doc.store.clients.size === 0
  applyUpdate(merged, encodeStateAsUpdate(document.doc))
  const before = encodeStateAsUpdate(merged)
  try {
    applyUpdate(merged, value as Uint8Array)
  } catch (cause) {
    throw new CoreError('CORE_BAD_VALUE', 'this is no state of a Yjs document; nothing was written', {
      cause
    })
  }
  if (isSame(before, encodeStateAsUpdate(merged))) return 'unchanged'
  if (!dryRun) {
    applyUpdate(document.doc, value as Uint8Array)
    await document.flush()
  }
  return isNew ? 'created' : 'updated'
}

function isSame(a: MemoryValue, b: MemoryValue): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return isDeepStrictEqual(a, b)
}

function isLabelled(
  version: Version,
  { contentType = version.contentType, category, tags = [], expiresAt }: Omit<ImportItem, 'path' | 'value'>
): boolean {
  return (
    version.contentType === contentType &&
    version.category === category &&
    version.expiresAt === expiresAt &&
    isDeepStrictEqual(version.tags, tags)
  )
}
