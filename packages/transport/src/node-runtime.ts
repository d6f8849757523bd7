import { randomFillSync } from 'node:crypto'
import type { Runtime } from '@cis-memory/core'

/** The real world: the clock of this machine, its randomness, and timers that keep no process alive. */
export function nodeRuntime(): Runtime {
  return {
    now: () => Date.now(),
    random: (length) => randomFillSync(new Uint8Array(length)),
    timer: (ms, callback) => {
      const timeout = setTimeout(callback, ms)
      timeout.unref()
      return () => clearTimeout(timeout)
    }
  }
}
