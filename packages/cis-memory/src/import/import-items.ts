import type { DomainMemory } from '@cis-memory/core'
import type { ImportItem, ImportOutcome } from '../operations/contract.ts'

/** Labels what an import writes, so that the next one knows what it may replace. */
export const IMPORT_AGENT = 'cis-import'
const CONTENT_TYPE = 'text/markdown'

/**
 * Brings memories to what was imported, one by one: what is the same stays untouched, what an import wrote is
 * replaced, and what anybody else has written since is theirs.
 */
export async function importItems(
  memory: DomainMemory,
  items: readonly ImportItem[],
  options: { readonly dryRun: boolean; readonly signal: AbortSignal }
): Promise<readonly ImportOutcome[]> {
  const outcomes: ImportOutcome[] = []
  for (const item of items) {
    options.signal.throwIfAborted()
    outcomes.push({ path: item.path, ...(await importItem(memory, item, options)) })
  }
  return outcomes
}

async function importItem(
  memory: DomainMemory,
  { path, text }: ImportItem,
  { dryRun, signal }: { readonly dryRun: boolean; readonly signal: AbortSignal }
): Promise<Omit<ImportOutcome, 'path'>> {
  try {
    const before = await memory.get(path, { signal })
    if (before.state === 'conflict') return refused('CORE_CONTESTED')
    if (before.state === 'value') {
      if (before.value === text) return { outcome: 'unchanged', code: undefined }
      if (before.version.agent !== IMPORT_AGENT) return refused('CORE_STALE_BASE')
    }
    if (!dryRun) {
      await memory.put(path, text, { base: before, contentType: CONTENT_TYPE, agent: IMPORT_AGENT, signal })
    }
    return { outcome: before.state === 'absent' ? 'created' : 'updated', code: undefined }
  } catch (error) {
    signal.throwIfAborted()
    const { code } = error as { readonly code?: unknown }
    // One memory that cannot be written is no reason to leave out the others; a store that is gone is.
    if (typeof code !== 'string' || !REFUSALS.has(code)) throw error
    return refused(code)
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  'CORE_BAD_PATH',
  'CORE_BAD_VALUE',
  'CORE_CONTESTED',
  'CORE_STALE_BASE',
  'CORE_VALUE_TOO_LARGE'
])

function refused(code: string): Omit<ImportOutcome, 'path'> {
  return { outcome: 'refused', code }
}
