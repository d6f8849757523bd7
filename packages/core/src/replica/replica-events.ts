import type {
  ConflictSettledEvent,
  ConflictThresholdEvent,
  ConflictWindowEvent
} from '../conflict/conflict-types.ts'
import type { StaleCurated } from '../curated/curated-types.ts'
import type { OverwrittenKey } from '../documents/overwritten.ts'
import type { Conflict, Domain, EntryId } from '../versions.ts'
import type { EpochReason } from './epoch-row.ts'

/** What a replica tells its handles. Each handle passes on what lies in its scope. */
export interface ReplicaEvents {
  'entry:committed': CustomEvent<{ domain: Domain; path: string; entryId: EntryId }>
  'entry:received': CustomEvent<{ domain: Domain; path: string; entryId: EntryId }>
  'conflict:found': CustomEvent<Conflict>
  'conflict:settled': CustomEvent<ConflictSettledEvent>
  'conflict:window': CustomEvent<ConflictWindowEvent>
  'conflict:threshold': CustomEvent<ConflictThresholdEvent>
  'document:overwritten': CustomEvent<OverwrittenKey>
  'curated:stale': CustomEvent<StaleCurated>
  'fork:found': CustomEvent<{ actor: string }>
  'epoch:started': CustomEvent<{ reason: EpochReason }>
}
