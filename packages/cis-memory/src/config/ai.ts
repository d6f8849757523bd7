import { dirname, resolve } from 'node:path'
import * as v from 'valibot'
import { baseUrlProblem } from '../ai/completions-url.ts'
import { given } from '../given.ts'
import { MAX_AI_TIMEOUT_SECS } from '../limits.ts'
import { text, wholeNumber } from '../validation.ts'

/** `[ai]` as it stands in the file. */
export interface AiSection {
  readonly base_url?: string | undefined
  readonly model?: string | undefined
  readonly api_key_file?: string | undefined
  readonly timeout_secs?: number | undefined
}

/** A model that may be asked, and where. */
export interface AiSettings {
  /** Where `chat/completions` lies. */
  readonly baseUrl: string
  readonly model: string
  /** Absolute. @default no key is sent */
  readonly apiKeyFile?: string
  /** How long an answer may take. @default 60_000 */
  readonly timeoutMs?: number
}

const FILE = 'must be a path, absolute or from the folder of this file on'

const baseUrl = v.pipe(
  v.string(),
  v.check(
    (url) => baseUrlProblem(url) === undefined,
    ({ input }) => `must be ${baseUrlProblem(input)}`
  )
)

const section = v.strictObject({
  base_url: v.optional(baseUrl),
  model: v.optional(text),
  // No shell has read this: a tilde would be the name of a folder.
  api_key_file: v.optional(v.pipe(text, v.regex(/^(?!~)[^\0]*$/u, FILE))),
  timeout_secs: v.optional(v.pipe(wholeNumber(1), v.maxValue(MAX_AI_TIMEOUT_SECS)))
})

/** Complete, or without a word in it. */
export const aiSection: v.GenericSchema<AiSection> = v.pipe(
  section,
  v.forward(
    v.check(
      (given) => given.base_url !== undefined || isEmpty(given),
      'is missing: it says where the model is, such as "https://api.openai.com/v1"'
    ),
    ['base_url']
  ),
  v.forward(
    v.check(
      (given) => given.model !== undefined || isEmpty(given),
      'is missing: it says which model is asked'
    ),
    ['model']
  )
)

function isEmpty(section: AiSection): boolean {
  return Object.keys(section).length === 0
}

/** What the file says, if it names a model. */
export function aiSettings(file: string, input: AiSection = {}): AiSettings | undefined {
  const { base_url: baseUrl, model, api_key_file: keyFile, timeout_secs: secs } = input
  if (baseUrl === undefined || model === undefined) return undefined
  return {
    baseUrl,
    model,
    ...given({
      apiKeyFile: keyFile === undefined ? undefined : resolve(dirname(file), keyFile),
      timeoutMs: secs === undefined ? undefined : secs * 1000
    })
  }
}
