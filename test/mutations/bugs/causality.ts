import type { Mutation } from '../mutation.ts'

const SIBLINGS = 'packages/clock/src/siblings.ts'
const LAWS = 'packages/clock/test/laws.test.ts'

/** What saw what, and what replaces what. */
export const CAUSALITY: readonly Mutation[] = [
  {
    name: 'no-hlc-in-covers',
    bug: 'an entry replaces a later one as well, when its context claims to have seen it',
    breaks: ['P3', 'P4'],
    file: SIBLINGS,
    text: '  if (!isLater(f, e)) return false\n',
    becomes: '',
    tests: [LAWS]
  },
  {
    name: 'own-siblings',
    bug: 'a write whose context is stale stands beside its own author’s earlier one',
    breaks: ['P5', 'P10'],
    file: SIBLINGS,
    text: '(f.dot.actor === e.dot.actor && e.dot.n < f.dot.n) || ',
    becomes: '',
    tests: [LAWS]
  },
  {
    name: 'context-of-dots-alone',
    bug: 'a context lists what a write replaces, and not what that had seen',
    breaks: ['P7', 'P10'],
    file: SIBLINGS,
    text: '    for (const [who, n] of entry.context) raise(who, n)\n',
    becomes: '',
    tests: [LAWS]
  },
  {
    name: 'merge-in-order-of-arrival',
    bug: 'what is here already is kept whatever comes to replace it',
    breaks: ['P1', 'P2', 'P3'],
    file: SIBLINGS,
    text: 'return live([...a, ...b])',
    becomes:
      'const here = live(a)\n  return [...here, ...live([...here, ...b]).filter(({ id }) => !here.some((e) => e.id === id))]',
    tests: [LAWS]
  },
  {
    name: 'last-writer-wins',
    bug: 'of concurrent versions the latest stays and the others vanish',
    breaks: ['P10'],
    file: SIBLINGS,
    text: '!all.some((other) => covers(other, entry))',
    becomes: '!all.some((other) => isLater(other, entry))',
    tests: [LAWS]
  },
  {
    name: 'counter-stands-still',
    bug: 'two events within one millisecond get one reading of the clock',
    breaks: ['P8'],
    file: 'packages/clock/src/hlc.ts',
    text: 'return (last + 1n) as Timestamp',
    becomes: 'return last',
    tests: ['packages/clock/test/hlc.test.ts']
  },
  {
    name: 'stamped-by-the-wall-clock',
    bug: 'a write is dated by the clock on the wall, though what it replaces is dated later',
    breaks: ['P8', 'P10'],
    file: 'packages/core/src/replica/group-writer.ts',
    text: 'live.reduce((max, entry) => latest(max, entry.hlc), ZERO_TIMESTAMP),',
    becomes: 'ZERO_TIMESTAMP,',
    tests: ['packages/core/test/domains/base-rule.test.ts']
  },
  {
    name: 'dedupe-by-dot',
    bug: 'the second of two entries under one number is taken for the first',
    breaks: ['P16'],
    file: 'packages/core/src/replica/transaction.ts',
    text: 'state.live.some((other) => other.entryId === entry.id)',
    becomes: 'state.live.some((other) => other.dot === `${entry.dot.actor}:${entry.dot.n}`)',
    tests: ['packages/core/test/replica/ingest.test.ts']
  },
  {
    name: 'fork-without-proof',
    bug: 'two commits that disagree are noticed by nobody',
    breaks: ['P16'],
    file: 'packages/core/src/replica/public-domain.ts',
    text: 'transaction.addRecord(createFork(commit, rival))',
    becomes: 'createFork(commit, rival)',
    tests: ['packages/core/test/replica/ingest.test.ts']
  },
  {
    name: 'fork-by-numbers-alone',
    bug: 'a commit that goes on from another than the one before it proves nothing',
    breaks: ['P16'],
    file: 'packages/core/src/entry/commit.ts',
    text: 'later.first === earlier.last + 1 && later.previous !== earlier.id',
    becomes: 'false',
    tests: ['packages/core/test/entry/commit.test.ts', 'packages/core/test/replica/ingest.test.ts']
  },
  {
    name: 'deaf-to-own-fork',
    bug: 'a store that is shown that a copy of it writes goes on under the name of both',
    breaks: ['P6', 'P15'],
    file: 'packages/core/src/replica/ingest.ts',
    text: "record.kind === 'fork' && record.actor === this.#domain.actor",
    becomes: 'false',
    tests: ['packages/core/test/replica/ingest.test.ts']
  },
  {
    name: 'no-head-check',
    bug: 'an entry is applied before what its context names is proven to exist',
    breaks: ['P9'],
    file: 'packages/core/src/replica/ingest.ts',
    text: "      ...[...header.context].map(([actor, n]) => ({ for: 'head', actor, n }) as const)\n",
    becomes: '',
    tests: ['packages/core/test/replica/ingest.test.ts']
  },
  {
    name: 'entries-from-the-future',
    bug: 'an entry dated next month is applied at once',
    breaks: ['time'],
    file: 'packages/core/src/replica/ingest.ts',
    text: 'return wait.ms <= this.#runtime.now() + MAX_CLOCK_AHEAD_MS',
    becomes: 'return wait.ms <= this.#runtime.now() + MAX_CLOCK_AHEAD_MS * 10_000',
    tests: ['packages/core/test/replica/ingest.test.ts']
  },
  {
    name: 'tombstones-with-a-ttl',
    bug: 'a deletion is forgotten after 30 days',
    breaks: ['P17'],
    file: 'packages/core/src/replica/transaction.ts',
    text: 'const live = await this.#live.at(token)\n',
    becomes: `const ttl = BigInt(30 * 86_400_000) << 16n
    const live = (await this.#live.at(token)).filter(
      ({ stored }) => stored.header.type !== 'delete' || stored.hlc + ttl > BigInt(this.now) << 16n
    )\n`,
    tests: ['packages/core/test/sync/long-away.test.ts']
  },
  {
    name: 'purge-by-range',
    bug: 'cleaning the history deletes whatever is old enough, named as replaced or not',
    breaks: ['P12'],
    file: 'packages/core/src/history/plan.ts',
    text: 'const isProven = trace.meets(header)',
    becomes: 'const isProven = trace.meets(header) || true',
    tests: ['packages/core/test/history/clean.test.ts']
  },
  {
    name: 'purge-of-what-is-contested',
    bug: 'cleaning the history deletes versions that an open conflict comes from',
    breaks: ['cleaning'],
    file: 'packages/core/src/history/plan.ts',
    text: '  if (conflictKind(opened) !== undefined) return { live, ...NOTHING }\n',
    becomes: '',
    tests: ['packages/core/test/history/clean.test.ts']
  }
]
