/*
 * Messages of `/cis/sync/1`. Each is a CBOR map in a frame of its own; key 0 is the type, unknown keys are ignored:
 *
 *    1 hello   1 versions · 2 capabilities · 3 instance(16) · 4 nonce(16)
 *    2 proof   1 mac(32)
 *    3 auth    1 actor(16) · 2 records, [bytes, signature] each · 3 feed(16) · 4 lsn · 5 mark(8)
 *    4 echo    1 whether the sender's feed has the place in auth · 2 commit · 3 signature
 *    5 begin   1 lsn · 2 mark(8) · 3 instance(16) · 4 feed(16) · 5 direction · 6 scope κ · 7 paths κ each
 *    6 feed    1 instance(16) · 2 feed(16), absent when nothing that was asked for is shared
 *    7 since   1 lsn to read after · 2 instance(16) · 3 mark(8) · 4 lsn
 *    8 page    1 batch · 2 next lsn · 3 whether there is more · 4 mark(8) · 5 lsn
 *    9 done    1 entries received
 *   10 error   1 code, text
 *
 * lsn and mark are a place: in `auth` and `since` the latest that the sender has recorded of the receiver's feed, absent
 * when there is none; in `begin` and `page` the end of the sender's own. The lsn behind a mark is left out when it is that of
 * field 1 in `since`, or of field 2 in `page`. commit and signature: absent when the sender holds no head of the
 * receiver's actor. direction, as the sender of `begin` sees it: 0 push · 1 pull · 2 both. instance is left out while it is
 * what the peer was told last; in `begin` so are feed, and 5 to 7 while they are what was asked last.
 * Reserved: types 16 to 22 (have, want, entries, covered, range, symbols, ids) and, in every message, key 31
 * (W3C traceparent).
 */
import { ACTOR_ID_BYTES, type ActorId, actorFromBytes, actorToBytes } from '@cis-memory/clock'
import { decodeCbor, encodeCbor, Fields, malformed } from '../entry/cbor.ts'
import { type Commit, decodeCommit, MAX_COMMIT_BYTES } from '../entry/commit.ts'
import { SIGNATURE_BYTES } from '../entry/ed25519.ts'
import { ID_BYTES } from '../entry/hash.ts'
import { TOKEN_BYTES } from '../entry/path.ts'
import type { SystemRecord } from '../entry/records.ts'
import { recordFromCbor, recordToCbor } from '../entry/signed-record.ts'
import { SyncError } from '../errors.ts'
import { MAX_FRAME_BYTES, MAX_PATH_SEGMENTS, MAX_REQUEST_PATHS } from '../limits.ts'
import { type Batch, batchFromCbor, batchToCbor } from './batch.ts'
import { type FeedPlace, MARK_BYTES } from './feed-place.ts'
import { MAX_CAPABILITIES, MAX_CODE_BYTES, MAX_CREDENTIALS, MAX_VERSIONS } from './limits.ts'

export const NONCE_BYTES = 16
export const MAC_BYTES = 32
const MAX_VERSION = 255
const MAX_CAPABILITY = 65_535
const MAX_SCOPE_BYTES = MAX_PATH_SEGMENTS * TOKEN_BYTES

/** Which way entries go, as the one who asks sees it. */
export type SyncDirection = 'push' | 'pull' | 'both'
const DIRECTIONS: readonly SyncDirection[] = ['push', 'pull', 'both']

/** What one sync is about. */
export interface SyncRequest {
  readonly direction: SyncDirection
  /** κ of the scope; empty is the whole space. */
  readonly scope: Uint8Array
  /** κ of single memories; then nothing else is exchanged, and no checkpoint moves. */
  readonly paths: readonly Uint8Array[] | undefined
}

export interface HelloMessage {
  readonly type: 'hello'
  /** Ascending. */
  readonly versions: readonly number[]
  readonly capabilities: readonly number[]
  readonly instance: Uint8Array
  readonly nonce: Uint8Array
}

export interface AuthMessage {
  readonly type: 'auth'
  readonly actor: ActorId
  readonly records: readonly SystemRecord[]
  /** Names the sender's feed, see `identity.ts`. */
  readonly feed: Uint8Array
  /** The latest place that the sender has recorded of the receiver's feed. */
  readonly known: FeedPlace | undefined
}

