import type { Mutation } from '../mutation.ts'

const DURABILITY = 'packages/core/test/replica/durability.test.ts'
const INGEST = 'packages/core/test/replica/ingest.test.ts'
const LEVEL_STORE = 'packages/store/src/level/level-store.ts'

/** What is on disk, when it counts, and who writes on after something was lost. */
export const DURABLE: readonly Mutation[] = [
  {
    name: 'same-actor-after-restore',
    bug: 'a restored or copied store writes under the name it had before',
    breaks: ['P6', 'P15'],
    file: 'packages/core/src/replica/replica.ts',
    text: "publicDomain.canGoOn && store.continuity === 'kept' &&",
    becomes: 'publicDomain.canGoOn &&',
    tests: [INGEST]
  },
  {
    name: 'deaf-to-own-head',
    bug: 'a peer that proves a write of ours which is not here does not make us another actor',
    breaks: ['P6', 'P15'],
    file: 'packages/core/src/replica/public-domain.ts',
    text: '      if (commit.actor === this.#own?.actor) transaction.isOvertaken = true\n',
    becomes: '',
    tests: [INGEST, 'packages/core/test/sync/echo.test.ts']
  },
  {
    name: 'lease-not-rewritten',
    bug: 'opening a store leaves the lease as its last stop wrote it',
    breaks: ['P6', 'P15'],
    file: LEVEL_STORE,
    text: 'await writeLease(parts, level, `open-${parts.durability}`, continuity)',
    becomes:
      "if (continuity === 'first-open') await writeLease(parts, level, `open-${parts.durability}`, continuity)",
    tests: ['packages/store/test/level/lease.test.ts']
  },
  {
    name: 'send-before-fsync',
    bug: 'in durability os a peer is sent what the disk does not have yet',
    breaks: ['P13'],
    file: 'packages/core/src/replica/replica.ts',
    text: "if (this.#store.durability === 'disk' || batchCount === this.#flushedCount) return",
    becomes: 'if (batchCount >= this.#flushedCount) return',
    tests: [DURABILITY]
  },
  {
    name: 'acknowledged-before-the-commit',
    bug: 'a write is acknowledged and then committed',
    breaks: ['P11', 'P13', 'P32'],
    file: 'packages/core/src/replica/group-writer.ts',
    text: `      if (transaction.applied.length > 0) await this.#host.commit(transaction)
      for (const { pending, written } of done) pending.resolve(written)`,
    becomes: `      for (const { pending, written } of done) pending.resolve(written)
      if (transaction.applied.length > 0) await this.#host.commit(transaction)`,
    tests: [DURABILITY]
  },
  {
    name: 'failed-batch-acknowledged',
    bug: 'a batch that the disk has refused counts as written',
    breaks: ['P11'],
    file: 'packages/store/src/level/write-queue.ts',
    text: 'for (const batch of group) batch.reject(reason)',
    becomes: 'for (const batch of group) batch.resolve()',
    tests: ['packages/store/test/level/writes.test.ts']
  },
  {
    name: 'writes-on-after-a-failure',
    bug: 'after a batch whose fate is unknown its numbers are given away again',
    breaks: ['P6'],
    file: 'packages/core/src/replica/write-fate.ts',
    text: '      this.#failure = { cause }\n',
    becomes: '',
    tests: [DURABILITY]
  },
  {
    name: 'numbers-count-too-soon',
    bug: 'readers of the feed are sent on to a number that is not on disk yet',
    breaks: ['P13'],
    file: 'packages/core/src/replica/public-domain.ts',
    text: `    await this.#fate.decides(this.live.whileWritten(changed, () => this.rows.write(all)))
    this.#batchCount++
    this.#end = end`,
    becomes: `    this.#batchCount++
    this.#end = end
    await this.#fate.decides(this.live.whileWritten(changed, () => this.rows.write(all)))`,
    tests: [DURABILITY]
  },
  {
    name: 'checkpoint-apart-from-its-page',
    bug: 'how far a feed was read is on disk before what was read',
    breaks: ['P14', 'P20'],
    file: 'packages/core/src/replica/ingest.ts',
    text: 'if (!isReread) await recordCheckpoint(transaction, line, reading)',
    becomes: `if (!isReread) {
        const early = this.#domain.begin(line)
        await recordPlace(early, rows, line, reading)
        await recordCheckpoint(early, line, reading)
        await rows.write((await early.finish()).changes)
      }`,
    tests: [DURABILITY]
  },
  {
    name: 'conflict-index-left-behind',
    bug: 'a conflict that a write has ended stays in the index',
    breaks: ['P14'],
    file: 'packages/core/src/replica/transaction.ts',
    text: '      this.delete(key)\n    } else {',
    becomes: '      this.get(key).catch(() => undefined)\n    } else {',
    tests: ['packages/core/test/replica/model.test.ts']
  },
  {
    name: 'row-sealed-without-its-key',
    bug: 'a sealed row opens in the place of any other',
    breaks: ['P26'],
    file: 'packages/store/src/level/row-sealer.ts',
    text: '    bytes.set(levelKey, this.#storeId.length)\n',
    becomes: '',
    tests: ['packages/store/test/level/rows.test.ts']
  }
]
