import { fromHex, toHex } from '../../src/entry/bytes.ts'
import { parsePath } from '../../src/entry/path.ts'
import { deriveSpaceKeys } from '../../src/entry/space-keys.ts'
import { liveRange } from '../../src/replica/rows.ts'
import { decodeLiveRow, type StoredEntry } from '../../src/replica/stored-entry.ts'
import type { Device } from '../support/world.ts'

/** κ of a path in a device's space. */
export function token(device: Device, path: string): Uint8Array {
  const { secret } = device.replica.exportSpace()
  return deriveSpaceKeys(secret, fromHex(device.replica.space)).tokens.of(parsePath(path))
}

/** The ids of all live entries by path token: two replicas agree if and only if these are equal. */
export async function liveIds(device: Device, scope: Uint8Array = new Uint8Array(0)): Promise<string[]> {
  const ids: string[] = []
  for await (const row of device.store.partition('public').range(liveRange(scope))) {
    for (const { header } of decodeLiveRow(row.value)) ids.push(`${toHex(header.path)} ${header.id}`)
  }
  return ids.sort()
}

/** All live entries. */
export async function entriesOf(device: Device): Promise<StoredEntry[]> {
  const entries: StoredEntry[] = []
  for await (const row of device.store.partition('public').range(liveRange(new Uint8Array(0)))) {
    entries.push(...decodeLiveRow(row.value))
  }
  return entries
}

/** How many checkpoints of peers' feeds a device keeps. */
export async function checkpointCount(device: Device): Promise<number> {
  let count = 0
  const keys = device.store.partition('public').keys({ gte: Buffer.from('C'), lt: Buffer.from('D') })
  for await (const _key of keys) count++
  return count
}
