import type { Mutation } from '../mutation.ts'

const INGEST = 'packages/core/test/replica/ingest.test.ts'
const SCOPE = 'packages/core/test/sync/scope.test.ts'
const ECHO = 'packages/core/test/sync/echo.test.ts'
const COPIES = 'packages/core/test/sync/copies.test.ts'
const FEED = 'packages/core/src/replica/feed.ts'

/** What peers are sent, and what is taken from them. */
export const SYNCING: readonly Mutation[] = [
  {
    name: 'echo-by-peer',
    bug: 'what a peer once sent is kept from it for ever, though its store was set back or is a copy',
    breaks: ['P3', 'P11'],
    file: FEED,
    text: 'return places.some((place) => isSamePlace(place, line?.place)) ? line?.name : undefined',
    becomes: 'return places.length >= 0 ? line?.name : undefined',
    tests: [COPIES, ECHO]
  },
  {
    name: 'numbers-without-marks',
    bug: 'a copy of a store is read on from where the other was read, since its numbers are as high',
    breaks: ['P3', 'P11', 'P20'],
    file: 'packages/core/src/replica/public-domain.ts',
    text: 'return mark !== undefined && equalBytes(mark, place.mark)',
    becomes: 'return mark !== undefined || place.lsn <= this.#end.lsn',
    tests: [COPIES]
  },
  {
    name: 'nothing-new-by-number',
    bug: 'a copy of a store that has come as far as the other counts as read',
    breaks: ['P3', 'P11'],
    file: 'packages/core/src/sync/exchange.ts',
    text: 'if (end?.lsn === lsn && isSamePlace(known, end)) return',
    becomes: 'if (end?.lsn === lsn && known !== undefined) return',
    tests: [COPIES]
  },
  {
    name: 'two-copies-on-one-line',
    bug: 'what is recorded of a store goes on from what was recorded of a copy of it meanwhile',
    breaks: ['P3', 'P11'],
    file: 'packages/core/src/replica/peer-feeds.ts',
    text: 'if (!isSamePlace(line?.place, known)) return undefined',
    becomes: 'if (line !== undefined && known === undefined) return undefined',
    tests: [COPIES]
  },
  {
    name: 'echo',
    bug: 'a peer is sent back what it has sent',
    breaks: ['P21'],
    file: FEED,
    text: '    if (line !== undefined && equalBytes(row.from, line)) return true\n',
    becomes: '',
    tests: ['packages/core/test/sync/ways.test.ts']
  },
  {
    name: 'feed-past-its-watermark',
    bug: 'a page ends at what was written while it was read, and skips that',
    breaks: ['P3', 'P22'],
    file: FEED,
    text: 'return { batch: builder.build(), next: end.lsn, hasMore: false, end }',
    becomes: 'return { batch: builder.build(), next: this.#domain.end.lsn, hasMore: false, end }',
    tests: [INGEST]
  },
  {
    name: 'keys-without-credentials',
    bug: 'a sync of single memories brings them without the records of who wrote them',
    breaks: ['P19'],
    file: FEED,
    text: '      for (const record of this.#membership.credentialsOf(device, actor)) records.add(record)\n',
    becomes: '',
    tests: ['packages/core/test/sync/ways.test.ts']
  },
  {
    name: 'more-than-is-shared',
    bug: 'a peer that asks for the whole space is sent what the owner does not share',
    breaks: ['P22'],
    file: FEED,
    text: '!startsWith(row.path, query.scope) || !isShared(row.path, query.shared)',
    becomes: '!startsWith(row.path, query.scope)',
    tests: [INGEST, SCOPE]
  },
  {
    name: 'pages-checked-by-nobody',
    bug: 'a page is sent, and taken, whatever scope was asked for',
    breaks: ['P22'],
    file: 'packages/core/src/sync/exchange.ts',
    text: 'if (!isAnswer || !isWithin(page.batch, request)) return',
    becomes: 'if (!isAnswer) return',
    tests: ['packages/core/test/sync/hostile.test.ts']
  },
  {
    name: 'private-rows-in-the-public-partition',
    bug: 'private memory lies where sync reads',
    breaks: ['P24'],
    file: 'packages/core/src/replica/replica.ts',
    text: "rows: store.partition('private'),",
    becomes: "rows: store.partition('public'),",
    tests: [INGEST, 'packages/core/test/domains/private.test.ts']
  },
  {
    name: 'always-a-round-more',
    bug: 'a feed is asked for although its end is known to be where it was',
    breaks: ['P23'],
    file: 'packages/core/src/sync/exchange.ts',
    text: 'if (end?.lsn === lsn && isSamePlace(known, end)) return',
    becomes: 'if (end?.lsn === lsn && known === undefined) return',
    tests: ['packages/core/test/sync/session.test.ts']
  },
  {
    name: 'signatures-unchecked',
    bug: 'commits are believed whoever has signed them',
    breaks: ['authorship'],
    file: 'packages/core/src/replica/ingest.ts',
    text: 'if (!isChecked && !isSignedBy(commit, device))',
    becomes: 'if (!isChecked && commit.signature.length === 0)',
    tests: [INGEST, 'packages/core/test/sync/hostile.test.ts']
  },
  {
    name: 'signature-beside-the-id',
    bug: 'a commit that is here by its id is believed with whatever signature it comes again',
    breaks: ['authorship'],
    file: 'packages/core/src/replica/public-domain.ts',
    text: 'id === commit.id && equalBytes(signature, commit.signature)',
    becomes: 'id === commit.id',
    tests: [INGEST]
  },
  {
    name: 'handshake-unproven',
    bug: 'a session begins with whoever is connected, whether it knows the secret of the space or not',
    breaks: ['authorship'],
    file: 'packages/core/src/sync/handshake.ts',
    text: "if (!isSameMac(mac, macOf(state, isDialer ? 'listener' : 'dialer'))) {",
    becomes: "if (!isSameMac(mac, mac) || macOf(state, 'dialer').length === 0) {",
    tests: ['packages/core/test/sync/machine.test.ts', 'packages/core/test/sync/hostile.test.ts']
  },
  {
    name: 'records-unsigned',
    bug: 'who is a member, and whose device an actor is, is believed of anybody',
    breaks: ['authorship'],
    file: 'packages/core/src/replica/membership.ts',
    text: "if (record.kind !== 'fork') return hasValidSignature(record)",
    becomes: "if (record.kind !== 'fork') return hasValidSignature(record) || record.signature.length > 0",
    tests: ['packages/core/test/replica/membership.test.ts']
  },
  {
    name: 'members-made-by-members',
    bug: 'whoever is a member may let others in',
    breaks: ['authorship'],
    file: 'packages/core/src/replica/membership.ts',
    text: 'return this.member(record.issuer)?.isAdmin === true',
    becomes: 'return this.member(record.issuer) !== undefined',
    tests: ['packages/core/test/replica/membership.test.ts']
  },
  {
    name: 'records-of-strangers',
    bug: 'what devices that are no members sign is kept and passed on, however much it is',
    breaks: ['P28'],
    file: 'packages/core/src/replica/membership.ts',
    text: 'return this.isMember(record.device)',
    becomes: 'return true',
    tests: ['packages/core/test/replica/membership.test.ts']
  },
  {
    name: 'payload-of-another-header',
    bug: 'a payload is taken that its header does not name',
    breaks: ['P26'],
    file: 'packages/core/src/replica/ingest.ts',
    text: 'cipher.length !== header.cipherLength || !equalBytes(sha256(cipher), header.cipherHash)',
    becomes: 'cipher.length !== header.cipherLength',
    tests: [INGEST, 'packages/core/test/sync/hostile.test.ts']
  },
  {
    name: 'held-without-bound',
    bug: 'a peer can make us hold entries without end',
    breaks: ['P28'],
    file: 'packages/core/src/replica/held.ts',
    text: 'while (this.#slots.size > MAX_HELD_ENTRIES || this.#bytes > MAX_HELD_BYTES) {',
    becomes: 'while (this.#slots.size > 1000 * MAX_HELD_ENTRIES) {',
    tests: [INGEST]
  },
  {
    name: 'frames-without-limit',
    bug: 'whatever length a peer announces is waited for',
    breaks: ['P28'],
    file: 'packages/transport/src/framing.ts',
    text: 'if (length !== undefined && length > MAX_FRAME_BYTES) {',
    becomes: 'if (length === undefined && this.#isResuming) {',
    tests: ['packages/transport/test/framing.test.ts']
  },
  {
    name: 'batches-inflate-without-bound',
    bug: 'a kilobyte from a peer becomes a gigabyte here',
    breaks: ['P28'],
    file: 'packages/core/src/sync/batch.ts',
    text: '{ maxOutputLength: MAX_ENVELOPE_BYTES }',
    becomes: '{ maxOutputLength: 2 ** 31 }',
    tests: ['packages/core/test/sync/messages.test.ts']
  },
  {
    name: 'invitation-used-twice',
    bug: 'an invitation lets in as many devices as have its code',
    breaks: ['invitations'],
    file: 'packages/core/src/replica/invitations.ts',
    text: 'await this.#put({ ...invitation, usedBy: joiner.device })',
    becomes: 'await this.#put({ ...invitation, usedBy: undefined })',
    tests: ['packages/core/test/sync/join.test.ts']
  }
]
