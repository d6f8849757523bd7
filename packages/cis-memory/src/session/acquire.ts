import { access } from 'node:fs/promises'
import type { AbortOptions, Notice, Runtime } from '@cis-memory/core'
import { CisError } from '../errors.ts'
import { given } from '../given.ts'
import type { Home } from '../home.ts'
import { HOLDER_WAIT_MS } from '../limits.ts'
import type { LocalSocketClient } from '../local-socket/client.ts'
import type { ConnectionScope } from '../local-socket/handshake.ts'
import { readSocketKey, usualSocketPath } from '../local-socket/place.ts'
import type { OperationHandler } from '../local-socket/server.ts'
import { patiently } from './patience.ts'

/** Who answers a session: this process, with the store open, or another one. */
export interface Backend extends OperationHandler {
  readonly via: 'store' | 'socket'
  /** Whether it is there, as far as this side has heard. */
  readonly isOpen: boolean
  /** What opening the store has brought to light. */
  readonly notice?: Notice | undefined
}

export interface AcquireOptions extends AbortOptions {
  readonly home: Home
  readonly connection: ConnectionScope
  readonly runtime: Runtime
  /** Opens the store here. */
  openStore(): Promise<Backend>
}

/**
 * Talks to the process that has the store open, or opens it when nobody has. While a holder is opening or closing
 * neither works; that passes.
 *
 * @throws {StoreLockedError} `STORE_LOCKED` when the holder answers nobody
 */
export async function acquire(options: AcquireOptions): Promise<Backend> {
  const { runtime, openStore, signal } = options
  return patiently(async () => (await connectToHolder(options)) ?? (await openStore()), {
    runtime,
    waitMs: HOLDER_WAIT_MS,
    isPassing: isWorthWaiting,
    ...given({ signal })
  })
}

/**
 * Tries the usual place first, which costs nothing to know; only then is the store asked where its holder is.
 */
async function connectToHolder(options: AcquireOptions): Promise<Backend | undefined> {
  const { home } = options
  const usual = await usualSocketPath(home.socketDirectory)
  const client = usual === undefined ? undefined : await connectTo(usual, options)
  if (client !== undefined) return client
  const { readHolder } = await import('@cis-memory/store/level')
  const told = (await readHolder(home.storeDirectory))?.socketPath
  return told === undefined || told === usual ? undefined : connectTo(told, options)
}

async function connectTo(path: string, options: AcquireOptions): Promise<Backend | undefined> {
  const { home, connection, runtime, signal } = options
  try {
    await access(path)
    const key = await readSocketKey(home.socketDirectory, path)
    const { LocalSocketClient } = await import('../local-socket/client.ts')
    const client = await LocalSocketClient.connect({
      ...connection,
      path,
      key,
      runtime,
      ...given({ signal })
    })
    return new SocketBackend(client)
  } catch (error) {
    signal?.throwIfAborted()
    const { code } = error as { readonly code?: unknown }
    // Left behind by a process that is gone, or about to be.
    if (code === 'ENOENT' || code === 'CIS_CONNECTION_LOST' || code === 'CIS_HOLDER_CLOSING') return undefined
    throw error
  }
}

/** A holder that said where it listens, or has not said anything yet, will answer; one that said no will not. */
function isWorthWaiting(error: unknown): boolean {
  const { code, pid, socketPath } = error as { code?: unknown; pid?: unknown; socketPath?: unknown }
  return code === 'STORE_LOCKED' && (pid === undefined || socketPath !== undefined)
}

class SocketBackend implements Backend {
  readonly via = 'socket'
  readonly #client: LocalSocketClient

  constructor(client: LocalSocketClient) {
    this.#client = client
  }

  get isOpen(): boolean {
    return this.#client.isOpen
  }

  call(name: string, args: unknown, signal: AbortSignal): Promise<unknown> {
    return this.#client.call(name, args, { signal })
  }

  stream(name: string, args: unknown, signal: AbortSignal): AsyncIterable<unknown> {
    return this.#client.stream(name, args, { signal })
  }

  close(): Promise<void> {
    return this.#client.close()
  }
}

/** The error of every use of a session after it was closed. */
export function sessionClosed(): CisError {
  return new CisError('CIS_SESSION_CLOSED', 'this session is closed; open another to go on')
}
