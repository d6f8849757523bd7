/*
 * Everything the `cis` command can ask of whichever process has the store open, as one table: a name, its
 * arguments, and what comes back. The same table types a session that opened the store itself and one that talks
 * to the holder through its local socket, so results are plain data: JSON values, `undefined` and `Uint8Array`.
 *
 * A call answers once. A stream gives items until it ends; where an operation takes long, its items are events and
 * the last one is `done` with the result.
 */
import type {
  AuditRecord,
  AuditVerdict,
  CleanedHistory,
  Domain,
  EntryId,
  HistoryItem,
  MemoryItem,
  MemoryValue,
  Notice,
  Read,
  SearchHit,
  StaleCurated,
  Version,
  Written
} from '@cis-memory/core'
import type { ConflictNotification } from '@cis-memory/guard'
import type { AuditListArguments, AuditVerifyArguments, WhyItem } from './audit-contract.ts'
import type { ConflictCalls, ConflictStreams } from './conflict-contract.ts'
import type { DoctorReport } from './doctor-contract.ts'

/** Arguments of operations that need none. */
export type NoArguments = Readonly<Record<string, never>>

/** Names one memory. Paths are relative to the session's scope, or absolute and inside it. */
export interface PathArguments {
  readonly path: string
  /** @default 'public' */
  readonly domain?: Domain | undefined
}

export interface SetArguments extends PathArguments {
  /** Text is a string with content type `text/plain`; JSON and bytes are themselves. */
  readonly value: MemoryValue
  /** @default 'application/json', or 'application/octet-stream' for bytes */
  readonly contentType?: string | undefined
  readonly category?: string | undefined
  readonly tags?: readonly string[] | undefined
  /** The agent this write is for. */
  readonly agent?: string | undefined
  /** Milliseconds since 1970 after which the value counts as absent. */
  readonly expiresAt?: number | undefined
}

/** A write made on the version that was live when it started. */
export interface SetResult {
  readonly written: Written
  /** What was there before, or `undefined` when nothing was. */
  readonly replaced: Version | undefined
}

export interface DeleteArguments extends PathArguments {
  readonly agent?: string | undefined
}

export interface RestoreArguments extends PathArguments {
  /** A version of the history. */
  readonly entryId: EntryId
  /** Which of its values, when it has several. @default its only one */
  readonly index?: number | undefined
  readonly agent?: string | undefined
}

export interface DeleteResult {
  /** `undefined` when nothing was there to delete. */
  readonly written: Written | undefined
  readonly deleted: Version | undefined
}

export interface ListArguments {
  /** Only what lies at or below this path. @default everything in scope */
  readonly prefix?: string | undefined
  /** @default both, public first */
  readonly domain?: Domain | undefined
}

export interface SearchArguments extends ListArguments {
  readonly query: string
  /** @default 20 */
  readonly limit?: number | undefined
}

export interface CleanHistoryArguments {
  /** @default both */
  readonly domain?: Domain | undefined
  /** Say what would be deleted, and delete nothing. @default false */
  readonly dryRun?: boolean | undefined
}

/** One memory that an import wants to be there. `importMemories` makes them from files. */
export interface ImportItem {
  readonly path: string
  /** @default 'public' */
  readonly domain?: Domain | undefined
  readonly value: MemoryValue
  /** The value is the state of a Yjs document, and goes into the one at the path. @default false */
  readonly isDocument?: boolean | undefined
  readonly contentType?: string | undefined
  readonly category?: string | undefined
  readonly tags?: readonly string[] | undefined
  /** Milliseconds since 1970 after which the value counts as absent. */
  readonly expiresAt?: number | undefined
}

export interface ImportArguments {
  /** At most `MAX_IMPORT_ITEMS`; `importMemories` splits longer ones. */
  readonly items: readonly ImportItem[]
  /** Say what would happen, and write nothing. @default false */
  readonly dryRun?: boolean | undefined
}

/**
 * - `created`, `updated`: written (or would be). `unchanged`: the same value is there already.
 * - `refused`: somebody else has changed the memory since, its versions differ, or its name is not allowed; it
 *   stays as it is.
 */
export interface ImportOutcome {
  readonly path: string
  readonly domain: Domain
  readonly outcome: 'created' | 'updated' | 'unchanged' | 'refused'
  /** Why it was refused: an error code. */
  readonly code: string | undefined
}

