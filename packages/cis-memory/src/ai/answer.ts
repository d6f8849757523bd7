import type { JsonValue } from '@cis-memory/core'
import * as v from 'valibot'
import { CisError } from '../errors.ts'
import { MAX_AI_RATIONALE_CHARACTERS } from '../limits.ts'

/** What a model was asked for. */
export interface Answer {
  readonly value: JsonValue
  readonly rationale: string | undefined
}

const answer = v.strictObject({
  value: v.custom<JsonValue>((value) => value !== undefined),
  rationale: v.optional(v.pipe(v.string(), v.maxLength(MAX_AI_RATIONALE_CHARACTERS)))
})

/** Many models put what they were asked for into a block of code, whatever they were told. */
const FENCED = /^```(?:json)?\n(.*)\n```$/su

/**
 * Reads the answer of a model. Where texts were asked about, it must be a text. What it says is in no error.
 *
 * @throws {CisError} `CIS_AI_BAD_ANSWER`
 */
export function readAnswer(text: string, asked: readonly unknown[]): Answer {
  const trimmed = text.trim()
  const parsed = v.safeParse(answer, parse(FENCED.exec(trimmed)?.[1] ?? trimmed))
  if (!parsed.success) throw badAnswer('is not the JSON object that was asked for')
  const { value, rationale } = parsed.output
  if (asked.every((each) => typeof each === 'string') && typeof value !== 'string') {
    throw badAnswer('is no text, and it was asked about texts')
  }
  return { value, rationale }
}

export function badAnswer(problem: string): CisError {
  return new CisError(
    'CIS_AI_BAD_ANSWER',
    `the answer of the model ${problem}; nothing was stored or settled`
  )
}

/** The error of `JSON.parse` shows a part of the text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw badAnswer('is no JSON')
  }
}
