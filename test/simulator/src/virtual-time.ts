interface Event {
  readonly atMs: number
  readonly sequence: number
  readonly run: () => void
  isCancelled: boolean
}

/**
 * Time that passes only when there is something to do. Whatever waits in a simulation waits here: timers, frames on
 * their way, writes on their way to the disk. One event runs at a time, and all that follows from it without waiting
 * runs before the next.
 */
export class VirtualTime {
  #nowMs: number
  #sequence = 0
  #count = 0
  /** A binary heap, earliest first. */
  readonly #heap: Event[] = []

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have happened. */
  get count(): number {
    return this.#count
  }

  /** @returns what cancels it */
  after(ms: number, run: () => void): () => void {
    const event = { atMs: this.#nowMs + Math.max(ms, 0), sequence: this.#sequence++, run, isCancelled: false }
    this.#push(event)
    return () => {
      event.isCancelled = true
    }
  }

  /** Resolves after a while. */
  pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve)
    })
  }

  /** Lets everything happen that is due within `ms`. `onEvent` hears of each event after all that follows from it. */
  async pass(ms: number, onEvent: () => void): Promise<void> {
    const untilMs = this.#nowMs + ms
    // What was begun just now may not have come to its first event yet.
    await quiet()
    for (;;) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) break
      this.#pop()
      if (next.isCancelled) continue
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      this.#count++
      next.run()
      await quiet()
      onEvent()
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs)
  }

  /** Moves on at once, as a machine that was asleep does: what was due meanwhile is late. */
  leap(ms: number): void {
    this.#nowMs += ms
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(event, heap[parent] as Event)) break
      heap[at] = heap[parent] as Event
      at = parent
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Event
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++
      if (!isBefore(heap[child] as Event, last)) break
      heap[at] = heap[child] as Event
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs === b.atMs ? a.sequence < b.sequence : a.atMs < b.atMs
}

/**
 * Resolves when every promise that could settle has settled. It is not a timer: Node runs it once nothing is left to
 * do, and nothing else in a simulation waits for the machine.
 */
export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