export interface SyncArguments {
  /** A peer's name, device id or address. @default every known peer that can be reached */
  readonly peer?: string | undefined
  /** @default 'both' */
  readonly direction?: 'push' | 'pull' | 'both' | undefined
  /** A path within the session's scope to stay in. @default the whole of it */
  readonly scope?: string | undefined
  /** Only these memories. @default all in scope */
  readonly keys?: readonly string[] | undefined
}

/** One side of a connection, as people know it. */
export interface PeerName {
  /** 64 hex digits. */
  readonly device: string
  /** Its name; with its id's first digits when another device has the same, those alone when it has none. */
  readonly name: string
}

/** What one sync with one peer did. Numbers are entries, `bytes` is what went over the wire. */
export interface SyncSummary {
  readonly sent: number
  readonly received: number
  /** Conflicts that this sync brought to light. */
  readonly conflicts: number
  readonly bytes: number
  readonly rounds: number
}

/** `done` is the last; a sync that reached no peer fails with `CIS_NO_PEER_REACHED` after its `failed` events. */
export type SyncEvent =
  | { readonly type: 'connecting'; readonly peer: string }
  | { readonly type: 'progress'; readonly peer: PeerName; readonly sent: number; readonly received: number }
  | ({ readonly type: 'synced'; readonly peer: PeerName } & SyncSummary)
  | { readonly type: 'failed'; readonly peer: string; readonly code: string; readonly message: string }
  | {
      readonly type: 'done'
      /** Peers that were synced with, and peers that were tried in vain. */
      readonly synced: number
      readonly failed: number
      /** Conflicts open in the session's scope now. */
      readonly openConflicts: number
      /** What it has brought to light about this store or another, if anything. */
      readonly notices?: readonly Notice[] | undefined
    }

export interface CurateArguments {
  readonly path: string
  /** Where to put it in the private domain. @default the same path */
  readonly as?: string | undefined
  /** Take it as it is, or what the model that is set up makes of it. @default 'copy' */
  readonly mode?: 'copy' | 'adapt' | undefined
}

export interface InviteArguments {
  /** How long the code can be used. @default one hour */
  readonly expiresInMs?: number | undefined
  /** Stay until somebody has joined with it. Otherwise the stream ends after `code`. @default false */
  readonly wait?: boolean | undefined
}

/** `joined` is the last when `wait` was asked for; `code` otherwise. */
export type InviteEvent =
  | {
      readonly type: 'code'
      readonly code: string
      /** Milliseconds since 1970. */
      readonly expiresAt: number
      /** Where this node answers; what the code contains. */
      readonly addresses: readonly string[]
    }
  | { readonly type: 'joined'; readonly peer: PeerName }

/** The device, its space and its node. */
export interface NodeInfo {
  readonly device: PeerName
  readonly space: { readonly id: string; readonly name: string }
  /** The process that answers. */
  readonly pid: number
  /** Whether its network part is up; it starts with the first operation that needs it. */
  readonly isListening: boolean
  readonly addresses: readonly string[]
  readonly connectedPeers: readonly PeerName[]
}

export interface PeerInfo extends PeerName {
  /** `unknown`: an address was given for it, and nothing here says yet that it belongs to the space. */
  readonly role: 'admin' | 'member' | 'unknown'
  readonly addresses: readonly string[]
  readonly isConnected: boolean
  /** Milliseconds since 1970 of the last finished sync. */
  readonly lastSyncedAt: number | undefined
}

export interface AddPeerArguments {
  /** A multiaddr such as `/ip4/192.168.1.20/tcp/41234/p2p/12D3…`. */
  readonly address: string
}

export interface RemovePeerArguments {
  /** A peer's name, device id or address. */
  readonly peer: string
}

export interface StatusResult extends NodeInfo {
  /** The session's scope. */
  readonly scope: string
  /** Memories in scope, each domain counted up to `limit`: that many are that many or more. */
  readonly memories: { readonly public: number; readonly private: number; readonly limit: number }
  readonly openConflicts: number
  /** Entries that arrived and cannot be judged yet. */
  readonly pending: number
  /** What the owner has to know about this store. */
  readonly notices: readonly Notice[]
  readonly peers: { readonly known: number; readonly connected: number }
}

export interface GuardArguments {
  /** The agent's name, as the audit will show it. */
  readonly agent: string
  /** A path within the session's scope. @default the whole of it */
  readonly scope?: string | undefined
  /** Only these memories. @default all in scope */
  readonly keys?: readonly string[] | undefined
  /** Only what this search finds. */
  readonly query?: string | undefined
  readonly limit?: number | undefined
  /** Pull what connected peers have of the scope first. When that fails, nothing is delivered. @default false */
  readonly fresh?: boolean | undefined
  /** Where the agent writes what it answers, through its context and under its name. @default it does not write */
  readonly writeTo?: string | undefined
}