export interface EchoMessage {
  readonly type: 'echo'
  /** Whether the sender's feed has the place that the receiver knows. */
  readonly hasPlace: boolean
  readonly head: Commit | undefined
}

export interface BeginMessage {
  readonly type: 'begin'
  /** Where the sender's feed ends. */
  readonly end: FeedPlace
  readonly instance: Uint8Array | undefined
  readonly feed: Uint8Array | undefined
  readonly request: SyncRequest | undefined
}

export interface FeedMessage {
  readonly type: 'feed'
  readonly instance: Uint8Array | undefined
  readonly feed: Uint8Array | undefined
}

export interface SinceMessage {
  readonly type: 'since'
  readonly after: bigint
  readonly instance: Uint8Array | undefined
  /** The latest place that the sender has recorded of the receiver's feed. */
  readonly known: FeedPlace | undefined
}

export interface PageMessage {
  readonly type: 'page'
  readonly batch: Batch
  readonly next: bigint
  readonly hasMore: boolean
  /** Where the feed ended when the page was read; absent in pages of single paths. */
  readonly end: FeedPlace | undefined
}

export type Message =
  | HelloMessage
  | { readonly type: 'proof'; readonly mac: Uint8Array }
  | AuthMessage
  | EchoMessage
  | BeginMessage
  | FeedMessage
  | SinceMessage
  | PageMessage
  | { readonly type: 'done'; readonly received: number }
  | { readonly type: 'error'; readonly code: string }

const NUMBERS: Readonly<Record<Message['type'], number>> = {
  hello: 1,
  proof: 2,
  auth: 3,
  echo: 4,
  begin: 5,
  feed: 6,
  since: 7,
  page: 8,
  done: 9,
  error: 10
}
const TYPES = new Map(Object.entries(NUMBERS).map(([type, number]) => [number, type as Message['type']]))
const MAX_TYPE = 255

/** The frame of a message. */
export function encodeMessage(message: Message): Uint8Array {
  const fields = fieldsOf(message).map((value, index): [number, unknown] => [index + 1, value])
  const present = fields.filter(([, value]) => value !== undefined)
  return encodeCbor(new Map<number, unknown>([[0, NUMBERS[message.type]], ...present]))
}

function fieldsOf(message: Message): unknown[] {
  switch (message.type) {
    case 'hello':
      return [message.versions, message.capabilities, message.instance, message.nonce]
    case 'proof':
      return [message.mac]
    case 'auth':
      return [
        actorToBytes(message.actor),
        message.records.map(recordToCbor),
        message.feed,
        message.known?.lsn,
        message.known?.mark
      ]
    case 'echo':
      return [message.hasPlace, message.head?.bytes, message.head?.signature]
    case 'begin': {
      const { end, instance, feed, request } = message
      const direction = request === undefined ? undefined : DIRECTIONS.indexOf(request.direction)
      return [end.lsn, end.mark, instance, feed, direction, request?.scope, request?.paths]
    }
    case 'feed':
      return [message.instance, message.feed]
    case 'since':
      return [message.after, message.instance, ...placeBeside(message.after, message.known)]
    case 'page':
      return [
        batchToCbor(message.batch),
        message.next,
        message.hasMore,
        ...placeBeside(message.next, message.end)
      ]
    case 'done':
      return [message.received]
    case 'error':
      return [message.code]
  }
}

/** A place in a message that has a number already, which most often is that of the place. */
function placeBeside(lsn: bigint, place: FeedPlace | undefined): unknown[] {
  return [place?.mark, place?.lsn === lsn ? undefined : place?.lsn]
}

/**
 * Reads the message in a frame.
 *
 * @throws {SyncError} `SYNC_MALFORMED`, and `SYNC_UNEXPECTED_MESSAGE` for a type that is not known
 */
export function decodeMessage(frame: Uint8Array): Message {
  try {
    if (frame.length > MAX_FRAME_BYTES) throw malformed('a message', 'is too large')
    const fields = Fields.ofMap(decodeCbor(frame), 'a message')
    const type = TYPES.get(fields.integer(0, 0, MAX_TYPE))
    if (type === undefined) {
      throw new SyncError('SYNC_UNEXPECTED_MESSAGE', 'a message is of a type this version does not know')
    }
    return READERS[type](fields)
  } catch (cause) {
    if (cause instanceof SyncError) throw cause
    throw new SyncError('SYNC_MALFORMED', 'a message is not what its type says', { cause })
  }
}

