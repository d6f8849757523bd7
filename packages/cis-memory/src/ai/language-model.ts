import type { Curator, Merger } from '@cis-memory/core'
import { CisError } from '../errors.ts'
import { AI_TIMEOUT_MS, MAX_AI_REPLY_BYTES } from '../limits.ts'
import { badAnswer } from './answer.ts'
import { timedOut, unreachable } from './chat-completions.ts'
import { type Ask, curatorOver, mergerOver } from './model.ts'

/** A model of the AI SDK (`ai` 5, 6 or 7): what its providers make, or the name of one behind its gateway. */
export type LanguageModel =
  | string
  | { readonly specificationVersion: string; readonly provider: string; readonly modelId: string }

export interface LanguageModelOptions {
  /** How long an answer may take. @default 60_000 */
  readonly timeoutMs?: number
  /** What the owner wishes besides. It goes to the model as it is. @default nothing */
  readonly instructions?: string
}

/**
 * A merger that asks a model of the AI SDK. The package `ai` has to be installed beside this one; 5 and 6 run on
 * Node 20.
 *
 * @throws {CisError} (from the merger) what {@link openAIMerger} throws, and `CIS_AI_SDK_MISSING`
 */
export function languageModelMerger(model: LanguageModel, options: LanguageModelOptions = {}): Merger {
  return mergerOver(askModel(model, options), options.instructions)
}

/** A curator that asks a model of the AI SDK, as {@link languageModelMerger} does. */
export function languageModelCurator(model: LanguageModel, options: LanguageModelOptions = {}): Curator {
  return curatorOver(askModel(model, options), options.instructions)
}

function askModel(model: LanguageModel, { timeoutMs = AI_TIMEOUT_MS }: LanguageModelOptions): Ask {
  const name = typeof model === 'string' ? model : model.modelId
  return async ({ system, user }, caller) => {
    caller?.throwIfAborted()
    const { generateText } = await loadSdk()
    const timeout = AbortSignal.timeout(timeoutMs)
    const abortSignal = caller === undefined ? timeout : AbortSignal.any([caller, timeout])
    let result: Awaited<ReturnType<typeof generateText>>
    try {
      result = await generateText({
        model: model as Parameters<typeof generateText>[0]['model'],
        system,
        prompt: user,
        abortSignal,
        maxRetries: 0
      })
    } catch (error) {
      caller?.throwIfAborted()
      throw timeout.aborted ? timedOut(timeoutMs) : withoutContent(error)
    }
    const { text, finishReason } = result
    if (finishReason === 'length') throw badAnswer('was cut off')
    if (finishReason === 'content-filter') throw badAnswer('was held back by a filter')
    if (Buffer.byteLength(text) > MAX_AI_REPLY_BYTES) {
      throw new CisError(
        'CIS_AI_TOO_LARGE',
        'the answer of the model is too large; nothing was stored or settled'
      )
    }
    return { text, model: name }
  }
}

async function loadSdk(): Promise<typeof import('ai')> {
  try {
    return await import('ai')
  } catch {
    throw new CisError(
      'CIS_AI_SDK_MISSING',
      'the AI SDK is not installed or does not run on this Node; nothing was sent. Install it with: npm install ai'
    )
  }
}

/** Errors of the SDK carry the request and the response, memory included. */
function withoutContent(error: unknown): CisError {
  const { statusCode } = error as { readonly statusCode?: unknown }
  if (typeof statusCode !== 'number') return unreachable(error)
  return new CisError(
    'CIS_AI_REFUSED',
    `the endpoint of the model answered with status ${statusCode}; nothing was stored or settled`
  )
}
