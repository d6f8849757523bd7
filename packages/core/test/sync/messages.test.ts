import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeCbor, encodeCbor } from '../../src/entry/cbor.ts'
import { provesHeader } from '../../src/entry/commit.ts'
import type { Header } from '../../src/entry/header.ts'
import { merkleLeaf, merklePath } from '../../src/entry/merkle.ts'
import { MAX_FRAME_BYTES } from '../../src/limits.ts'
import { type Batch, batchToCbor, decodeBatch, encodeBatch } from '../../src/sync/batch.ts'
import { decodeMessage, encodeMessage, type Message } from '../../src/sync/messages.ts'
import { damaged } from '../entry/arbitraries.ts'
import { commitOf, header } from '../entry/build.ts'
import { anyBatch, anyMessage } from './arbitraries.ts'

/** A batch with the one form of proof that comparing needs: each entry its path, commits no leaves. */
function withPaths({ records, commits, entries }: Batch): unknown {
  const leavesOf = new Map(commits.map(({ commit, leaves }) => [commit.id, leaves]))
  return {
    records,
    commits: commits.map(({ commit }) => commit),
    entries: entries.map(({ path, ...entry }) => ({
      ...entry,
      path: path ?? merklePath(leavesOf.get(entry.commit.id)!, entry.header.dot.n - entry.commit.first)
    }))
  }
}

function comparable(message: Message): unknown {
  return message.type === 'page' ? { ...message, batch: withPaths(message.batch) } : message
}

function codeOf(frame: Uint8Array): unknown {
  try {
    return decodeMessage(frame).type
  } catch (error) {
    return (error as { code?: unknown }).code ?? error
  }
}

/** A batch of one commit with all its entries. */
function wholeCommit(headers: readonly Header[]): Batch {
  const commit = commitOf(headers)
  const leaves = headers.map((each) => merkleLeaf(each.digest))
  const entries = headers.map((each) => ({
    header: each,
    cipher: new Uint8Array(each.cipherLength),
    commit,
    path: undefined
  }))
  return { records: [], commits: [{ commit, leaves }], entries }
}

/** A frame from fields, well formed as CBOR whatever they say. */
function frameOf(fields: Readonly<Record<number, unknown>>): Uint8Array {
  return encodeCbor(new Map(Object.entries(fields).map(([key, value]) => [Number(key), value])))
}

