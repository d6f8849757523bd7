import type { GenericSchema } from 'valibot'
import { CisError } from '../errors.ts'
import type { OperationHandler } from '../local-socket/server.ts'
import { nameOf, problemsOf } from '../validation.ts'
import type { CallHandlers, StreamHandlers } from './handlers.ts'
import { callSchemas, streamSchemas } from './schemas.ts'

type Untyped<T> = (args: unknown, signal: AbortSignal) => T

/**
 * Answers operations by name: the one place where what a session was given, here or over the socket, is checked
 * before anything acts on it.
 *
 * @throws {CisError} (from its methods) `CIS_BAD_ARGUMENT`
 */
export function dispatch(calls: CallHandlers, streams: StreamHandlers): Omit<OperationHandler, 'close'> {
  return {
    call: async (name, args, signal) => {
      check(callSchemas, name, args)
      const handler = calls[name as keyof CallHandlers] as Untyped<Promise<unknown>>
      return handler(args, signal)
    },
    stream: async function* (name, args, signal) {
      check(streamSchemas, name, args)
      const handler = streams[name as keyof StreamHandlers] as Untyped<AsyncIterable<unknown>>
      yield* handler(args, signal)
    }
  }
}

function check(schemas: Readonly<Record<string, GenericSchema>>, name: string, args: unknown): void {
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
  if (schema === undefined) {
    throw new CisError(
      'CIS_BAD_ARGUMENT',
      `the process that has the store open knows no operation ${JSON.stringify(name)}; if this command is newer, restart that process`
    )
  }
  const problems = problemsOf(schema, args)
  if (problems.length === 0) return
  const sentences = problems.map(
    ({ at, says }) => `${at.length === 0 ? 'what it was given' : nameOf(at)} ${says}`
  )
  throw new CisError('CIS_BAD_ARGUMENT', `${name}: ${sentences.join('; ')}`)
}
