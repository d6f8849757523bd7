/**
 * Models that merge conflicts and adapt memory. What they answer is a proposal, or is written only while what they were
 * asked about is still what is there.
 *
 * @packageDocumentation
 */
export { apiKeyCommand, apiKeyFile } from './ai/api-key.ts'
export type { ChatEndpoint } from './ai/chat-completions.ts'
export {
  type LanguageModel,
  type LanguageModelOptions,
  languageModelCurator,
  languageModelMerger
} from './ai/language-model.ts'
export { type OpenAIOptions, openAICurator, openAIMerger } from './ai/openai.ts'
export { CisError, type CisErrorCode } from './errors.ts'