const READERS: Readonly<Record<Message['type'], (fields: Fields) => Message>> = {
  hello: (fields) => ({
    type: 'hello',
    versions: integers(fields, 1, MAX_VERSIONS, MAX_VERSION),
    capabilities: integers(fields, 2, MAX_CAPABILITIES, MAX_CAPABILITY),
    instance: fields.bytes(3, ID_BYTES),
    nonce: fields.bytes(4, NONCE_BYTES)
  }),
  proof: (fields) => ({ type: 'proof', mac: fields.bytes(1, MAC_BYTES) }),
  auth: (fields) => ({
    type: 'auth',
    actor: actorFromBytes(fields.bytes(1, ACTOR_ID_BYTES)),
    records: fields.array(2, MAX_CREDENTIALS).map(recordFromCbor),
    feed: fields.bytes(3, ID_BYTES),
    known: fields.has(4) ? { lsn: fields.uint64(4), mark: fields.bytes(5, MARK_BYTES) } : undefined
  }),
  echo: (fields) => ({
    type: 'echo',
    hasPlace: fields.boolean(1),
    head: fields.has(2)
      ? decodeCommit(fields.bytes(2, 1, MAX_COMMIT_BYTES), fields.bytes(3, SIGNATURE_BYTES))
      : undefined
  }),
  begin: (fields) => ({
    type: 'begin',
    end: { lsn: fields.uint64(1), mark: fields.bytes(2, MARK_BYTES) },
    instance: readId(fields, 3),
    feed: readId(fields, 4),
    request: fields.has(5) ? readRequest(fields) : undefined
  }),
  feed: (fields) => ({ type: 'feed', instance: readId(fields, 1), feed: readId(fields, 2) }),
  since: (fields) => ({
    type: 'since',
    after: fields.uint64(1),
    instance: readId(fields, 2),
    known: readPlaceBeside(fields, 1, 3)
  }),
  page: (fields) => ({
    type: 'page',
    batch: batchFromCbor(fields.value(1)),
    next: fields.uint64(2),
    hasMore: fields.boolean(3),
    end: readPlaceBeside(fields, 2, 4)
  }),
  done: (fields) => ({ type: 'done', received: fields.integer(1, 0) }),
  error: (fields) => ({ type: 'error', code: fields.text(1, MAX_CODE_BYTES) })
}

function readId(fields: Fields, key: number): Uint8Array | undefined {
  return fields.has(key) ? fields.bytes(key, ID_BYTES) : undefined
}

/** Reads the mark at a key, and its number from the one behind or, when it is left out there, from another. */
function readPlaceBeside(fields: Fields, lsn: number, mark: number): FeedPlace | undefined {
  if (!fields.has(mark)) return undefined
  return { lsn: fields.uint64(fields.has(mark + 1) ? mark + 1 : lsn), mark: fields.bytes(mark, MARK_BYTES) }
}

function readRequest(fields: Fields): SyncRequest {
  const scope = fields.bytes(6, 0, MAX_SCOPE_BYTES)
  checkTokens(scope)
  return {
    direction: DIRECTIONS[fields.integer(5, 0, DIRECTIONS.length - 1)] as SyncDirection,
    scope,
    paths: fields.has(7) ? fields.array(7, MAX_REQUEST_PATHS).map(readPath) : undefined
  }
}

function readPath(raw: unknown): Uint8Array {
  if (!(raw instanceof Uint8Array) || raw.length === 0 || raw.length > MAX_SCOPE_BYTES) {
    throw malformed('a request', 'names something that is not a path')
  }
  checkTokens(raw)
  return raw
}

function checkTokens(bytes: Uint8Array): void {
  if (bytes.length % TOKEN_BYTES !== 0) throw malformed('a request', 'has half a path token')
}

/** A list of numbers without repetition. */
function integers(fields: Fields, key: number, maxLength: number, max: number): number[] {
  const numbers = fields.array(key, maxLength)
  const isFine = (each: unknown): each is number => Number.isSafeInteger(each) && (each as number) >= 0
  if (!numbers.every(isFine) || numbers.some((each) => each > max)) {
    throw malformed('a message', 'has something else in a list of numbers')
  }
  return [...new Set(numbers)].sort((a, b) => a - b)
}
