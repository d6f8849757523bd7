import { chmod, rm } from 'node:fs/promises'
import { createServer, type Server, type Socket } from 'node:net'
import type { Runtime } from '@cis-memory/core'
import { DRAIN_TIMEOUT_MS, MAX_SOCKET_CONNECTIONS } from '../limits.ts'
import type { Connection } from './connection.ts'
import type { ConnectionScope } from './handshake.ts'

/** What a connection can ask, by name. Arguments are checked behind it. */
export interface OperationHandler {
  call(name: string, args: unknown, signal: AbortSignal): Promise<unknown>
  stream(name: string, args: unknown, signal: AbortSignal): AsyncIterable<unknown>
  /** Lets go of what the connection held. */
  close(): Promise<void>
}

export interface LocalSocketOptions {
  readonly path: string
  readonly key: Uint8Array
  readonly runtime: Runtime
  /** What a connection may use. Throwing refuses it. */
  open(connection: ConnectionScope): OperationHandler
}

/** Answers others of this user who want to use the store that this process has open. */
export interface LocalSocketServer {
  readonly path: string
  /**
   * Takes no more requests, lets those under way finish for `DRAIN_TIMEOUT_MS`, then ends every connection. May be
   * called twice.
   */
  close(): Promise<void>
}

/**
 * Starts to listen. The caller has the store's lock, so a socket that is there belongs to a process that is gone.
 * What anybody sends ends their own connection at worst.
 */
export async function serveLocalSocket(options: LocalSocketOptions): Promise<LocalSocketServer> {
  const { path } = options
  await rm(path, { force: true })
  const connections = new Set<Connection>()
  const accept = async (socket: Socket): Promise<void> => {
    // Most processes that have a store open are never asked anything.
    const { Connection } = await import('./connection.ts')
    if (connections.size >= MAX_SOCKET_CONNECTIONS) {
      socket.destroy()
      return
    }
    const connection = new Connection(socket, options)
    connections.add(connection)
    void connection.ended.then(() => connections.delete(connection))
  }
  let accepted = Promise.resolve()
  const server = createServer((socket) => {
    socket.on('error', () => {})
    accepted = accept(socket).catch(() => void socket.destroy())
  })
  await listen(server, path)
  await chmod(path, 0o600)
  let closing: Promise<void> | undefined
  return {
    path,
    close: () => {
      closing ??= closeServer(server, options.runtime, async () => {
        await accepted
        return connections
      })
      return closing
    }
  }
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      // Accepting can fail when the process is out of file descriptors; those who wait try again.
      server.on('error', () => {})
      resolve()
    })
  })
}

async function closeServer(
  server: Server,
  runtime: Runtime,
  accepted: () => Promise<ReadonlySet<Connection>>
): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const connections = await accepted()
  const ended = Promise.all([...connections].map((connection) => connection.ended))
  for (const connection of connections) connection.drain()
  await within(runtime, DRAIN_TIMEOUT_MS, ended)
  for (const connection of connections) connection.stop()
  await within(runtime, DRAIN_TIMEOUT_MS, ended)
  for (const connection of connections) connection.destroy()
  await closed
}

/** Waits for a promise, but not for ever. */
async function within(runtime: Runtime, ms: number, promise: Promise<unknown>): Promise<void> {
  let cancelTimer = (): void => {}
  const timeout = new Promise<void>((resolve) => {
    cancelTimer = runtime.timer(ms, resolve)
  })
  await Promise.race([promise, timeout]).finally(cancelTimer)
}
