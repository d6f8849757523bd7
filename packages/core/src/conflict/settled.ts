import type { Path } from '../entry/path.ts'
import type { Replica } from '../replica/replica.ts'
import type { Conflict, PolicyDecision, SettledConflict, VersionSummary } from '../versions.ts'
import type { SettledOptions } from './conflict-types.ts'

/** What policies decide at or below a scope now, then what has ended there, latest first. */
export async function* settledConflicts(
  replica: Replica,
  scope: Path,
  { since = 0, signal }: SettledOptions
): AsyncIterableIterator<SettledConflict> {
  signal?.throwIfAborted()
  for await (const decision of replica.view('public').decisions(scope)) {
    signal?.throwIfAborted()
    if (decision.conflict.detectedAt >= since) yield decided(decision)
  }
  for await (const ended of endedConflicts(replica, scope, since)) {
    signal?.throwIfAborted()
    yield ended
  }
}

/** Conflicts at or below a scope that have ended since, latest first. What is kept for longer than it should is not told. */
export async function* endedConflicts(
  replica: Replica,
  scope: Path,
  since: number
): AsyncIterableIterator<SettledConflict> {
  const from = Math.max(since, replica.runtime.now() - replica.conflictRetentionMs)
  for await (const ended of replica.view('public').ended(scope, from)) {
    const { id, path, kind, detectedAt, settledAt } = ended
    const { entryId, actor, agent } = ended.endedBy
    const deviceName = replica.authorOf(actor).name
    const versions = ended.versions.map((version): VersionSummary => {
      const author = replica.authorOf(version.actor)
      const isLocal = author.device === replica.device
      return { ...version, device: author.device, deviceName: author.name, isLocal }
    })
    const settledBy = { by: 'resolution', entryId, deviceName, agent } as const
    yield { id, path, kind, detectedAt, settledAt, settledBy, versions }
  }
}

function decided({ mode, conflict }: PolicyDecision): SettledConflict {
  const { id, path, kind, detectedAt } = conflict
  const settledBy = { by: 'policy', mode } as const
  return { id, path, kind, detectedAt, settledAt: undefined, settledBy, versions: summaries(conflict) }
}

/** Each field is named, so that what a version says stays out. */
function summaries({ versions }: Conflict): VersionSummary[] {
  return versions.map(({ entryId, actor, device, deviceName, isLocal, agent, writtenAt, kind, index }) => ({
    entryId,
    actor,
    device,
    deviceName,
    isLocal,
    agent,
    writtenAt,
    kind,
    index
  }))
}
