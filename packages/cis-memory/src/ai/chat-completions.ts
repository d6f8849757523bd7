/*
 * The part of OpenAI's chat completions that many servers speak: one question, one answer, nothing streamed. No error
 * carries what was sent or what came back, and none the key.
 */
import type { JsonValue } from '@cis-memory/core'
import * as v from 'valibot'
import { CisError } from '../errors.ts'
import { AI_TIMEOUT_MS, MAX_AI_REPLY_BYTES, MAX_LABEL_CHARACTERS } from '../limits.ts'
import { badAnswer } from './answer.ts'
import { completionsUrl } from './completions-url.ts'
import type { Ask, Reply } from './model.ts'

export interface ChatEndpoint {
  /** Where `chat/completions` lies: `https://api.openai.com/v1`. Without TLS only on this machine. */
  readonly baseUrl: string
  readonly model: string
  /** Asked for the key before each request. @default none is sent */
  readonly apiKey?: () => string | Promise<string>
  /** How long an answer may take. @default 60_000 */
  readonly timeoutMs?: number
  /** Sent along with each question, such as `{ temperature: 0 }`. @default nothing */
  readonly parameters?: Readonly<Record<string, JsonValue>>
}

/** What is read of an answer. Servers say more, each what it likes. */
const completion = v.object({
  model: v.optional(v.string()),
  choices: v.tupleWithRest(
    [
      v.object({
        finish_reason: v.nullish(v.string()),
        message: v.object({ content: v.string() })
      })
    ],
    v.unknown()
  )
})

/**
 * Asks an endpoint.
 *
 * @throws {TypeError} for a base URL that is none, or that would send memory over the network in the clear
 */
export function chatCompletions(endpoint: ChatEndpoint): Ask {
  const url = completionsUrl(endpoint.baseUrl)
  const { model, apiKey, timeoutMs = AI_TIMEOUT_MS, parameters } = endpoint
  return async ({ system, user }, caller) => {
    caller?.throwIfAborted()
    const timeout = AbortSignal.timeout(timeoutMs)
    const signal = caller === undefined ? timeout : AbortSignal.any([caller, timeout])
    const messages = [
      { role: 'system', content: system },
      { role: 'user', content: user }
    ]
    const body = JSON.stringify({ ...parameters, model, messages, stream: false })
    try {
      const headers = { 'content-type': 'application/json', ...(await authorization(apiKey)) }
      // A redirect would take memory, and perhaps the key, to a place its owner has not named.
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
      return replyOf(await textOf(response), model)
    } catch (error) {
      caller?.throwIfAborted()
      if (error instanceof CisError) throw error
      if (timeout.aborted) throw timedOut(timeoutMs)
      throw unreachable(error)
    }
  }
}

/** A header that is refused is shown in the error, so the key is looked at before. */
async function authorization(apiKey: ChatEndpoint['apiKey']): Promise<Record<string, string>> {
  if (apiKey === undefined) return {}
  const key = await apiKey()
  if (typeof key === 'string' && /^[\x21-\x7e]+$/.test(key)) return { authorization: `Bearer ${key}` }
  throw new CisError(
    'CIS_AI_BAD_KEY',
    'the API key is empty or has characters that no key has; nothing was sent'
  )
}

/** The text of an answer, as far as it is one and no longer than it may be. */
async function textOf(response: Response): Promise<string> {
  const { status, body } = response
  if (status !== 200) {
    await body?.cancel()
    throw new CisError(
      'CIS_AI_REFUSED',
      `the endpoint of the model answered with status ${status}${ADVICE[status] ?? ''}; nothing was stored or settled`
    )
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    size += chunk.length
    if (size > MAX_AI_REPLY_BYTES) {
      throw new CisError(
        'CIS_AI_TOO_LARGE',
        `the answer of the model has more than ${MAX_AI_REPLY_BYTES} bytes; nothing was stored or settled`
      )
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

const ADVICE: Readonly<Record<number, string>> = {
  401: ': the key is missing or wrong',
  403: ': the key may not do this',
  404: ': is the base URL or the model right?',
  429: ': too many requests, or no credit'
}

function replyOf(text: string, asked: string): Reply {
  const parsed = v.safeParse(completion, parse(text))
  if (!parsed.success) throw badAnswer('is not what the protocol says')
  const { model, choices } = parsed.output
  const { finish_reason: reason, message } = choices[0]
  if (reason === 'length') throw badAnswer('was cut off')
  if (reason === 'content_filter') throw badAnswer('was held back by a filter')
  const isName = model !== undefined && model !== '' && model.length <= MAX_LABEL_CHARACTERS
  return { text: message.content, model: isName && model.isWellFormed() ? model : asked }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badAnswer('is no JSON')
  }
}

export function timedOut(timeoutMs: number): CisError {
  return new CisError(
    'CIS_AI_TIMEOUT',
    `the model has not answered within ${timeoutMs} ms; nothing was stored or settled`
  )
}

/** What a failed request says of its reason is a code; its message could say more. */
export function unreachable(error: unknown): CisError {
  const { cause } = error as { readonly cause?: { readonly code?: unknown } }
  const code = typeof cause?.code === 'string' && /^\w+$/.test(cause.code) ? ` (${cause.code})` : ''
  return new CisError(
    'CIS_AI_UNREACHABLE',
    `the model could not be asked, or broke off${code}; nothing was stored or settled`
  )
}
