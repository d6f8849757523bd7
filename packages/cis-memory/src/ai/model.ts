import type { Curator, MemoryValue, Merger, Version } from '@cis-memory/core'
import { readAnswer } from './answer.ts'
import { curatePrompt, mergePrompt, type Prompt, promptHash } from './prompt.ts'

/** Puts a question to a model. */
export type Ask = (prompt: Prompt, signal: AbortSignal | undefined) => Promise<Reply>

export interface Reply {
  readonly text: string
  /** The model that answered. */
  readonly model: string
}

/** A merger that asks a model. */
export function mergerOver(ask: Ask, instructions: string | undefined): Merger {
  return async (request) => {
    const prompt = mergePrompt(request, instructions)
    const { text, model } = await ask(prompt, request.signal)
    const values = request.conflict.versions.filter(({ kind }) => kind === 'value')
    const { value, rationale } = readAnswer(
      text,
      values.map((version) => version.value)
    )
    const contentType = commonType(values, value)
    return {
      value,
      ...(contentType !== undefined && { contentType }),
      model,
      promptHash: promptHash(prompt),
      ...(rationale !== undefined && { rationale })
    }
  }
}

/** A curator that asks a model. */
export function curatorOver(ask: Ask, instructions: string | undefined): Curator {
  return async ({ source, signal }) => {
    const { text, model } = await ask(curatePrompt(source, instructions), signal)
    const { value } = readAnswer(text, [source.value])
    const contentType = commonType([source.version], value)
    return { value, ...(contentType !== undefined && { contentType }), agent: model }
  }
}

/** The content type of all versions, as long as the value is of their kind. */
function commonType(versions: readonly Version[], value: MemoryValue): string | undefined {
  const [first, ...others] = versions
  const isCommon = others.every(({ contentType }) => contentType === first?.contentType)
  return isCommon && typeof value === typeof first?.value ? first?.contentType : undefined
}
