import type { Runtime } from '@cis-memory/core'

/** A clock that moves when told. Draws the same bytes every time. */
export class VirtualRuntime implements Runtime {
  #nowMs = 0
  #timers: Array<{ atMs: number; callback: () => void }> = []

  now(): number {
    return this.#nowMs
  }

  random(length: number): Uint8Array {
    return new Uint8Array(length)
  }

  timer(ms: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  get pending(): number {
    return this.#timers.length
  }

  /** Moves the clock, runs what falls due in order, and lets promises settle after each. */
  async advance(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await settle()
    for (;;) {
      const [next] = this.#timers.filter((timer) => timer.atMs <= endMs).sort((a, b) => a.atMs - b.atMs)
      if (next === undefined) break
      this.#nowMs = next.atMs
      this.#timers = this.#timers.filter((timer) => timer !== next)
      next.callback()
      await settle()
    }
    this.#nowMs = endMs
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}
