/*
 * The ways into a home. Little is loaded until it is needed: whoever talks to a process that has the store open needs
 * neither the store nor the network, and the `cis` command has to be quick.
 */

import { nodeRuntime } from '@cis-memory/transport/node-runtime'
import { checkHome } from './home.ts'
import type {
  CisSession,
  HomeResult,
  InitOptions,
  JoinOptions,
  RunNodeOptions,
  RunningNode,
  SessionOptions
} from './operations/session.ts'
import { acquire, type Backend } from './session/acquire.ts'
import { Session } from './session/session.ts'

/**
 * Opens a session on a home: through the local socket of the process that has the store open, or by opening it here
 * when nobody has.
 *
 * @throws {CisError} `CIS_HOME_NOT_FOUND`, `CIS_HOME_NOT_PRIVATE`, `CIS_BAD_CONFIG`, `CIS_SOCKET_UNTRUSTED` and other
 * `CIS_SOCKET_…` codes when the holder cannot be talked to
 * @throws {StoreError} `STORE_LOCKED` ({@link StoreLockedError}) when the holder answers nobody, and what else
 * `openLevelStore` throws
 * @throws {CoreError} `CORE_BAD_PATH` for a scope that is no absolute path, `CORE_NO_SPACE`
 * @throws {GuardError} `GUARD_ENFORCEMENT_REQUIRED`
 */
export async function openSession(options: SessionOptions): Promise<CisSession> {
  const { domain, signal } = options
  const scope = (options.scope ?? '/').normalize('NFC')
  const runtime = nodeRuntime()
  const home = await checkHome(options.home)
  const connection = { scope, domain }
  const openStore = async (): Promise<Backend> => {
    const { openBackend } = await import('./holder/open-home.ts')
    return openBackend(home, connection)
  }
  const find = (within: AbortSignal | undefined): Promise<Backend> =>
    acquire({ home, connection, runtime, openStore, ...(within !== undefined && { signal: within }) })
  return new Session({ scope, backend: await find(signal), runtime, acquire: find })
}

/**
 * Makes a home with a key, a store, a new space and a configuration.
 *
 * @throws {CisError} `CIS_HOME_EXISTS`, `CIS_HOME_NOT_PRIVATE`
 * @throws {CoreError} `CORE_BAD_OPTION` for a name that is empty or too long
 */
export async function initHome(options: InitOptions): Promise<HomeResult> {
  const { initHomeHere } = await import('./holder/new-home.ts')
  return initHomeHere(options)
}

/**
 * Makes a home whose device joins the space of an invitation. The device that made it has to be running; whatever it
 * shares comes with the first sync.
 *
 * @throws {CisError} `CIS_HOME_EXISTS`, `CIS_HOME_NOT_PRIVATE`
 * @throws {CoreError} `CORE_INVITATION_INVALID`, `CORE_INVITATION_EXPIRED`, `CORE_INVITATION_USED`
 * @throws {TransportError} `TRANSPORT_UNREACHABLE`, also when the line breaks: the same code lets this device in later
 * @throws {SyncError} `SYNC_REFUSED` when the other owner said no
 */
export async function joinHome(options: JoinOptions): Promise<HomeResult> {
  const { joinHomeHere } = await import('./holder/new-home.ts')
  return joinHomeHere(options)
}

/**
 * Opens a home and keeps it on the network: answers members who ask for what it shares, and sessions of this user. A
 * command that has the store is waited for, three seconds at most.
 *
 * @throws {StoreError} `STORE_LOCKED` ({@link StoreLockedError}) when another process keeps the store
 * @throws {TransportError} `TRANSPORT_ADDRESS_IN_USE`, `TRANSPORT_CANNOT_LISTEN`
 * @throws what `openSession` throws about the home and its configuration
 */
export async function runNode(options: RunNodeOptions): Promise<RunningNode> {
  const { runNodeHere } = await import('./holder/open-home.ts')
  return runNodeHere(options)
}
