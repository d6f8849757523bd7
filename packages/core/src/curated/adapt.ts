import { badOption, valueToWrite } from '../domains/labels.ts'
import type { Alternative } from '../entry/payload.ts'
import type { ValueRead } from '../versions.ts'
import type { CurateOptions, Curator } from './curated-types.ts'

/** What is to be written of a source, and what made it. */
export interface Curated {
  readonly alternative: Alternative
  readonly agent: string | undefined
}

/** Makes a curated value of a source. */
export type Make = (source: ValueRead) => Promise<Curated>

/** How these options make a curated value. @throws {CoreError} `CORE_BAD_OPTION` */
export function makerOf(options: CurateOptions): Make {
  if (options.mode === 'copy') return async (source) => copyOf(source)
  if (options.mode !== 'adapt') throw badOption("the mode of curating is 'copy' or 'adapt'")
  const { curator, signal } = options
  if (typeof curator !== 'function') throw badOption('adapting needs a curator')
  return (source) => adapted(source, curator, signal)
}

function copyOf({ version }: ValueRead): Curated {
  const { kind, value, contentType, category, tags, expiresAt } = version
  const alternative: Alternative = {
    kind: kind === 'document' ? 'document' : 'value',
    value,
    contentType,
    category,
    tags,
    expiresAt
  }
  return { alternative, agent: undefined }
}

/** What a curator answers is checked as what a caller writes. What it says nothing of is as in the source. */
async function adapted(
  source: ValueRead,
  curator: Curator,
  signal: AbortSignal | undefined
): Promise<Curated> {
  const { category, tags, expiresAt } = source.version
  const curation = await curator({ source, signal })
  signal?.throwIfAborted()
  const alternative: Alternative = {
    ...valueToWrite(curation.value, curation.contentType),
    category: curation.category ?? category,
    tags: [...new Set(curation.tags ?? tags)].sort(),
    expiresAt
  }
  return { alternative, agent: curation.agent }
}
