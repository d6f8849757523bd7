import { CisError } from '../errors.ts'
import type { OperationHandler } from '../local-socket/server.ts'
import { misfitsOf, type Shape } from '../shape.ts'
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

function check(schemas: Readonly<Record<string, Shape<object>>>, name: string, args: unknown): void {
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined
  if (schema === undefined) {
    throw new CisError(
      'CIS_BAD_ARGUMENT',
      `the process that has the store open knows no operation ${JSON.stringify(name)}; if this command is newer, restart that process`
    )
  }
  const misfits = misfitsOf(schema, args)
  if (misfits.length === 0) return
  const problems = misfits.map(({ at, mustBe }) => {
    const key = at.length === 0 ? 'its arguments' : at.join('.')
    return mustBe === undefined ? `${key} is not an argument of it` : `${key} must be ${mustBe}`
  })
  throw new CisError('CIS_BAD_ARGUMENT', `${name}: ${problems.join('; ')}`)
}
