import type { z } from 'zod'
import { CisError } from '../errors.ts'
import type { OperationHandler } from '../local-socket/server.ts'
import { callSchemas, type OperationName, streamSchemas } from './contract.ts'
import type { CallHandlers, StreamHandlers } from './handlers.ts'

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
      const checked = check(callSchemas, name, args)
      const handler = calls[name as keyof CallHandlers] as Untyped<Promise<unknown>>
      return handler(checked, signal)
    },
    stream: async function* (name, args, signal) {
      const checked = check(streamSchemas, name, args)
      const handler = streams[name as keyof StreamHandlers] as Untyped<AsyncIterable<unknown>>
      yield* handler(checked, signal)
    }
  }
}

function check(schemas: Readonly<Record<string, z.ZodType>>, name: string, args: unknown): unknown {
  const schema = Object.hasOwn(schemas, name) ? schemas[name as OperationName] : undefined
  if (schema === undefined) {
    throw new CisError(
      'CIS_BAD_ARGUMENT',
      `the process that has the store open knows no operation ${JSON.stringify(name)}; if this command is newer, restart that process`
    )
  }
  const parsed = schema.safeParse(args)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '))
  throw new CisError('CIS_BAD_ARGUMENT', `${name}: ${problems.join('; ')}`)
}
