/* The values a session is made of. What is done with them: `handshake.ts`, `exchange.ts`, `session.ts`. */
import type { ActorId } from '@cis-memory/clock'
import { NO_BYTES } from '../entry/bytes.ts'
import type { Commit } from '../entry/commit.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import type { SystemRecord } from '../entry/records.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import type { SyncErrorCode } from '../errors.ts'
import type { Batch } from './batch.ts'
import type { FeedPlace } from './feed-place.ts'
import type { Hello, SessionRole } from './handshake-mac.ts'
import type { AuthMessage, Message, PageMessage, SyncRequest } from './messages.ts'
import type { FeedPage, FeedProgress, FeedQuery, FeedReading, IngestReport, Page } from './sync-replica.ts'

/** What a session is told once. */
export interface SessionInit {
  readonly role: SessionRole
  readonly space: SpaceId
  readonly device: DeviceId
  /** The device at the other end, proven by the channel. */
  readonly peer: DeviceId
  readonly handshakeKey: Uint8Array
  /** 16 fresh random bytes. */
  readonly nonce: Uint8Array
}

/** What the replica is at the moment of an input. */
export interface Own {
  readonly actor: ActorId
  readonly instance: Uint8Array
  /** Where its feed ends. */
  readonly end: FeedPlace
  /** κ of the scopes this end shares; an empty κ is the whole space. */
  readonly shared: readonly Uint8Array[]
}

/** What one sync did, as one end counts it. */
export interface SyncCounts {
  /** Entries this end sent. */
  readonly sent: number
  /** Entries this end received. */
  readonly received: number
  /** Paths that became contested by what was received. */
  readonly conflicts: number
  /** Round trips: the requests of the end that made more of them, and one at least. */
  readonly rounds: number
  /** Whether the peer shares nothing of what was asked for. */
  readonly isRefused: boolean
}

/** A page of our feed, or of single paths; `undefined` when our feed is not the one that the peer knows. */
export type PageRead = FeedPage | Page | undefined

export type SessionInput =
  | { readonly type: 'start' }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'sync'; readonly request: SyncRequest }
  /** `known` is the latest place that was recorded of the peer's store. */
  | {
      readonly type: 'credentials'
      readonly records: readonly SystemRecord[]
      readonly known: FeedPlace | undefined
    }
  | { readonly type: 'head'; readonly head: Commit | undefined; readonly hasPlace: boolean }
  | { readonly type: 'recognised' }
  /** What became of `admit`. */
  | { readonly type: 'admitted'; readonly isMember: boolean }
  | { readonly type: 'progress'; readonly progress: FeedProgress }
  | { readonly type: 'page'; readonly page: PageRead }
  | { readonly type: 'ingested'; readonly report: IngestReport }
  /** The peer did something that shows before it is a message, or nothing for too long. */
  | { readonly type: 'refuse'; readonly code: SyncErrorCode }
  /** The peer has closed its side. */
  | { readonly type: 'closed' }

export type SessionOutput =
  | { readonly type: 'send'; readonly message: Message }
  | { readonly type: 'read-credentials'; readonly store: Uint8Array }
  | { readonly type: 'read-head'; readonly actor: ActorId; readonly place: FeedPlace | undefined }
  | { readonly type: 'recognise'; readonly head: Commit }
  | { readonly type: 'admit'; readonly records: readonly SystemRecord[] }
  | {
      readonly type: 'read-progress'
      readonly store: Uint8Array
      readonly feed: Uint8Array
      readonly scope: Uint8Array
    }
  /** A page of our feed, if it has that place. */
  | { readonly type: 'read-feed'; readonly query: FeedQuery; readonly place: FeedPlace | undefined }
  /** Page `number` of these paths, counted from 0; asked for in order. */
  | { readonly type: 'read-paths'; readonly paths: readonly Uint8Array[]; readonly number: bigint }
  | { readonly type: 'ingest'; readonly batch: Batch; readonly reading: FeedReading | undefined }
  /** Both ends have proven who they are. */
  | { readonly type: 'ready' }
  | { readonly type: 'synced'; readonly counts: SyncCounts }
  /** Nothing follows. `code` says what went wrong, if anything did. */
  | { readonly type: 'ended'; readonly code: string | undefined; readonly isPeersWord: boolean }