/**
 * What came of running an agent under the guard. The agent here recites: it answers with the context it was given,
 * as a prompt would show it.
 */
export type GuardResult =
  | {
      readonly state: 'delivered'
      readonly scope: string
      /** Memories in the context. */
      readonly memories: number
      /** What the agent answered. */
      readonly output: string
      /** What it wrote, when it was asked to. */
      readonly written: Written | undefined
    }
  | {
      readonly state: 'refused'
      readonly scope: string
      /** Why, as the guard's error says it; its last line is the command that settles the first conflict. */
      readonly message: string
      readonly notifications: readonly ConflictNotification[]
    }

/** Operations that answer once. */
export interface CallOperations extends ConflictCalls {
  /** Exit code 3 when `state` is `conflict`. */
  'memory.get': { arguments: PathArguments; result: Read }
  /** Writes on the version that is live when it starts. `CORE_CONTESTED` when there are several. */
  'memory.set': { arguments: SetArguments; result: SetResult }
  'memory.delete': { arguments: DeleteArguments; result: DeleteResult }
  /** Deletes replaced versions that are past their time, in the session's scope. */
  'memory.cleanHistory': { arguments: CleanHistoryArguments; result: CleanedHistory }
  'memory.import': { arguments: ImportArguments; result: readonly ImportOutcome[] }
  /** Writes a version of the history back. `CORE_CONTESTED` while the path is. */
  'memory.restore': { arguments: RestoreArguments; result: Written }
  /** Tells connected peers about one public memory. A broadcast says whom it reached, never that it was applied. */
  'memory.broadcast': { arguments: { readonly path: string }; result: { readonly reached: number } }
  /** `CIS_NO_MODEL` when it is to be adapted and no model is set up. */
  'memory.curate': { arguments: CurateArguments; result: Written }
  'node.info': { arguments: NoArguments; result: NodeInfo }
  /** Ends the holder when it is `cis node run`; otherwise `CIS_NODE_OFF`. */
  'node.shutdown': { arguments: NoArguments; result: { readonly pid: number } }
  /** Remembers how to reach a device, a member or not yet. */
  'peers.add': {
    arguments: AddPeerArguments
    result: { readonly address: string; readonly isMember: boolean }
  }
  /** Forgets how to reach a peer. It stays a member. */
  'peers.remove': { arguments: RemovePeerArguments; result: { readonly addresses: readonly string[] } }
  status: { arguments: NoArguments; result: StatusResult }
  /** Looks for what needs attention, in the whole store and the session's scope. It reads rows, up to a bound. */
  doctor: { arguments: NoArguments; result: DoctorReport }
  'guard.check': { arguments: GuardArguments; result: GuardResult }
  /** Walks the whole audit log, whatever the session's scope. */
  'audit.verify': { arguments: AuditVerifyArguments; result: AuditVerdict }
}

/** Operations that give items until they end. */
export interface StreamOperations extends ConflictStreams {
  'memory.list': { arguments: ListArguments; item: MemoryItem }
  /** Best first. */
  'memory.search': { arguments: SearchArguments; item: SearchHit }
  /** Latest first. */
  'memory.history': { arguments: PathArguments; item: HistoryItem }
  /** Who wrote it after having seen what, and which agents were given it here; latest first. */
  'memory.why': { arguments: PathArguments; item: WhyItem }
  /** Latest first. */
  'audit.list': { arguments: AuditListArguments; item: AuditRecord }
  /** What was made of public memories that say something else by now, are gone, or are contested. */
  'memory.stale': { arguments: NoArguments; item: StaleCurated }
  'memory.sync': { arguments: SyncArguments; item: SyncEvent }
  invite: { arguments: InviteArguments; item: InviteEvent }
  'peers.list': { arguments: NoArguments; item: PeerInfo }
}

export type CallName = keyof CallOperations
export type StreamName = keyof StreamOperations
export type OperationName = CallName | StreamName
export type CallArguments<K extends CallName> = CallOperations[K]['arguments']
export type CallResult<K extends CallName> = CallOperations[K]['result']
export type StreamArguments<K extends StreamName> = StreamOperations[K]['arguments']
export type StreamItem<K extends StreamName> = StreamOperations[K]['item']
