import { z } from 'zod'
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

const id = z.int().nonnegative()

const request: z.ZodType<Request> = z.union([
  z.object({ type: z.enum(['call', 'stream']), id, name: z.string(), args: z.unknown() }),
  z.object({ type: z.literal('more'), id, items: z.int().positive() }),
  z.object({ type: z.literal('cancel'), id })
])

const reply: z.ZodType<Reply> = z.union([
  z.object({ type: z.literal('closing') }),
  z.object({ type: z.literal('refused'), code: z.string(), message: z.string() }),
  z.object({ type: z.enum(['result', 'item']), id, value: z.unknown() }),
  z.object({ type: z.literal('end'), id }),
  z.object({
    type: z.literal('error'),
    id,
    error: z.object({
      name: z.string(),
      code: z.string(),
      message: z.string(),
      fields: z.record(z.string(), z.unknown())
    })
  })
])

/** @throws {CisError} `CIS_SOCKET_MALFORMED` */
export function parseRequest(message: unknown): Request {
  return parsed(request, message)
}

/** @throws {CisError} `CIS_SOCKET_MALFORMED` */
export function parseReply(message: unknown): Reply {
  return parsed(reply, message)
}

function parsed<T>(schema: z.ZodType<T>, message: unknown): T {
  const result = schema.safeParse(message)
  if (!result.success) throw malformed('a message has another form')
  return result.data
}
