/** Runs jobs one after the other, in the order they came. A failed job does not stop the next. */
export class SerialQueue {
  #last: Promise<unknown> = Promise.resolve()

  run<T>(job: () => Promise<T>): Promise<T> {
    const result = this.#last.then(job)
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Resolves when nothing is left, what jobs add while they run included. */
  async drained(): Promise<void> {
    for (let last: Promise<unknown> | undefined; last !== this.#last; ) {
      last = this.#last
      await last
    }
  }
}
