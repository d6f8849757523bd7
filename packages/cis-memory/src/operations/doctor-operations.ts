import type { AbortOptions, Memory } from '@cis-memory/core'
import { MAX_COUNTED_MEMORIES } from '../limits.ts'
import type { ConflictHost } from './conflict-operations.ts'
import type { MergeFailure } from './doctor-contract.ts'
import { type CallHandlers, publicOf, requireDomain, type SessionMemory } from './handlers.ts'
import { type NodeHost, peersOf } from './node-operations.ts'

/** What the doctor needs of the process behind it. */
export interface DoctorHost extends NodeHost, ConflictHost {
  readonly lastMergeFailure: MergeFailure | undefined
}

export function doctorCalls(host: DoctorHost, session: SessionMemory): Pick<CallHandlers, 'doctor'> {
  return {
    doctor: async (_, signal) => {
      publicOf(session)
      requireDomain(session, 'private')
      const { replica, merger, lastMergeFailure: lastFailure } = host
      const { memory } = session
      return {
        scope: memory.scope,
        rows: await replica.checkRows({ signal }),
        clocksAhead: replica.clocksAhead(),
        held: replica.pendingCount,
        notices: await replica.notices(),
        peers: [...peersOf(host)],
        conflicts: await memory.conflictStats({ signal }),
        thresholds: await replica.reachedThresholds(),
        stale: { count: await countStale(memory, { signal }), limit: MAX_COUNTED_MEMORIES },
        model: {
          isConfigured: merger !== undefined,
          isAskedByPolicy: replica.policies.asksModels,
          lastFailure
        }
      }
    }
  }
}

async function countStale(memory: Memory, options: AbortOptions): Promise<number> {
  let count = 0
  for await (const _ of memory.listStaleCurated(options)) if (++count === MAX_COUNTED_MEMORIES) break
  return count
}
