import fc from 'fast-check'
import { signCommit } from '../../src/entry/commit.ts'
import { sha256 } from '../../src/entry/hash.ts'
import { type Header, sealHeader } from '../../src/entry/header.ts'
import { merkleLeaf, merklePath, merkleRoot } from '../../src/entry/merkle.ts'
import type { Batch, BatchCommit, BatchEntry } from '../../src/sync/batch.ts'
import type { Message } from '../../src/sync/messages.ts'
import { anyActor, anyCommit, anyRecord } from '../entry/arbitraries.ts'
import { alice, header } from '../entry/build.ts'

const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length })
const orNone = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined })
const anyLsn = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 300n }))

interface Part {
  readonly commit: BatchCommit
  readonly entries: readonly BatchEntry[]
}

/** One commit of a batch with some of its entries: as a store that has all leaves gives it, or one that has not. */
const anyPart: fc.Arbitrary<Part> = fc
  .record({
    first: fc.integer({ min: 1, max: 1_000_000 }),
    size: fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 7 }) }, fc.constant(64)),
    cipherLength: fc.integer({ min: 1, max: 90 }),
    share: fc.integer({ min: 0, max: 4 }),
    hasLeaves: fc.boolean()
  })
  .map(({ first, size, cipherLength, share, hasLeaves }) => {
    const ciphers = Array.from({ length: size }, (_, index) => new Uint8Array(cipherLength).fill(index))
    const headers = ciphers.map((cipher, index) => reseal(header({ n: first + index }), cipher))
    const leaves = headers.map((each) => merkleLeaf(each.digest))
    const commit = signCommit(alice, {
      space: headers[0]!.space,
      actor: headers[0]!.dot.actor,
      first,
      size,
      root: merkleRoot(leaves),
      previous: first === 1 ? undefined : ('9e'.repeat(16) as never),
      hlc: headers.at(-1)!.hlc
    })
    const entries = headers
      .map((each, index) => ({
        header: each,
        cipher: ciphers[index]!,
        commit,
        path: hasLeaves ? undefined : merklePath(leaves, index)
      }))
      .filter((_, index) => share === 4 || index % 4 < share)
    return { commit: { commit, leaves: hasLeaves ? leaves : undefined }, entries }
  })

function reseal(unsealed: Header, cipher: Uint8Array): Header {
  return sealHeader(unsealed, sha256(cipher), cipher.length)
}

/** A batch as a store hands it out: entries of several commits, in any order. */
export const anyBatch: fc.Arbitrary<Batch> = fc
  .record({
    records: fc.array(anyRecord, { maxLength: 2 }),
    parts: fc.uniqueArray(anyPart, { maxLength: 3, selector: ({ commit }) => commit.commit.id }),
    heads: fc.uniqueArray(anyCommit, { maxLength: 2, selector: ({ id }) => id }),
    isReversed: fc.boolean()
  })
  .map(({ records, parts, heads, isReversed }) => {
    const entries = parts.flatMap((part) => part.entries)
    return {
      records,
      commits: [
        ...parts.map(({ commit }) => commit),
        ...heads.map((commit) => ({ commit, leaves: undefined }))
      ],
      entries: isReversed ? entries.reverse() : entries
    }
  })

const anyPath = fc.integer({ min: 1, max: 16 }).chain((depth) => bytes(16 * depth))
const anyNumbers = (max: number): fc.Arbitrary<number[]> =>
  fc.uniqueArray(fc.nat({ max }), { maxLength: 16 }).map((numbers) => numbers.sort((a, b) => a - b))

const anyPlace = fc.record({ lsn: anyLsn, mark: bytes(8) })

/** Any message there is. */
export const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    versions: anyNumbers(255),
    capabilities: anyNumbers(65_535),
    instance: bytes(16),
    nonce: bytes(16)
  }),
  fc.record({ type: fc.constant('proof' as const), mac: bytes(32) }),
  fc.record({
    type: fc.constant('auth' as const),
    actor: anyActor,
    records: fc.array(anyRecord, { maxLength: 4 }),
    feed: bytes(16),
    known: orNone(anyPlace)
  }),
  fc.record({ type: fc.constant('echo' as const), hasPlace: fc.boolean(), head: orNone(anyCommit) }),
  fc.record({
    type: fc.constant('begin' as const),
    end: anyPlace,
    instance: orNone(bytes(16)),
    feed: orNone(bytes(16)),
    request: orNone(
      fc.record({
        direction: fc.constantFrom('push' as const, 'pull' as const, 'both' as const),
        scope: fc.oneof(fc.constant(new Uint8Array(0)), anyPath),
        paths: orNone(fc.array(anyPath, { maxLength: 5 }))
      })
    )
  }),
  fc.record({
    type: fc.constant('feed' as const),
    instance: orNone(bytes(16)),
    feed: orNone(bytes(16))
  }),
  fc.record({
    type: fc.constant('since' as const),
    after: anyLsn,
    instance: orNone(bytes(16)),
    known: orNone(anyPlace)
  }),
  fc.record({
    type: fc.constant('page' as const),
    batch: anyBatch,
    next: anyLsn,
    hasMore: fc.boolean(),
    end: orNone(anyPlace)
  }),
  fc.record({ type: fc.constant('done' as const), received: fc.nat() }),
  fc.record({ type: fc.constant('error' as const), code: fc.stringMatching(/^[A-Z_]{1,64}$/) })
)
