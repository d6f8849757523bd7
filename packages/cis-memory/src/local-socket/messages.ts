import * as v from 'valibot'
import { wholeNumber } from '../validation.ts'
import { malformed } from './frames.ts'

/** From a client, once it has proven itself. Ids are the client's; `more` allows that many further items. */
export type Request =
  | { readonly type: 'call' | 'stream'; readonly id: number; readonly name: string; readonly args: unknown }
  | { readonly type: 'more'; readonly id: number; readonly items: number }
  | { readonly type: 'cancel'; readonly id: number }

/**
 * From the holder. `result`, `end` and `error` are the last of their id; `refused` is the last of all. After
 * `closing` the client asks nothing new and ends the line once it has its answers: whatever it had sent by then is
 * answered, if only with a refusal.
 */
export type Reply =
  | { readonly type: 'closing' }
  | { readonly type: 'refused'; readonly code: string; readonly message: string }
  | { readonly type: 'result' | 'item'; readonly id: number; readonly value: unknown }
  | { readonly type: 'end'; readonly id: number }
  | { readonly type: 'error'; readonly id: number; readonly error: WireError }

/** An error as it crosses: what a caller may branch on or show. */
export interface WireError {
  readonly name: string
  readonly code: string
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

const id = wholeNumber(0)

const request: v.GenericSchema<Request> = v.variant('type', [
  v.object({ type: v.picklist(['call', 'stream']), id, name: v.string(), args: v.unknown() }),
  v.object({ type: v.literal('more'), id, items: wholeNumber(1) }),
  v.object({ type: v.literal('cancel'), id })
])

const wireError = v.object({
  name: v.string(),
  code: v.string(),
  message: v.string(),
  fields: v.record(v.string(), v.unknown())
})

const reply: v.GenericSchema<Reply> = v.variant('type', [
  v.object({ type: v.literal('closing') }),
  v.object({ type: v.literal('refused'), code: v.string(), message: v.string() }),
  v.object({ type: v.picklist(['result', 'item']), id, value: v.unknown() }),
  v.object({ type: v.literal('end'), id }),
  v.object({ type: v.literal('error'), id, error: wireError })
])

/** @throws {CisError} `CIS_SOCKET_MALFORMED` */
export function parseRequest(message: unknown): Request {
  return parsed(request, message)
}

/** @throws {CisError} `CIS_SOCKET_MALFORMED` */
export function parseReply(message: unknown): Reply {
  return parsed(reply, message)
}

function parsed<T>(schema: v.GenericSchema<T>, message: unknown): T {
  if (!v.is(schema, message)) throw malformed('a message has another form')
  return message
}
