import { anyText, anything, either, isOf, oneOf, openRecord, type Shape, wholeNumber } from '../shape.ts'
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

const request: Shape<Request> = either<Request>(
  'a request',
  openRecord<Extract<Request, { type: 'call' | 'stream' }>>({
    type: oneOf('call', 'stream'),
    id,
    name: anyText,
    args: anything
  }),
  openRecord<Extract<Request, { type: 'more' }>>({ type: oneOf('more'), id, items: wholeNumber(1) }),
  openRecord<Extract<Request, { type: 'cancel' }>>({ type: oneOf('cancel'), id })
)

const wireError: Shape<WireError> = openRecord({
  name: anyText,
  code: anyText,
  message: anyText,
  fields: openRecord<Readonly<Record<string, unknown>>>({})
})

const reply: Shape<Reply> = either<Reply>(
  'a reply',
  openRecord<Extract<Reply, { type: 'closing' }>>({ type: oneOf('closing') }),
  openRecord<Extract<Reply, { type: 'refused' }>>({
    type: oneOf('refused'),
    code: anyText,
    message: anyText
  }),
  openRecord<Extract<Reply, { type: 'result' | 'item' }>>({
    type: oneOf('result', 'item'),
    id,
    value: anything
  }),
  openRecord<Extract<Reply, { type: 'end' }>>({ type: oneOf('end'), id }),
  openRecord<Extract<Reply, { type: 'error' }>>({ type: oneOf('error'), id, error: wireError })
)

/** @throws {CisError} `CIS_SOCKET_MALFORMED` */
export function parseRequest(message: unknown): Request {
  return parsed(request, message)
}

/** @throws {CisError} `CIS_SOCKET_MALFORMED` */
export function parseReply(message: unknown): Reply {
  return parsed(reply, message)
}

function parsed<T>(shape: Shape<T>, message: unknown): T {
  if (!isOf(shape, message)) throw malformed('a message has another form')
  return message
}
