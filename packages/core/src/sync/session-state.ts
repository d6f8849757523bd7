/* The values a session is made of. What is done with them: `handshake.ts`, `exchange.ts`, `session.ts`. */
import type { ActorId } from '@cis-memory/clock'
import { NO_BYTES } from '../entry/bytes.ts'
import type { Commit } from '../entry/commit.ts'
import type { DeviceId } from '../entry/ed25519.ts'
import type { SystemRecord } from '../entry/records.ts'
import type { SpaceId } from '../entry/space-keys.ts'
import type { SyncErrorCode } from '../errors.ts'
import type { Batch } from './batch.ts'
import type { Hello, SessionRole } from './handshake-mac.ts'
import type { AuthMessage, Message, PageMessage, SyncRequest } from './messages.ts'
import type { FeedPage, FeedQuery, IngestReport, IngestSource } from './sync-replica.ts'

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
  readonly tip: bigint
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

export type SessionInput =
  | { readonly type: 'start' }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'sync'; readonly request: SyncRequest }
  | { readonly type: 'credentials'; readonly records: readonly SystemRecord[] }
  | { readonly type: 'head'; readonly head: Commit | undefined }
  | { readonly type: 'recognised' }
  /** What became of `admit`; `lsn` is how far the peer's feed had been read. */
  | { readonly type: 'admitted'; readonly isMember: boolean; readonly lsn: bigint }
  | { readonly type: 'checkpoint'; readonly lsn: bigint }
  | { readonly type: 'page'; readonly page: FeedPage }
  | { readonly type: 'ingested'; readonly report: IngestReport }
  /** The peer did something that shows before it is a message, or nothing for too long. */
  | { readonly type: 'refuse'; readonly code: SyncErrorCode }
  /** The peer has closed its side. */
  | { readonly type: 'closed' }

export type SessionOutput =
  | { readonly type: 'send'; readonly message: Message }
  | { readonly type: 'read-credentials' }
  | { readonly type: 'read-head'; readonly actor: ActorId }
  | { readonly type: 'recognise'; readonly head: Commit }
  | {
      readonly type: 'admit'
      readonly records: readonly SystemRecord[]
      readonly source: IngestSource
      readonly feed: Uint8Array
    }
  | { readonly type: 'read-checkpoint'; readonly feed: Uint8Array; readonly scope: Uint8Array }
  | { readonly type: 'read-feed'; readonly query: FeedQuery }
  /** Page `number` of these paths, counted from 0; asked for in order. */
  | { readonly type: 'read-paths'; readonly paths: readonly Uint8Array[]; readonly number: bigint }
  | { readonly type: 'ingest'; readonly batch: Batch; readonly source: IngestSource }
  /** Both ends have proven who they are. */
  | { readonly type: 'ready' }
  | { readonly type: 'synced'; readonly counts: SyncCounts }
  /** Nothing follows. `code` says what went wrong, if anything did. */
  | { readonly type: 'ended'; readonly code: string | undefined; readonly isPeersWord: boolean }

/** Reading what the peer has. */
export interface Pull {
  /** The key of the peer's feed, once it has named it; never for single paths. */
  readonly feed: Uint8Array | undefined
  /** The end of the peer's feed, when it has been named in this sync. */
  readonly tip: bigint | undefined
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
  /** Its feed is shorter than what was read of it: it has lost something, so nothing is kept from it. */
  readonly isPeerRolledBack: boolean
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
    isPeerRolledBack: false,
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