/** Reading what the peer has. */
export interface Pull {
  /** The end of the peer's feed, when it has told it in this sync. */
  readonly end: FeedPlace | undefined
  /** Where the page that was asked for last begins. */
  readonly after: bigint
  /** How far the replica has been told that the feed was read. */
  readonly recorded: bigint
  readonly isAsked: boolean
  /** Entries of the page that is being ingested. */
  readonly ingesting: number | undefined
  /** Arrived while the one before is ingested. */
  readonly waiting: PageMessage | undefined
  /** Whether the last page has arrived. */
  readonly isLastSeen: boolean
  readonly isFinished: boolean
  readonly isRefused: boolean
  readonly requestCount: number
  readonly emptyPageCount: number
  readonly feedChangeCount: number
  readonly received: number
  readonly conflicts: number
}

/** What the two ends agree on about the peer's feed. */
export interface PeerPlaces {
  /** The latest place that the replica had recorded of it when it was asked, or has been given since. */
  readonly known: FeedPlace | undefined
  /** Whether the peer's feed has that; `undefined` until it has said so. */
  readonly isShared: boolean | undefined
  /** The end of the page that was taken last. */
  readonly told: FeedPlace | undefined
}

/** Answering what the peer asks. */
export interface Serving {
  readonly isOpen: boolean
  readonly isReading: boolean
  readonly requestCount: number
  readonly pageCount: bigint
  readonly sent: number
}

/** One sync under way. */
export interface Exchange {
  readonly request: SyncRequest
  readonly pull: Pull
  readonly serving: Serving
  readonly isDoneSent: boolean
  readonly isDoneReceived: boolean
}

export interface SessionState {
  readonly init: SessionInit
  /** In the handshake: which message comes next. */
  readonly phase: 'hello' | 'proof' | 'auth' | 'echo' | 'idle' | 'syncing' | 'ended'
  /** The replica was asked something that has to be known before the peer is read on. */
  readonly isBusy: boolean
  readonly hello: Hello | undefined
  readonly peerHello: Hello | undefined
  readonly peerInstance: Uint8Array
  /** What the peer has said of itself, once it has. */
  readonly peerAuth: AuthMessage | undefined
  readonly peerPlaces: PeerPlaces
  readonly peerFeed: Uint8Array | undefined
  /** Our instance and our feed as the peer was told last. */
  readonly toldInstance: Uint8Array | undefined
  readonly toldFeed: Uint8Array | undefined
  readonly lastRequest: SyncRequest | undefined
  readonly exchange: Exchange | undefined
}

export interface Step {
  readonly state: SessionState
  readonly outputs: readonly SessionOutput[]
}

/** A session before its first input, `start`. */
export function createSession(init: SessionInit): SessionState {
  return {
    init,
    phase: 'hello',
    isBusy: false,
    hello: undefined,
    peerHello: undefined,
    peerInstance: NO_BYTES,
    peerAuth: undefined,
    peerPlaces: { known: undefined, isShared: undefined, told: undefined },
    peerFeed: undefined,
    toldInstance: undefined,
    toldFeed: undefined,
    lastRequest: undefined,
    exchange: undefined
  }
}

export function to(state: SessionState, ...outputs: readonly SessionOutput[]): Step {
  return { state, outputs }
}

export function send(message: Message): SessionOutput {
  return { type: 'send', message }
}

/** Ends the session and tells the peer why. */
export function refuse(state: SessionState, code: SyncErrorCode): Step {
  const { outputs, state: ended } = end(state, code, false)
  return to(ended, send({ type: 'error', code }), ...outputs)
}

/** Ends the session without a further word. */
export function end(state: SessionState, code: string | undefined, isPeersWord: boolean): Step {
  return to({ ...state, phase: 'ended' }, { type: 'ended', code, isPeersWord })
}
