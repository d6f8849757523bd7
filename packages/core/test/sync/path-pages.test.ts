import type { ActorId } from '@cis-memory/clock'
import { timestamp } from '@cis-memory/clock'
import { describe, expect, it } from 'vitest'
import { signCommit } from '../../src/entry/commit.ts'
import { sha256 } from '../../src/entry/hash.ts'
import { sealHeader } from '../../src/entry/header.ts'
import { createEpoch } from '../../src/entry/records.ts'
import { MAX_CIPHER_BYTES, MAX_FRAME_BYTES } from '../../src/limits.ts'
import { type Batch, EMPTY_BATCH } from '../../src/sync/batch.ts'
import { encodeMessage } from '../../src/sync/messages.ts'
import { PathPages } from '../../src/sync/path-pages.ts'
import { alice, commitOf, filled, header, SPACE } from '../entry/build.ts'

/** The largest entry there can be, by an author who had seen writes of as many actors as a context holds. */
function largest(): Batch {
  const epochs = Array.from({ length: 512 }, (_, at) =>
    createEpoch(alice, SPACE, 1, sha256(Uint8Array.of(at & 255, at >> 8)).subarray(0, 16), undefined)
  )
  const heads = epochs.map(({ actor }, at) =>
    signCommit(alice, {
      space: SPACE,
      actor,
      first: 2,
      size: 1,
      root: sha256(Uint8Array.of(1, at & 255, at >> 8)).subarray(0, 16),
      previous: actor as string as never,
      hlc: timestamp(BigInt(at) << 40n)
    })
  )
  const cipher = new Uint8Array(MAX_CIPHER_BYTES)
  const context = new Map<ActorId, number>(epochs.map(({ actor }) => [actor, 2]))
  const made = sealHeader(header({ context }), sha256(cipher), cipher.length)
  const commit = commitOf([made])
  return {
    records: epochs,
    commits: [{ commit, leaves: undefined }, ...heads.map((head) => ({ commit: head, leaves: undefined }))],
    entries: [{ header: made, cipher, commit, path: new Uint8Array(0) }]
  }
}

describe('pages of single paths', () => {
  it('fit a frame even for the largest entry with everything it needs', async () => {
    const batch = largest()
    const pages = new PathPages({ readPaths: async () => batch }, [filled(1, 16)], [])
    const sent: Batch[] = []
    for (let hasMore = true; hasMore; ) {
      const page = await pages.next()
      hasMore = page.hasMore
      sent.push(page.batch)
      const frame = encodeMessage({ type: 'page', batch: page.batch, next: 1n, hasMore, end: undefined })
      expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES)
    }
    expect(sent.flatMap(({ records }) => records)).toHaveLength(512)
    expect(sent.flatMap(({ commits }) => commits)).toHaveLength(513)
    // The last to come is the entry: what it needs is there before it.
    expect(sent.map(({ entries }) => entries.length)).toEqual([...sent.slice(1).map(() => 0), 1])
  })

  it('say once what several paths need', async () => {
    const { records, commits } = largest()
    const few = { records: records.slice(0, 3), commits: commits.slice(1, 4), entries: [] }
    const pages = new PathPages({ readPaths: async () => few }, [filled(1, 16), filled(2, 16)], [])
    expect(await pages.next()).toEqual({ batch: few, hasMore: false })
  })

  it('read each path once, however often it is named, and one at a time', async () => {
    const asked: unknown[] = []
    const replica = {
      readPaths: async (paths: readonly Uint8Array[], shared: readonly Uint8Array[]) => {
        asked.push([paths.map(([byte]) => byte), shared])
        return EMPTY_BATCH
      }
    }
    const shared = [filled(9, 16)]
    const pages = new PathPages(replica, [filled(1, 16), filled(2, 16), filled(1, 16)], shared)
    expect(await pages.next()).toEqual({ batch: EMPTY_BATCH, hasMore: false })
    expect(asked).toEqual([
      [[1], shared],
      [[2], shared]
    ])
  })
})
