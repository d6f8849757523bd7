import type { AbortOptions, DeviceId } from '@cis-memory/core'
import type { SyncSummary } from '../operations/contract.ts'

/** What a holder asks of one sync with one peer. */
export interface PeerSyncOptions extends AbortOptions {
  readonly direction: 'push' | 'pull' | 'both'
  /** An absolute path. */
  readonly scope: string
  /** Paths within it. @default all */
  readonly keys?: readonly string[]
  readonly onProgress?: (progress: { readonly sent: number; readonly received: number }) => void
}

export interface OpenInvitation {
  readonly code: string
  /** Milliseconds since 1970. */
  readonly expiresAt: number
  /** Resolves with the device that joined with it. */
  joined(options: AbortOptions): Promise<DeviceId>
}

/** The network part of a holder, as its operations use it. */
export interface NodePort {
  addresses(): readonly string[]
  connectedPeers(): readonly DeviceId[]
  knownAddresses(device: DeviceId): Promise<readonly string[]>
  /** Keeps peers connected from now on. @throws {TransportError} `TRANSPORT_BAD_ADDRESS` */
  keepConnected(addresses: readonly string[]): void
  disconnect(device: DeviceId): Promise<void>
  sync(
    peer: DeviceId | string,
    options: PeerSyncOptions
  ): Promise<SyncSummary & { readonly device: DeviceId }>
  broadcast(path: string): Promise<{ readonly reached: number }>
  invite(options: { readonly expiresInMs?: number }): Promise<OpenInvitation>
  close(): Promise<void>
}
