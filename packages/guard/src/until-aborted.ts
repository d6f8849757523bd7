/** Waits for something that may not heed a signal, until the signal aborts; rejects with its reason then. */
export async function untilAborted<Result>(running: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let stop: (() => void) | undefined
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
  })
  try {
    const result = await Promise.race([running, aborted])
    // What an agent still computed after the abort is not what was asked for.
    signal.throwIfAborted()
    return result
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop)
  }
}
