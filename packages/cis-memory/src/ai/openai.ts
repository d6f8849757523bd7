import type { Curator, Merger } from '@cis-memory/core'
import { type ChatEndpoint, chatCompletions } from './chat-completions.ts'
import { curatorOver, mergerOver } from './model.ts'

export interface OpenAIOptions extends ChatEndpoint {
  /** What the owner wishes besides: `Answer in German.` It goes to the model as it is. @default nothing */
  readonly instructions?: string
}

/**
 * A merger that asks a model behind OpenAI's chat completions, which most servers speak, local ones included. What is
 * sent are the versions of one memory with their path, devices, agents and times.
 *
 * @throws {TypeError} for a base URL that is none, or that would send memory over the network in the clear
 * @throws {CisError} (from the merger) `CIS_AI_UNREACHABLE`, `CIS_AI_TIMEOUT`, `CIS_AI_REFUSED`, `CIS_AI_BAD_ANSWER`,
 * `CIS_AI_TOO_LARGE`, `CIS_AI_NOT_TEXT`, `CIS_AI_BAD_KEY`
 */
export function openAIMerger({ instructions, ...endpoint }: OpenAIOptions): Merger {
  return mergerOver(chatCompletions(endpoint), instructions)
}

/** A curator that asks a model, as {@link openAIMerger} does. */
export function openAICurator({ instructions, ...endpoint }: OpenAIOptions): Curator {
  return curatorOver(chatCompletions(endpoint), instructions)
}