describe('messages', () => {
  it('P27: come back as they were sent', () => {
    fc.assert(
      fc.property(anyMessage, (message) => {
        expect(comparable(decodeMessage(encodeMessage(message)))).toEqual(comparable(message))
      }),
      { numRuns: 300 }
    )
  })

  it('P27: are decoded or refused with a code, whatever was done to their bytes', () => {
    const anyDamaged = anyMessage.chain((message) => damaged(encodeMessage(message)))
    fc.assert(
      fc.property(fc.oneof(anyDamaged, fc.uint8Array({ maxLength: 64 })), (frame) => {
        expect(codeOf(frame)).toBeTypeOf('string')
      }),
      { numRuns: 1500 }
    )
  })

  it('may have fields that this version does not know', () => {
    fc.assert(
      fc.property(anyMessage, fc.integer({ min: 20, max: 1000 }), (message, key) => {
        const fields = decodeCbor(encodeMessage(message)) as Map<number, unknown>
        fields.set(31, '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
        fields.set(key, [1, 2, 3])
        expect(comparable(decodeMessage(encodeCbor(fields)))).toEqual(comparable(message))
      }),
      { numRuns: 100 }
    )
  })

  it('of an unknown type are told from malformed ones', () => {
    for (const type of [0, 11, 16, 22, 255]) {
      expect(codeOf(frameOf({ 0: type }))).toBe('SYNC_UNEXPECTED_MESSAGE')
    }
    for (const frame of [frameOf({ 0: 256 }), frameOf({ 0: 'hello' }), frameOf({ 1: 1 }), encodeCbor([1])]) {
      expect(codeOf(frame)).toBe('SYNC_MALFORMED')
    }
  })

  it('are refused when a field is over its limit', () => {
    const id = new Uint8Array(16)
    const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
    const oversized: Record<number, unknown>[] = [
      { 0: 1, 1: many(17), 2: [], 3: id, 4: id },
      { 0: 1, 1: [256], 2: [], 3: id, 4: id },
      { 0: 1, 1: [1], 2: many(65), 3: id, 4: id },
      { 0: 1, 1: [1], 2: [], 3: new Uint8Array(17), 4: id },
      { 0: 1, 1: [1], 2: [], 3: id, 4: new Uint8Array(15) },
      { 0: 2, 1: new Uint8Array(33) },
      { 0: 3, 1: id, 2: many(65).map(() => [id, id]) },
      { 0: 5, 1: -1 },
      { 0: 5, 1: 0, 4: 3, 5: new Uint8Array(0) },
      { 0: 5, 1: 0, 4: 0, 5: new Uint8Array(17) },
      { 0: 5, 1: 0, 4: 0, 5: new Uint8Array(17 * 16) },
      { 0: 5, 1: 0, 4: 0, 5: new Uint8Array(0), 6: many(257).map(() => id) },
      { 0: 5, 1: 0, 4: 0, 5: new Uint8Array(0), 6: [new Uint8Array(0)] },
      { 0: 7 },
      { 0: 9, 1: 1.5 },
      { 0: 10, 1: 'X'.repeat(65) }
    ]
    for (const fields of oversized)
      expect([fields, codeOf(frameOf(fields))]).toEqual([fields, 'SYNC_MALFORMED'])
    expect(codeOf(new Uint8Array(MAX_FRAME_BYTES + 1))).toBe('SYNC_MALFORMED')
  })
})

describe('a batch', () => {
  it('keeps its entries in their order, and every proof holds', () => {
    fc.assert(
      fc.property(anyBatch, (batch) => {
        const decoded = decodeBatch(encodeBatch(batch))
        expect(decoded.entries.map(({ header }) => header.id)).toEqual(
          batch.entries.map(({ header }) => header.id)
        )
        const leavesOf = new Map(decoded.commits.map(({ commit, leaves }) => [commit.id, leaves]))
        for (const { header, commit, path } of decoded.entries) {
          const place = path ?? merklePath(leavesOf.get(commit.id)!, header.dot.n - commit.first)
          expect(provesHeader({ commit, path: place }, header)).toBe(true)
        }
      }),
      { numRuns: 100 }
    )
  })

  it('needs no proof beside the entries themselves when a commit is whole', () => {
    fc.assert(
      fc.property(anyBatch, (batch) => {
        const { commits, entries } = decodeBatch(encodeBatch(batch))
        for (const { commit, leaves } of commits) {
          const own = entries.filter((entry) => entry.commit.id === commit.id)
          const isWhole = own.length === commit.size && commit.size > 1
          expect(leaves !== undefined).toBe(isWhole)
          expect(own.every(({ path }) => (path === undefined) === isWhole)).toBe(true)
        }
      }),
      { numRuns: 100 }
    )
  })

  it('P28: that inflates beyond its limit is refused before it is in memory', () => {
    const bomb = deflateRawSync(Buffer.alloc(256 * 1024 * 1024))
    expect(bomb.length).toBeLessThan(MAX_FRAME_BYTES)
    const before = process.memoryUsage().arrayBuffers
    const frame = frameOf({ 0: 8, 1: [1, new Uint8Array(bomb), new Uint8Array(0)], 2: 1, 3: false })
    expect(codeOf(frame)).toBe('SYNC_MALFORMED')
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024)
  })

  it('with an entry outside its commit, one twice, or payloads of nobody is refused', () => {
    const headers = [header({ n: 1 }), header({ n: 2 })] as const
    const [form, envelope, ciphers] = batchToCbor(wholeCommit(headers)) as [number, Uint8Array, Uint8Array]
    expect(form).toBe(0)
    const [records, commits, entries] = decodeCbor(envelope) as [unknown[], unknown[], unknown[][]]
    const [first, second] = entries as [unknown[], unknown[]]
    const codeWith = (list: unknown[], payloads: Uint8Array): unknown => {
      const batch = [form, encodeCbor([records, commits, list]), payloads]
      return codeOf(frameOf({ 0: 8, 1: batch, 2: 1, 3: false }))
    }
    expect(codeWith([first, second], ciphers)).toBe('page')
    const alone = batchToCbor(wholeCommit([header({ n: 1 })])) as [number, Uint8Array, Uint8Array]
    const [, lone, [entry]] = decodeCbor(alone[1]) as [unknown[], unknown[], [unknown[]]]
    const twice = [0, encodeCbor([[], lone, [entry, entry]]), Uint8Array.of(...alone[2], ...alone[2])]
    expect(codeOf(frameOf({ 0: 8, 1: twice, 2: 1, 3: false }))).toBe('SYNC_MALFORMED')
    const thirdOfTwo = [0, header({ n: 3 }).bytes]
    expect(codeWith([first, first], ciphers)).toBe('SYNC_MALFORMED')
    expect(codeWith([first, thirdOfTwo], ciphers)).toBe('SYNC_MALFORMED')
    expect(codeWith([first, [1, second[1]]], ciphers)).toBe('SYNC_MALFORMED')
    expect(codeWith([first, second], ciphers.subarray(1))).toBe('SYNC_MALFORMED')
    expect(codeWith([first, second], Uint8Array.of(...ciphers, 0))).toBe('SYNC_MALFORMED')
  })
})
