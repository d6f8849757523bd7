import type { Authorship, Conflict, ConflictKind, MemorySnapshot, Version } from '@cis-memory/core'

/** One of the versions of a contested memory: who wrote it, when and having seen what, never what it says. */
export interface ContestedVersion extends Authorship {
  readonly kind: Version['kind']
  /** Which of its entry's values this is; 0 unless an undo brought several back. */
  readonly index: number
}

/**
 * What an owner, or an agent that was refused, is told of a conflict. Values, tags and categories are left out:
 * an agent that catches the error must not read contested memory in it. `Memory.getConflict` shows them to owners.
 */
export interface ConflictNotification {
  /** What `resolveConflict` and `cis memory conflicts resolve` take. */
  readonly id: string
  readonly path: string
  readonly kind: ConflictKind
  /** All versions that are live, earliest first. */
  readonly versions: readonly ContestedVersion[]
  /** When this device noticed, in milliseconds since 1970. */
  readonly detectedAt: number
}

/** A frozen notification of a conflict. */
export function notificationOf(conflict: Conflict): ConflictNotification {
  const { id, path, kind, detectedAt } = conflict
  const versions = Object.freeze(conflict.versions.map(contestedVersion))
  return Object.freeze({ id, path, kind, versions, detectedAt })
}

/** Everything that is contested at the moment of a snapshot. */
export async function notificationsIn(
  snapshot: MemorySnapshot,
  signal?: AbortSignal
): Promise<readonly ConflictNotification[]> {
  const found: ConflictNotification[] = []
  for await (const conflict of snapshot.conflicts()) {
    signal?.throwIfAborted()
    found.push(notificationOf(conflict))
  }
  return Object.freeze(found)
}

/** What names each conflict. */
export function idsOf(notifications: readonly ConflictNotification[]): readonly string[] {
  return notifications.map(({ id }) => id)
}

/** A frozen copy of who wrote a version. Each field is named, so that what is added to versions later stays out. */
export function authorshipOf(version: Version): Authorship {
  const { entryId, actor, device, deviceName, isLocal, agent, writtenAt } = version
  const parents = Object.freeze([...version.parents])
  return Object.freeze({ entryId, actor, device, deviceName, isLocal, agent, writtenAt, parents })
}

/** The same with what it is in its conflict. */
export function contestedVersion(version: Version): ContestedVersion {
  return Object.freeze({ ...authorshipOf(version), kind: version.kind, index: version.index })
}
