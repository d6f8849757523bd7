import type { DeviceId } from '../entry/ed25519.ts'

export interface AbortOptions {
  readonly signal?: AbortSignal
}

/**
 * An ordered, encrypted, two-way line of frames to one proven peer. `transport` implements it over libp2p; the
 * in-memory pair in `memory-channel.ts` is the reference. Implementations pass `channelSuite` of
 * `@cis-memory/core/compliance`.
 */
export interface FrameChannel {
  /** The device at the other end, proven by the encryption layer. */
  readonly peer: DeviceId
  /**
   * Sends one frame of at most `MAX_FRAME_BYTES`. Resolves once there is room for the next: awaiting every call
   * is the back-pressure. The caller must not change the bytes afterwards.
   *
   * @throws {SyncError} `SYNC_FRAME_TOO_LARGE`, `SYNC_DISCONNECTED`
   */
  send(frame: Uint8Array, options?: AbortOptions): Promise<void>
  /**
   * The next frame, or `undefined` after the peer has closed its side cleanly. Reading is the back-pressure: the
   * peer is slowed down while nobody reads. Frames are the caller's to keep.
   *
   * @throws {SyncError} `SYNC_DISCONNECTED` when the line broke, `SYNC_FRAME_TOO_LARGE` when the peer announced
   * too large a frame.
   */
  receive(options?: AbortOptions): Promise<Uint8Array | undefined>
  /** Closes our side after what was sent; the peer reads a clean end. May be called twice. */
  close(): Promise<void>
  /** Drops the line at once; the peer sees it break. */
  abort(reason: Error): void
}
