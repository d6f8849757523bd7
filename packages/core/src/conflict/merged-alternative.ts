import { type Alternative, DELETED } from '../entry/payload.ts'
import { MAX_TAGS } from '../limits.ts'
import type { MergeProposal, Version } from '../versions.ts'

/** What a merge is as a memory: the merged value, the category of the latest version that has one, and all tags. */
export function mergedAlternative(
  versions: readonly Version[],
  { value, contentType }: Pick<MergeProposal, 'value' | 'contentType'>
): Alternative {
  const tags = new Set(versions.flatMap((version) => version.tags))
  return {
    ...DELETED,
    kind: 'value',
    value,
    contentType,
    category: versions.findLast(({ category }) => category !== undefined)?.category,
    tags: [...tags].sort().slice(0, MAX_TAGS)
  }
}
