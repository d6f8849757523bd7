import { type ActorId, timestamp } from '@cis-memory/clock'
import { toHex } from '../../src/entry/bytes.ts'
import { sha256 } from '../../src/entry/hash.ts'
import { sealHeader } from '../../src/entry/header.ts'
import { merkleLeaf } from '../../src/entry/merkle.ts'
import { createEpoch } from '../../src/entry/records.ts'
import type { SpaceId } from '../../src/entry/space-keys.ts'
import { type Batch, encodeBatch } from '../../src/sync/batch.ts'
import { FEED_START, placeAfter } from '../../src/sync/feed-place.ts'
import { handshakeMac } from '../../src/sync/handshake-mac.ts'
import { feedId, storeId } from '../../src/sync/identity.ts'
import { encodeInvitation, invitationId } from '../../src/sync/invitation.ts'
import { joinMac } from '../../src/sync/join.ts'
import { encodeMessage, type Message } from '../../src/sync/messages.ts'
import { alice, bob, commitOf, filled, header, SPACE } from '../entry/build.ts'

/*
 * Examples of everything that the sync and join protocols send or compute, made of fixed parts. What they come to is
 * in `fixtures/vectors.json`.
 */

const ACTOR = 'ac'.repeat(16) as ActorId
const HELLOS = {
  dialer: { versions: [1], capabilities: [], instance: filled(0x11, 16), nonce: filled(0xd1, 16) },
  listener: { versions: [1, 2], capabilities: [7], instance: filled(0x22, 16), nonce: filled(0x15, 16) }
} as const
const HANDSHAKE_KEY = filled(0x4b, 32)
const SCOPE = filled(0x70, 16)
const FEED = feedId(filled(0x11, 16), [SCOPE])
const MARK = filled(0x3b, 8)
const END = { lsn: 300n, mark: MARK }

/** A commit of four, of which a batch has the second and the third. */
function partOfCommit(): Batch {
  const ciphers = [1, 2, 3, 4].map((n) => filled(n, 72))
  const headers = ciphers.map((cipher, at) =>
    sealHeader(header({ n: at + 1 }), sha256(cipher), cipher.length)
  )
  const commit = commitOf(headers)
  const leaves = headers.map((each) => merkleLeaf(each.digest))
  const entries = [1, 2].map((at) => ({
    header: headers[at]!,
    cipher: ciphers[at]!,
    commit,
    path: undefined
  }))
  return { records: [], commits: [{ commit, leaves }], entries }
}

const MESSAGES: readonly Message[] = [
  { type: 'hello', ...HELLOS.dialer },
  { type: 'proof', mac: filled(0x3a, 32) },
  {
    type: 'auth',
    actor: ACTOR,
    records: [createEpoch(alice, SPACE, 1, filled(3, 16), undefined)],
    feed: FEED,
    known: undefined
  },
  {
    type: 'auth',
    actor: ACTOR,
    records: [],
    feed: FEED,
    known: { lsn: 300n, mark: MARK }
  },
  { type: 'echo', hasPlace: false, head: undefined },
  { type: 'echo', hasPlace: true, head: commitOf([header()]) },
  { type: 'begin', end: END, instance: undefined, feed: undefined, request: undefined },
  {
    type: 'begin',
    end: END,
    instance: filled(0x12, 16),
    feed: FEED,
    request: { direction: 'both', scope: SCOPE, paths: undefined }
  },
  {
    type: 'begin',
    end: END,
    instance: undefined,
    feed: undefined,
    request: { direction: 'pull', scope: new Uint8Array(0), paths: [SCOPE] }
  },
  { type: 'feed', instance: undefined, feed: FEED },
  { type: 'feed', instance: undefined, feed: undefined },
  { type: 'since', after: 5_000_000_000n, instance: undefined, known: undefined },
  { type: 'since', after: 300n, instance: undefined, known: END },
  { type: 'since', after: 299n, instance: undefined, known: END },
  { type: 'page', batch: { records: [], commits: [], entries: [] }, next: 300n, hasMore: false, end: END },
  { type: 'page', batch: partOfCommit(), next: 24n, hasMore: true, end: END },
  {
    type: 'page',
    batch: { records: [], commits: [], entries: [] },
    next: 1n,
    hasMore: false,
    end: undefined
  },
  { type: 'done', received: 2 },
  { type: 'error', code: 'SYNC_NOT_A_MEMBER' }
]

/** Every example with the bytes it comes to, in hex. */
export function vectors(): Record<string, unknown> {
  const ends = {
    dialer: { device: alice.id, hello: HELLOS.dialer },
    listener: { device: bob.id, hello: HELLOS.listener }
  }
  const secret = filled(0x5e, 32)
  const transcript = {
    inviter: alice.id,
    joiner: bob.id,
    invitation: invitationId(secret),
    versions: [1],
    joinerNonce: filled(0x10, 16),
    inviterNonce: filled(0x20, 16)
  }
  return {
    messages: MESSAGES.map((message) => ({ type: message.type, frame: toHex(encodeMessage(message)) })),
    batch: toHex(encodeBatch(partOfCommit())),
    handshake: {
      dialer: toHex(handshakeMac(HANDSHAKE_KEY, 'dialer', ends)),
      listener: toHex(handshakeMac(HANDSHAKE_KEY, 'listener', ends))
    },
    names: {
      feedOfWholeSpace: toHex(feedId(filled(0x11, 16), [new Uint8Array(0)])),
      feedOfTwoScopes: toHex(feedId(filled(0x11, 16), [filled(0x71, 32), SCOPE])),
      feedOfNothing: toHex(feedId(filled(0x11, 16), [])),
      store: toHex(storeId(alice.id, filled(0x11, 16)))
    },
    place: {
      mark: toHex(placeAfter({ lsn: 299n, mark: MARK }, ['5a'.repeat(16)]).mark),
      ofTwo: toHex(placeAfter(FEED_START, ['01'.repeat(16), '02'.repeat(16)]).mark)
    },
    join: {
      invitation: toHex(invitationId(secret)),
      inviter: toHex(joinMac(secret, 'inviter', transcript)),
      joiner: toHex(joinMac(secret, 'joiner', transcript))
    },
    code: encodeInvitation({
      space: SPACE as SpaceId,
      inviter: alice.id,
      secret,
      expiresAt: Number(timestamp(1_800_000_000_000n)),
      addresses: ['/ip4/192.0.2.7/tcp/4001']
    })
  }
}
