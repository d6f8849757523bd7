/** Events of several sources as one stream, in the order they came. The sources are not held back: keep them few. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #events: T[] = []
  #outcome: { readonly error: unknown } | 'open' | 'done' = 'open'
  #wake: () => void = () => {}

  push(event: T): void {
    this.#events.push(event)
    this.#wake()
  }

  /** No more events; what was pushed is still given out. */
  end(): void {
    this.#settle('done')
  }

  fail(error: unknown): void {
    this.#settle({ error })
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const event = this.#events.shift()
      if (event !== undefined) yield event
      else if (this.#outcome === 'done') return
      else if (this.#outcome !== 'open') throw this.#outcome.error
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    }
  }

  #settle(outcome: { readonly error: unknown } | 'done'): void {
    if (this.#outcome === 'open') this.#outcome = outcome
    this.#wake()
  }
}
