import type { Curator, Merger } from '@cis-memory/core'
import { apiKeyFile } from '../ai/api-key.ts'
import { openAICurator, openAIMerger } from '../ai/openai.ts'
import type { AiSettings } from '../config/ai.ts'

/** What a holder asks a model with. */
export interface ConfiguredModel {
  readonly merger: Merger
  readonly curator: Curator
}

/** The model that a configuration names. It is asked nothing yet. */
export function configuredModel({ apiKeyFile: keyFile, ...endpoint }: AiSettings): ConfiguredModel {
  const options = keyFile === undefined ? endpoint : { ...endpoint, apiKey: apiKeyFile(keyFile) }
  return { merger: openAIMerger(options), curator: openAICurator(options) }
}
