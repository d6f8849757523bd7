/*
 * What `--json` prints. Fields keep the library's names; times are ISO 8601 in UTC, bytes are base64 under a name
 * that says so.
 */
import type {
  Authorship,
  Conflict,
  MemoryItem,
  MemoryValue,
  MergeProposal,
  PolicyDecision,
  Read,
  SettledConflict,
  ShownConflict,
  Version
} from 'cis-memory/session'
import { isoTime } from './time.ts'

type JsonRecord = Readonly<Record<string, unknown>>

export function valueRecord(value: MemoryValue | undefined): JsonRecord {
  if (value === undefined) return {}
  if (value instanceof Uint8Array) return { valueBase64: Buffer.from(value).toString('base64') }
  return { value }
}

export function versionRecord(version: Version): JsonRecord {
  return {
    entryId: version.entryId,
    ...(version.index === 0 ? {} : { index: version.index }),
    kind: version.kind,
    ...valueRecord(version.value),
    contentType: version.contentType,
    category: version.category,
    tags: version.tags,
    device: version.device,
    deviceName: version.deviceName,
    isLocal: version.isLocal,
    agent: version.agent,
    writtenAt: isoTime(version.writtenAt),
    expiresAt: version.expiresAt === undefined ? undefined : isoTime(version.expiresAt),
    parents: version.parents,
    isOverwrite: version.isOverwrite,
    ...(version.sources.length === 0 ? {} : { sources: version.sources })
  }
}

export function conflictRecord(conflict: Conflict): JsonRecord {
  return {
    id: conflict.id,
    path: conflict.path,
    kind: conflict.kind,
    detectedAt: isoTime(conflict.detectedAt),
    versions: conflict.versions.map(versionRecord)
  }
}

export function shownRecord({ conflict, ancestor, origins, policy, proposal }: ShownConflict): JsonRecord {
  const versions = conflict.versions.map((version, at) => {
    const origin = origins[at]
    return { ...versionRecord(version), origin: origin === undefined ? undefined : authorRecord(origin) }
  })
  return {
    ...conflictRecord(conflict),
    versions,
    ancestor: ancestor === undefined ? undefined : versionRecord(ancestor),
    policy,
    proposal: proposal === undefined ? undefined : proposalRecord(proposal)
  }
}

export function proposalRecord({ value, proposedAt, refusedAt, ...proposal }: MergeProposal): JsonRecord {
  return {
    ...proposal,
    ...valueRecord(value),
    proposedAt: isoTime(proposedAt),
    refusedAt: refusedAt === undefined ? undefined : isoTime(refusedAt)
  }
}

export function settledRecord({ detectedAt, settledAt, versions, ...settled }: SettledConflict): JsonRecord {
  return {
    ...settled,
    detectedAt: isoTime(detectedAt),
    settledAt: settledAt === undefined ? undefined : isoTime(settledAt),
    versions: versions.map((version) => ({
      kind: version.kind,
      index: version.index,
      ...authorRecord(version)
    }))
  }
}

type Author = Pick<Authorship, 'entryId' | 'device' | 'deviceName' | 'isLocal' | 'agent' | 'writtenAt'>

function authorRecord({ entryId, device, deviceName, isLocal, agent, writtenAt }: Author): JsonRecord {
  return { entryId, device, deviceName, isLocal, agent, writtenAt: isoTime(writtenAt) }
}

export function readRecord(read: Read): JsonRecord {
  switch (read.state) {
    case 'absent':
      return { path: read.path, state: 'absent', policy: decisionRecord(read.settledBy) }
    case 'value':
      return {
        path: read.path,
        state: 'value',
        ...valueRecord(read.value),
        version: versionRecord(read.version),
        policy: decisionRecord(read.settledBy)
      }
    case 'conflict':
      return { path: read.path, state: 'conflict', conflict: conflictRecord(read.conflict) }
  }
}

/** What a policy has read for its owner is never silent. */
function decisionRecord(decision: PolicyDecision | undefined): JsonRecord | undefined {
  if (decision === undefined) return undefined
  const { mode, conflict } = decision
  return { mode, conflictId: conflict.id, versions: conflict.versions.length }
}

export function itemRecord(item: MemoryItem): JsonRecord {
  return { domain: item.domain, ...readRecord(item.read) }
}
