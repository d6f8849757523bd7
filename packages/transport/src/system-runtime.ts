import { randomBytes } from 'node:crypto'
import type { Runtime } from '@cis-memory/core'

/** The real clock, randomness and timers. Its timers never keep a process alive. */
export const systemRuntime: Runtime = {
  now: () => Date.now(),
  random: (length) => new Uint8Array(randomBytes(length)),
  timer: (ms, callback) => {
    const handle = setTimeout(callback, ms)
    handle.unref()
    return () => clearTimeout(handle)
  }
}
