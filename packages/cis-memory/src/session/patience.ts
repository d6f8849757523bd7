import type { AbortOptions, Runtime } from '@cis-memory/core'
import { HOLDER_RETRY_MS } from '../limits.ts'

export interface PatienceOptions extends AbortOptions {
  readonly runtime: Runtime
  /** How long to go on trying. */
  readonly waitMs: number
  /** Whether what a failure says will pass. */
  readonly isPassing: (error: unknown) => boolean
}

/** Tries again and again what another process is in the way of. */
export async function patiently<T>(attempt: () => Promise<T>, options: PatienceOptions): Promise<T> {
  const { runtime, waitMs, isPassing, signal } = options
  const deadline = runtime.now() + waitMs
  for (;;) {
    signal?.throwIfAborted()
    try {
      return await attempt()
    } catch (error) {
      if (!isPassing(error) || runtime.now() >= deadline) throw error
    }
    await new Promise<void>((resolve) => {
      setTimeout(resolve, HOLDER_RETRY_MS)
    })
  }
}
