import type { AbortOptions, Domain, Notice } from '@cis-memory/core'
import type {
  CallArguments,
  CallName,
  CallResult,
  StreamArguments,
  StreamItem,
  StreamName
} from './contract.ts'

/**
 * One user of a store, in one scope. It has the store open itself, or talks to the process that has; nobody needs to
 * know which. Scope and domain are fixed when it opens.
 */
export interface CisSession extends AsyncDisposable {
  /** The absolute path it sees, with what lies below it. */
  readonly scope: string
  /** Whether this process has the store open, or another one answers through its local socket. */
  readonly via: 'store' | 'socket'
  /** What opening the store has brought to light, when this session opened it: its owner has to be told. */
  readonly notice?: Notice | undefined
  /**
   * Asks once.
   *
   * @throws {CisError} `CIS_BAD_ARGUMENT` when the arguments are not what the operation takes,
   * `CIS_OUTSIDE_SESSION` when they leave the session's domain, `CIS_SESSION_CLOSED`, and over a socket
   * `CIS_CONNECTION_LOST` when the holder went away before it answered: the operation may have happened.
   */
  call<K extends CallName>(name: K, args: CallArguments<K>, options?: AbortOptions): Promise<CallResult<K>>
  /** Asks for items. Leaving the loop ends the operation on the other side. */
  stream<K extends StreamName>(
    name: K,
    args: StreamArguments<K>,
    options?: AbortOptions
  ): AsyncIterableIterator<StreamItem<K>>
  /** Ends what still runs, and closes the store when this session opened it. May be called twice. */
  close(): Promise<void>
}

export interface SessionOptions extends AbortOptions {
  /** The directory that holds everything of this device, as `init` made it. */
  readonly home: string
  /** An absolute path. `scopeOf(directory)` finds the one of a project. @default '/', the whole space */
  readonly scope?: string | undefined
  /** Limits the session to one domain. @default both */
  readonly domain?: Domain | undefined
}

/** What `init` and `join` made. */
export interface HomeResult {
  readonly home: string
  readonly device: { readonly id: string; readonly name: string }
  readonly space: { readonly id: string; readonly name: string }
  /** Where its node will listen. */
  readonly listen: readonly string[]
  readonly configFile: string
}

export interface InitOptions extends AbortOptions {
  readonly home: string
  /** The name of the new space. @default 'default' */
  readonly space?: string | undefined
  /** What others will call this device. @default the host's name */
  readonly device?: string | undefined
  /** @default one address on all interfaces with a random high port, chosen once */
  readonly listen?: readonly string[] | undefined
}

export interface JoinOptions extends Omit<InitOptions, 'space'> {
  /** What `invite` printed on a member's device. */
  readonly code: string
}

export interface RunNodeOptions extends AbortOptions {
  readonly home: string
}

/** A node that runs until it is closed, asked to shut down, or its signal aborts. */
export interface RunningNode extends AsyncDisposable {
  readonly addresses: readonly string[]
  /** What opening the store has brought to light: its owner has to be told. */
  readonly notice?: Notice | undefined
  /** Resolves once it has ended, whatever ended it. */
  readonly ended: Promise<void>
  close(): Promise<void>
}
