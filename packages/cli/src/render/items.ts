import type { MemoryItem } from 'cis-memory/session'
import type { Invocation } from '../invocation.ts'
import { keyWithin } from './paths.ts'
import { itemRecord } from './records.ts'
import { type Column, GrowingTable, type RowOrder } from './table.ts'
import { ago, isoTime } from './time.ts'
import { versionPreview } from './value.ts'
import { deviceNames, name } from './version.ts'

/** Longest value in a line. */
const PREVIEW_LENGTH = 120

const COLUMNS: readonly Column[] = [
  { title: 'key', isFlexible: true },
  { title: 'domain' },
  { title: 'value', isFlexible: true },
  { title: 'device' },
  { title: 'written' }
]

/**
 * Prints memories as they come: a table on a terminal, one a line elsewhere. Resolves to how many.
 *
 * @param order of the rows of a table
 */
export async function printItems(
  cli: Invocation,
  scope: string,
  items: AsyncIterable<MemoryItem & { readonly score?: number }>,
  order?: RowOrder
): Promise<number> {
  const { output } = cli
  let total = 0
  const table = new GrowingTable(output, COLUMNS, order)
  for await (const { score, ...item } of items) {
    total++
    if (output.isJson) {
      await output.record({ ...itemRecord(item), score })
      continue
    }
    await table.add(itemRow(cli, scope, item))
  }
  await table.end()
  return total
}

function itemRow(cli: Invocation, scope: string, { domain, read }: MemoryItem): string[] {
  const { output, host } = cli
  const when = (timeMs: number): string => (output.isTerminal ? ago(timeMs, host.now()) : isoTime(timeMs))
  const key = keyWithin(scope, read.path)
  if (read.state === 'conflict') {
    const { versions, detectedAt } = read.conflict
    const text = output.dataColors.yellow(`contested: ${versions.length} versions`)
    return [key, domain, text, deviceNames(versions), when(detectedAt)]
  }
  const { version } = read
  return [
    key,
    domain,
    versionPreview(version, PREVIEW_LENGTH),
    name(version.deviceName),
    when(version.writtenAt)
  ]
}
