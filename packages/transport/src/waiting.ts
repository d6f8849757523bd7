import type { Runtime } from '@cis-memory/core'
import { resolvers } from '@cis-memory/core/sync'

/** Waits for a promise, at most until the signal is aborted: then rejects with its reason. */
export async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  const aborted = resolvers<never>()
  const onAbort = (): void => aborted.reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, aborted.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

export interface Deadline {
  readonly runtime: Runtime
  readonly ms: number
  /** Any of these ends the work early; its reason is what the work's signal is aborted with. */
  readonly signals: readonly (AbortSignal | undefined)[]
}

/**
 * Hands work a signal that is aborted at the deadline. Unlike `AbortSignal.any`, which on Node 20 keeps what it makes
 * alive as long as its oldest source, nothing remains afterwards.
 */
export async function withDeadline<T>(
  { runtime, ms, signals }: Deadline,
  work: (signal: AbortSignal) => Promise<T>
): Promise<T> {
  const controller = new AbortController()
  const cancel = runtime.timer(ms, () => controller.abort(new Error(`no answer within ${ms} ms`)))
  const followed = signals.filter((signal) => signal !== undefined)
  const follow = (event: Event): void => controller.abort((event.target as AbortSignal).reason)
  for (const signal of followed) {
    if (signal.aborted) controller.abort(signal.reason)
    signal.addEventListener('abort', follow, { once: true })
  }
  try {
    return await work(controller.signal)
  } finally {
    cancel()
    for (const signal of followed) signal.removeEventListener('abort', follow)
  }
}
