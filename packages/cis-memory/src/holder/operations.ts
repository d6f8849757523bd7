import type { OperationHandler } from '../local-socket/server.ts'
import { auditCalls, auditStreams } from '../operations/audit-operations.ts'
import { conflictCalls, conflictStreams } from '../operations/conflict-operations.ts'
import { dispatch } from '../operations/dispatch.ts'
import { type DoctorHost, doctorCalls } from '../operations/doctor-operations.ts'
import { guardCalls } from '../operations/guard-operations.ts'
import type { SessionMemory } from '../operations/handlers.ts'
import { type MemoryHost, memoryCalls, memoryStreams } from '../operations/memory-operations.ts'
import { nodeCalls, nodeStreams } from '../operations/node-operations.ts'

/** Every operation there is, on one session's part of a store. */
export function operationsOf(
  host: DoctorHost & MemoryHost,
  session: SessionMemory
): Omit<OperationHandler, 'close'> {
  return dispatch(
    {
      ...memoryCalls(host, session),
      ...conflictCalls(host, session),
      ...guardCalls(host, session),
      ...auditCalls(session),
      ...doctorCalls(host, session),
      ...nodeCalls(host, session)
    },
    {
      ...memoryStreams(session),
      ...conflictStreams(session),
      ...auditStreams(session),
      ...nodeStreams(host, session)
    }
  )
}
