import type { Mutation } from '../mutation.ts'

const DETECT = 'packages/core/src/conflict/detect.ts'
const RESOLVE = 'packages/core/src/conflict/resolve.ts'
const CONFLICTS = 'packages/core/test/conflict/conflicts.test.ts'

/** What is contested, who settles it, and what comes back. */
export const CONFLICT: readonly Mutation[] = [
  {
    name: 'blind-put',
    bug: 'a write replaces what its writer has not seen',
    breaks: ['P18'],
    file: 'packages/core/src/domains/base-rule.ts',
    text: 'if (base.overwrite) return !isAbsent',
    becomes: 'if (base.overwrite || base.ids.length === 0) return !isAbsent',
    tests: ['packages/core/test/domains/base-rule.test.ts']
  },
  {
    name: 'conflict-id-without-versions',
    bug: 'a conflict keeps its id when its versions change, so that a stale choice settles it',
    breaks: ['P29'],
    file: DETECT,
    text: "labelledHash('cis/conflict/1', path, ...versions)",
    becomes: "labelledHash('cis/conflict/1', path, ...versions.slice(0, 0))",
    tests: [CONFLICTS]
  },
  {
    name: 'equality-without-tags',
    bug: 'versions that differ in their tags or their expiry pass for equal, and one of them is not shown',
    breaks: ['P10', 'P30'],
    file: DETECT,
    text: `  const first = encodeAlternative(alternatives[0] as Alternative)
  if (alternatives.every((alternative) => equalBytes(encodeAlternative(alternative), first))) return undefined`,
    becomes: `  const bare = (each: Alternative): Uint8Array =>
    encodeAlternative({ ...each, tags: [], category: undefined, expiresAt: undefined })
  const first = bare(alternatives[0] as Alternative)
  if (alternatives.every((alternative) => equalBytes(bare(alternative), first))) return undefined`,
    tests: ['packages/core/test/conflict/choices.test.ts']
  },
  {
    name: 'equal-versions-contested',
    bug: 'two devices that wrote the same are in conflict',
    breaks: ['P10', 'P30'],
    file: DETECT,
    text: 'equalBytes(encodeAlternative(alternative), first))) return undefined',
    becomes: 'equalBytes(encodeAlternative(alternative), first)) && live.length < 2) return undefined',
    tests: [CONFLICTS]
  },
  {
    name: 'policy-decides-a-fork',
    bug: 'a policy picks one of two entries that one actor signed under one number',
    breaks: ['P33'],
    file: 'packages/core/src/conflict/policies.ts',
    text: "new Set(['fork', 'incomplete', 'unreadable'])",
    becomes: "new Set(['incomplete', 'unreadable'])",
    tests: ['packages/core/test/conflict/policies.test.ts']
  },
  {
    name: 'policy-decides-what-nobody-can-read',
    bug: 'a policy passes over a version that does not open',
    breaks: ['P33'],
    file: 'packages/core/src/conflict/policies.ts',
    text: "new Set(['fork', 'incomplete', 'unreadable'])",
    becomes: "new Set(['fork', 'incomplete'])",
    tests: ['packages/core/test/conflict/policies.test.ts']
  },
  {
    name: 'resolution-of-more-than-was-shown',
    bug: 'a choice made of two versions settles a third that came meanwhile',
    breaks: ['P29'],
    file: RESOLVE,
    text: 'if (current !== id) throw new StaleConflictError(path, current)',
    becomes: 'if (current === undefined) throw new StaleConflictError(path, current)',
    tests: [CONFLICTS]
  },
  {
    name: 'undo-of-the-last-version-alone',
    bug: 'undoing a resolution brings back one of the versions it had settled',
    breaks: ['P34'],
    file: RESOLVE,
    text: 'const alternatives = replaced.flatMap((entry) => entry.alternatives)',
    becomes: 'const alternatives = replaced.flatMap((entry) => entry.alternatives).slice(-1)',
    tests: [CONFLICTS]
  },
  {
    name: 'merge-read-unasked',
    bug: 'what a model proposed is read though nobody has accepted it and no policy says that it may',
    breaks: ['merges'],
    file: 'packages/core/src/conflict/policies.ts',
    text: "decides: auto || mode !== 'ai_merge'",
    becomes: 'decides: true',
    tests: ['packages/core/test/conflict/policies.test.ts', 'packages/core/test/conflict/proposals.test.ts']
  },
  {
    name: 'merge-read-though-refused',
    bug: 'what a model proposed is read though its owner has refused it',
    breaks: ['merges'],
    file: 'packages/core/src/replica/view.ts',
    text: 'const proposal = stored?.refusedAt === undefined ? stored : undefined',
    becomes: 'const proposal = stored',
    tests: ['packages/core/test/conflict/proposals.test.ts', 'packages/core/test/conflict/policies.test.ts']
  },
  {
    name: 'adapted-from-what-has-changed',
    bug: 'what a model was given may have changed by the time its answer is written, and nobody looks',
    breaks: ['curation'],
    file: 'packages/core/src/domains/private-handle.ts',
    text: 'check: () => this.#requireUnchanged(source)',
    becomes: 'check: async () => void this.#requireUnchanged(source).catch(() => undefined)',
    tests: ['packages/core/test/curated/curated.test.ts']
  },
  {
    name: 'undo-of-what-came-since',
    bug: 'an undo takes back a write that its owner has not seen',
    breaks: ['P18', 'P34'],
    file: RESOLVE,
    text: 'checkUnchanged(path, shown, await transaction.live(token))',
    becomes: 'checkUnchanged(path, shown, shown)',
    tests: ['packages/core/test/conflict/choices.test.ts']
  },
  {
    name: 'open-conflicts-expire',
    bug: 'a conflict that nobody has settled for 90 days is no longer listed, and no longer blocks',
    breaks: ['P10', 'P33'],
    file: 'packages/core/src/replica/view.ts',
    text: "if (read.state === 'conflict') yield read.conflict",
    becomes: `{
      const isOld = read.state === 'conflict' && read.conflict.detectedAt < this.#now() - 90 * 86_400_000
      if (read.state === 'conflict' && !isOld) yield read.conflict
    }`,
    tests: ['packages/core/test/conflict/settled.test.ts']
  },
  {
    name: 'merge-drops-a-document',
    bug: 'of several documents one is not merged',
    breaks: ['P31'],
    file: 'packages/core/src/documents/merge.ts',
    text: 'mergeUpdates([...states])',
    becomes: 'mergeUpdates(states.slice(1))',
    tests: ['packages/core/test/documents/documents.test.ts']
  },
  {
    name: 'save-covers-the-unseen',
    bug: 'a document that lacks some of another replaces it',
    breaks: ['P11', 'P31'],
    file: 'packages/core/src/replica/replaces.ts',
    text: 'return covers(f.stored, e.stored) && !lacks(f, e)',
    becomes: 'return covers(f.stored, e.stored) && (!lacks(f, e) || true)',
    tests: ['packages/core/test/documents/incomplete.test.ts']
  },
  {
    name: 'scope-by-string-prefix',
    bug: '/acme/web reaches into /acme/website',
    breaks: ['P22', 'P33'],
    file: 'packages/core/src/entry/path.ts',
    text: 'path.startsWith(`${scope}/`)',
    becomes: 'path.startsWith(scope)',
    tests: ['packages/core/test/domains/base-rule.test.ts']
  },
  {
    name: 'search-beyond-its-scope',
    bug: 'a search finds what lies outside the handle’s scope',
    breaks: ['P22'],
    file: 'packages/core/src/search/search-index.ts',
    text: 'return domains.includes(domain) && isWithin(path, scope)',
    becomes: 'return domains.includes(domain) && path.length >= scope.length',
    tests: ['packages/core/test/domains/base-rule.test.ts']
  }
]
