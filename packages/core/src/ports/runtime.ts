/**
 * The world outside `core`: time, randomness and timers. Production hands in the real ones, the simulator
 * virtual ones, and the same code runs in both.
 */
export interface Runtime {
  /** Wall-clock milliseconds since 1970. May jump in either direction. */
  now(): number
  /** Unpredictable bytes; the caller owns them. */
  random(length: number): Uint8Array
  /** Calls back once after `ms`; the returned function cancels. A pending timer must not keep a process alive. */
  timer(ms: number, callback: () => void): () => void
}
