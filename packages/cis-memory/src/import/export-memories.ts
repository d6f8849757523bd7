import type { AbortOptions, Domain, MemoryItem, Version } from '@cis-memory/core'
import type { CisSession } from '../operations/session.ts'
import type { ExportedMemory } from './exported.ts'

export interface ExportOptions extends AbortOptions {
  /** Only what lies at or below this path. @default everything in the session's scope */
  readonly prefix?: string | undefined
  /** @default both, public first */
  readonly domain?: Domain | undefined
}

/**
 * What memories hold now, each as an object that is one line of JSON. What is contested comes version by version, with
 * the conflict's id; history and who may read what stay here. `importMemories` reads it back.
 */
export async function* exportMemories(
  session: CisSession,
  { prefix, domain, signal }: ExportOptions = {}
): AsyncGenerator<ExportedMemory, void, undefined> {
  const within = session.scope === '/' ? '/' : `${session.scope}/`
  for await (const { domain: of, read } of session.stream(
    'memory.list',
    { prefix, domain },
    signal && { signal }
  )) {
    const path = read.path.startsWith(within) ? read.path.slice(within.length) : read.path
    const place = { path, domain: of }
    for (const version of versionsOf(read)) {
      yield exported(place, version, read.state === 'conflict' ? read.conflict.id : undefined)
    }
  }
}

function versionsOf(read: MemoryItem['read']): readonly Version[] {
  return read.state === 'conflict' ? read.conflict.versions : [read.version]
}

function exported(
  place: Pick<ExportedMemory, 'path' | 'domain'>,
  version: Version,
  conflict: string | undefined
): ExportedMemory {
  const { kind, value, contentType, category, tags, expiresAt, deviceName, agent, writtenAt } = version
  const bytes = value instanceof Uint8Array ? Buffer.from(value) : undefined
  return {
    type: 'memory',
    ...place,
    kind,
    ...(bytes === undefined ? value !== undefined && { value } : { valueBase64: bytes.toString('base64') }),
    ...(contentType !== undefined && { contentType }),
    ...(category !== undefined && { category }),
    ...(tags.length > 0 && { tags }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(conflict !== undefined && { conflict }),
    device: deviceName,
    ...(agent !== undefined && { agent }),
    writtenAt: new Date(writtenAt).toISOString()
  }
}
